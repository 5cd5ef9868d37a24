// Devices that tests of the WebGPU backend ask for kernels without opening one.
import type { DeviceTraits } from '../backends/webgpu/traits.ts';

/** The limits that every WebGPU device has (WebGPU specification, limits), and none of the optional features. */
export const everyDevice: DeviceTraits = {
  maxStorageBuffers: 8,
  maxBindingBytes: 128 * 2 ** 20,
  maxWorkgroupBytes: 16 * 2 ** 10,
  maxThreads: 256,
  f16: false,
  subgroups: undefined,
  subgroupMatrices: [],
  precision: 'f32',
};

/** A graphics card with everything (an H100 through Vulkan), where products are made of halves. */
export const largeDevice: DeviceTraits = {
  maxStorageBuffers: 16,
  maxBindingBytes: 2 ** 31,
  maxWorkgroupBytes: 48 * 2 ** 10,
  maxThreads: 1024,
  f16: true,
  subgroups: { min: 32, max: 32 },
  subgroupMatrices: [{ m: 16, n: 16, k: 16, component: 'f16', result: 'f32' }],
  precision: 'f16',
};
