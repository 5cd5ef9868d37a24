// What a kernel's generator hands to the backend: compute dispatches, each with its shader text and the memory that it binds.

/** A piece of memory by its role in the step; the plan says where it lies. Byte ranges start at multiples of 256. */
export type Memory =
  | {
      readonly space: 'input' | 'output';
      readonly index: number;
      /** A part of the operand; default: all of it. */
      readonly range?: ByteRange;
    }
  | { readonly space: 'workspace'; readonly range: ByteRange }
  /** The kernel's table: see `KernelChoice.table`. */
  | { readonly space: 'table' };

export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

export interface Binding {
  /** Its name in the shader, `name[i]`. Where two bindings are the same memory, the second one's name is replaced by the first's. */
  readonly name: string;
  readonly memory: Memory;
  /** WGSL type of an element: `f32`, `vec4<f32>`, `atomic<u32>`, … */
  readonly element: string;
  readonly access: 'read' | 'write';
}

/** A WGSL extension that the shader enables. */
export type ShaderExtension = 'f16' | 'subgroups' | 'chromium_experimental_subgroup_matrix';

/** One dispatch; a barrier lies between any two. */
export interface Dispatch {
  /** What it does, for profiles and errors. */
  readonly label: string;
  /** At most `DeviceTraits.maxStorageBuffers`. */
  readonly bindings: readonly Binding[];
  /** Everything but the bindings' declarations; the entry point is `main`. Constants of the shapes are part of the text. */
  readonly code: string;
  readonly extensions?: readonly ShaderExtension[];
  /** It copies one binding to another and is left out where both are the same memory (a result in place of its operand). */
  readonly copies?: { readonly from: string; readonly to: string };
  /** Each at most 65,535: see `gridOf`. */
  readonly workgroups: readonly [number, number, number];
}

/** How one operation runs. */
export interface KernelChoice {
  /** The dispatches in order. `wanted` says which results somebody reads; false only for those in `optionalOutputs`. */
  dispatches(wanted: readonly boolean[]): readonly Dispatch[];
  /** Bytes of scratch memory for the dispatches; default 0. */
  readonly workspaceBytes?: number;
  /** Numbers that no operand changes, written once for all kernels of the same key when a plan is prepared. */
  readonly table?: { readonly key: string; readonly bytes: number; readonly fill: Dispatch };
  readonly optionalOutputs?: readonly number[];
  /** Why this kernel, where there was a choice. */
  readonly reason?: string;
}

export const input = (index: number, range?: ByteRange): Memory =>
  range ? { space: 'input', index, range } : { space: 'input', index };
export const output = (index: number, range?: ByteRange): Memory =>
  range ? { space: 'output', index, range } : { space: 'output', index };
export const workspace = (from: number, to: number): Memory => ({ space: 'workspace', range: { from, to } });

/** A binding that is only read. */
export const reads = (name: string, memory: Memory, element = 'f32'): Binding => ({
  name,
  memory,
  element,
  access: 'read',
});
/** A binding that is written, or read and written. */
export const writes = (name: string, memory: Memory, element = 'f32'): Binding => ({
  name,
  memory,
  element,
  access: 'write',
});

/** The next multiple of 256, at which every range of a workspace must start. */
export function alignRange(bytes: number): number {
  return Math.ceil(bytes / 256) * 256;
}
