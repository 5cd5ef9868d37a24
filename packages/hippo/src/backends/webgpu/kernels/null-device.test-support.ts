// Compiles shaders on Dawn's null device, which has every feature and computes nothing: the compiler's own validation of text that no
// device of the tests can run. In Node alone.
import { assembleShader } from '../pipelines.ts';
import type { Dispatch } from './dispatch.ts';

/** @returns the compiler's messages, in order. */
export async function compileOnNullDevice(sources: readonly string[]): Promise<readonly string[]> {
  const { create } = (await import('webgpu')) as { create(options: readonly string[]): GPU };
  const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  const adapter = await gpu.requestAdapter();
  const requiredFeatures = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'];
  const device = await adapter?.requestDevice({ requiredFeatures: requiredFeatures as GPUFeatureName[] });
  if (!device) throw new Error('no null device');
  const messages: string[] = [];
  for (const code of sources) {
    device.pushErrorScope('validation');
    const info = await device.createShaderModule({ code }).getCompilationInfo();
    messages.push(...info.messages.map(({ lineNum, message }) => `${lineNum}: ${message}`));
    await device.popErrorScope();
  }
  return messages;
}

/** The dispatch's shader with every binding in a buffer of its own. */
export function shaderOf(dispatch: Dispatch): string {
  const placed = dispatch.bindings.map((binding) => ({
    ...binding,
    buffer: {} as GPUBuffer, // told apart by identity alone
    offset: 0,
    size: 16,
  }));
  return assembleShader(dispatch, placed).source;
}
