// The parts of the built package that the measurements of single kernels need and users do not: loaded from beside its entry point.
type Modules = {
  readonly 'open-device': typeof import('../../packages/hippo/src/backends/webgpu/open-device.js');
  readonly pipelines: typeof import('../../packages/hippo/src/backends/webgpu/pipelines.js');
  readonly 'kernels/causal-attention': typeof import('../../packages/hippo/src/backends/webgpu/kernels/causal-attention.js');
  readonly 'kernels/causal-attention-gradient': typeof import('../../packages/hippo/src/backends/webgpu/kernels/causal-attention-gradient.js');
  readonly 'kernels/causal-attention-gradient-subgroup': typeof import('../../packages/hippo/src/backends/webgpu/kernels/causal-attention-gradient-subgroup.js');
  readonly 'kernels/causal-attention-subgroup': typeof import('../../packages/hippo/src/backends/webgpu/kernels/causal-attention-subgroup.js');
  readonly 'kernels/matmul-choose': typeof import('../../packages/hippo/src/backends/webgpu/kernels/matmul-choose.js');
  readonly 'kernels/matmul-tile': typeof import('../../packages/hippo/src/backends/webgpu/kernels/matmul-tile.js');
  readonly '../../tensor/half-floats': typeof import('../../packages/hippo/src/tensor/half-floats.js');
  readonly 'kernels/matmul-subgroup-form': typeof import('../../packages/hippo/src/backends/webgpu/kernels/matmul-subgroup-form.js');
};

/** That of the package, or of this repository's build where packages are not linked (a machine that got built files alone). */
function entryPoint(): string {
  try {
    return import.meta.resolve('hippo');
  } catch {
    return new URL('../../../packages/hippo/dist/index.js', import.meta.url).href;
  }
}

/** A module of the WebGPU backend. */
export async function webGpuModule<Name extends keyof Modules>(name: Name): Promise<Modules[Name]> {
  const address = new URL(`./backends/webgpu/${name}.js`, entryPoint());
  return (await import(address.href)) as Modules[Name]; // the table above says what lies there
}

export type { SubgroupAttentionForm } from '../../packages/hippo/src/backends/webgpu/kernels/attention-subgroup-tile.js';
export type { AttentionNode } from '../../packages/hippo/src/backends/webgpu/kernels/attention-tile.js';
export type { Dispatch, KernelChoice } from '../../packages/hippo/src/backends/webgpu/kernels/dispatch.js';
export type { MatmulForm } from '../../packages/hippo/src/backends/webgpu/kernels/matmul-choose.js';
export type { Product } from '../../packages/hippo/src/backends/webgpu/kernels/matmul-product.js';
export type { SubgroupMatrixForm } from '../../packages/hippo/src/backends/webgpu/kernels/matmul-subgroup-form.js';
export type { TileForm } from '../../packages/hippo/src/backends/webgpu/kernels/matmul-tile.js';
export type { OpenedDevice } from '../../packages/hippo/src/backends/webgpu/open-device.js';
export type { DeviceTraits } from '../../packages/hippo/src/backends/webgpu/traits.js';
