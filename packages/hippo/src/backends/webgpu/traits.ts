// What kernels depend on besides the node: limits and features of the opened device, and the precision asked for.

/** A product of small matrices that a subgroup makes together: C [m, n] += A [m, k]·B [k, n]. */
export interface SubgroupMatrix {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** WGSL type of A and B, and of C. */
  readonly component: string;
  readonly result: string;
}

export interface DeviceTraits {
  /** Storage buffers that a dispatch may bind. */
  readonly maxStorageBuffers: number;
  /** Bytes that one binding may cover. */
  readonly maxBindingBytes: number;
  /** Bytes of workgroup memory. */
  readonly maxWorkgroupBytes: number;
  /** Threads of a workgroup, and the most along its first two axes. */
  readonly maxThreads: number;
  /** Half-precision numbers in shaders (`enable f16`). */
  readonly f16: boolean;
  /** Sizes that a subgroup may have, where subgroup operations are offered. */
  readonly subgroups: { readonly min: number; readonly max: number } | undefined;
  /** Sizes offered; empty without the feature. */
  readonly subgroupMatrices: readonly SubgroupMatrix[];
  /** What products of matrices, those of attention too, are made in: `f16` rounds the factors to half precision and adds in f32. */
  readonly precision: 'f32' | 'f16';
}
