// Compute pipelines, cached by their shader's text, and the layouts of their bindings.

import { shaderError } from './errors.ts';
import type { Dispatch } from './kernels/dispatch.ts';

export type BindingKind = 'storage' | 'read-only-storage';

export interface Pipelines {
  /** Compiles a shader, or gives the pipeline that it became before. */
  pipeline(label: string, source: string, kinds: readonly BindingKind[]): Promise<GPUComputePipeline>;
  layout(kinds: readonly BindingKind[]): GPUBindGroupLayout;
}

export function createPipelines(device: GPUDevice): Pipelines {
  const layouts = new Map<string, GPUBindGroupLayout>();
  const pipelines = new Map<string, Promise<GPUComputePipeline>>();
  const layout = (kinds: readonly BindingKind[]): GPUBindGroupLayout => {
    const key = kinds.join();
    const known = layouts.get(key);
    if (known) return known;
    const entries = kinds.map((type, binding) => ({ binding, visibility: 4 /* COMPUTE */, buffer: { type } }));
    const made = device.createBindGroupLayout({ entries });
    layouts.set(key, made);
    return made;
  };
  return {
    layout,
    pipeline(label, source, kinds) {
      const known = pipelines.get(source);
      if (known) return known;
      const made = compilePipeline(device, { label, source, layout: layout(kinds) });
      pipelines.set(source, made);
      return made;
    },
  };
}

async function compilePipeline(
  device: GPUDevice,
  { label, source, layout }: { readonly label: string; readonly source: string; readonly layout: GPUBindGroupLayout },
): Promise<GPUComputePipeline> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label, code: source });
  const scope = device.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  const problem = await scope;
  const errors = messages
    .filter(({ type }) => type === 'error')
    .map(({ lineNum, linePos, message }) => `line ${lineNum}, column ${linePos}: ${message}`);
  if (errors.length > 0 || problem)
    throw shaderError(label, source, errors.length > 0 ? errors : [problem?.message ?? '']);
  try {
    return await device.createComputePipelineAsync({
      label,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
  } catch (error) {
    throw shaderError(label, source, [error instanceof Error ? error.message : String(error)]);
  }
}

/** A binding whose memory is known. */
export interface PlacedBinding {
  readonly name: string;
  readonly element: string;
  readonly access: 'read' | 'write';
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** Whether a copy would copy a piece of memory to itself: see `Dispatch.copies`. */
export function isIdle({ copies }: Dispatch, placed: readonly PlacedBinding[]): boolean {
  if (!copies) return false;
  const from = placed.find(({ name }) => name === copies.from);
  const to = placed.find(({ name }) => name === copies.to);
  return from !== undefined && from.buffer === to?.buffer && from.offset === to.offset;
}

/** The whole shader and its bindings: one for each distinct piece of memory. */
export interface AssembledShader {
  readonly source: string;
  readonly kinds: readonly BindingKind[];
  readonly bindings: readonly PlacedBinding[];
}

/**
 * Declares the bindings. WebGPU lets no buffer be bound for reading and for writing in one dispatch, nor two pieces for writing
 * that overlap: what lies in a buffer that the dispatch writes is declared writable, and operands with the same memory (a result
 * in place of an operand) share a binding.
 */
export function assembleShader(dispatch: Dispatch, placed: readonly PlacedBinding[]): AssembledShader {
  const written = new Set(placed.filter(({ access }) => access === 'write').map(({ buffer }) => buffer));
  const bindings: PlacedBinding[] = [];
  let { code } = dispatch;
  for (const binding of placed) {
    const same = bindings.find(({ buffer, offset }) => buffer === binding.buffer && offset === binding.offset);
    // Reading one piece of memory as two types is allowed where nothing is written to its buffer.
    if (!same || (same.element !== binding.element && !written.has(binding.buffer))) {
      bindings.push(binding);
      continue;
    }
    if (same.element !== binding.element) {
      throw new Error(
        `${dispatch.label}: ${same.name} and ${binding.name} share memory and must have one element type`,
      );
    }
    // Not what follows a point: `workgroup.y` is no binding.
    code = code.replaceAll(new RegExp(`(?<!\\.)\\b${binding.name}\\b`, 'g'), same.name);
    bindings[bindings.indexOf(same)] = { ...same, size: Math.max(same.size, binding.size) };
  }
  const kinds = bindings.map(({ buffer }) => (written.has(buffer) ? 'storage' : 'read-only-storage'));
  const declarations = bindings.map(({ name, element }, index) => {
    const mode = kinds[index] === 'storage' ? 'read_write' : 'read';
    return `@group(0) @binding(${index}) var<storage, ${mode}> ${name}: array<${element}>;`;
  });
  const enables = (dispatch.extensions ?? []).map((name) => `enable ${name};`);
  return { source: [...enables, ...declarations, code].join('\n'), kinds, bindings };
}
