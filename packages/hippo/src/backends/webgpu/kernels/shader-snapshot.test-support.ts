// The shaders that a graph becomes, as text for snapshots.
import { traceGraph } from '../../../graph/trace.ts';
import type { Value } from '../../../graph/value.ts';
import { makePlan } from '../../../plan/make-plan.ts';
import { webGpuKernels } from '../kernel-table.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Binding, Dispatch } from './dispatch.ts';

/** What every WebGPU device has. */
export const baseTraits: DeviceTraits = {
  maxStorageBuffers: 8,
  maxBindingBytes: 2 ** 27,
  maxWorkgroupBytes: 2 ** 14,
  maxThreads: 256,
  f16: false,
  subgroups: undefined,
  subgroupMatrices: [],
  precision: 'f32',
};

/** Every dispatch of the graph's plan: what it binds, how many workgroups it has, its text. */
export function shaderTexts(build: () => Record<string, Value>, traits: DeviceTraits = baseTraits): string {
  const plan = makePlan(traceGraph(build), webGpuKernels(traits, 2 ** 28), { verify: true });
  const dispatches = plan.steps.flatMap(({ kernel, outputs }) =>
    kernel.dispatches(outputs.map((location) => location !== undefined)),
  );
  return `${dispatches.map(dispatchText).join('\n\n')}\n`;
}

function dispatchText({ label, bindings, workgroups, code }: Dispatch): string {
  return [`// ${label}: ${workgroups.join(' × ')} workgroups`, ...bindings.map(bindingText), code].join('\n');
}

function bindingText({ name, memory, element, access }: Binding): string {
  const range = 'range' in memory && memory.range ? ` ${memory.range.from} … ${memory.range.to}` : '';
  const index = 'index' in memory ? ` ${memory.index}` : '';
  return `// ${access === 'read' ? 'reads' : 'writes'} ${name}: array<${element}> = ${memory.space}${index}${range}`;
}
