// Finds a WebGPU adapter: the page's or worker's own, or in Node that of the `webgpu` package, an optional peer dependency.
import { BackendError } from '../../errors.ts';

export interface AdapterOptions {
  /** Default: the faster one. */
  readonly power?: 'high-performance' | 'low-power';
  /** Node: switches of the package's Dawn to turn on; default: those listed in this file with their reasons. */
  readonly toggles?: readonly string[];
}

/** An adapter, and what must stay referenced for as long as the device lives: once it is collected, Node's process aborts. */
export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly gpu: GPU;
}

/**
 * Subgroup matrices are hidden without the first, f16 on NVIDIA cards without the second. The third leaves out the checks that Dawn adds
 * to every index of a shader: ours are within bounds by the shapes, or checked where they come from data (ids, targets, positions).
 * On an H100 products of matrices are 1.1 (f32) to 1.4 times (f16) as fast without. Browsers always have the checks.
 */
const usualToggles: readonly string[] = ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia', 'disable_robustness'];

/**
 * Timestamps would be rounded to 100 µs, which protects web pages and is of no use here. Workgroup memory is zero either way; by the
 * Vulkan extension software adapters take ten times as long to compile (SwiftShader: 3 to 5 s a shader instead of 0.2 to 0.6).
 */
const unwantedToggles: readonly string[] = [
  'timestamp_quantization',
  'use_vulkan_zero_initialize_workgroup_memory_extension',
];

/** @throws BackendError `no-webgpu` where there is no WebGPU at all, `no-adapter` where it has no adapter. */
export async function openAdapter({ power, toggles = usualToggles }: AdapterOptions = {}): Promise<FoundAdapter> {
  const gpu = await openGpu(toggles);
  const adapter = await gpu.requestAdapter({ powerPreference: power ?? 'high-performance' });
  if (adapter) return { adapter, gpu };
  throw new BackendError(
    'no-adapter',
    'webgpu: looked for a WebGPU adapter; this system offers none (in Node a Vulkan, Metal or Direct3D 12 driver is needed, in a browser WebGPU must be switched on). Use the wasm backend, which runs everywhere.',
  );
}

async function openGpu(toggles: readonly string[]): Promise<GPU> {
  if (typeof navigator !== 'undefined' && 'gpu' in navigator && navigator.gpu) return navigator.gpu;
  if (typeof process !== 'undefined' && process.versions?.node) return await openNodeGpu(toggles);
  throw new BackendError(
    'no-webgpu',
    'webgpu: this browser offers no WebGPU here (it needs a secure context: https or localhost). Use the wasm backend, which runs everywhere.',
  );
}

interface NodeWebGpu {
  create(options: readonly string[]): GPU;
}

async function openNodeGpu(toggles: readonly string[]): Promise<GPU> {
  // A name in a variable keeps bundlers for browsers from looking for the package.
  const name = 'webgpu';
  let loaded: NodeWebGpu;
  try {
    loaded = (await import(/* @vite-ignore */ name)) as NodeWebGpu;
  } catch (cause) {
    throw new BackendError(
      'no-webgpu',
      'webgpu: Node needs the package "webgpu", which could not be loaded. Install it beside Hippo (npm install webgpu), or use the wasm backend.',
      {},
      { cause },
    );
  }
  return loaded.create([
    ...(toggles.length > 0 ? [`enable-dawn-features=${toggles.join()}`] : []),
    `disable-dawn-features=${unwantedToggles.join()}`,
  ]);
}
