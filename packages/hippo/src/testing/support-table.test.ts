import { expect, it } from 'vitest';
import { wasmKernels } from '../backends/wasm/kernel-table.ts';
import { webGpuKernels } from '../backends/webgpu/kernel-table.ts';
import type { DeviceTraits } from '../backends/webgpu/traits.ts';
import { openDevice } from '../session/device.ts';
import { supportTable } from './support-table.test-support.ts';

/** The limits that every WebGPU device has (WebGPU specification, limits), and none of the optional features. */
const everyDevice: DeviceTraits = {
  maxStorageBuffers: 8,
  maxBindingBytes: 128 * 2 ** 20,
  maxWorkgroupBytes: 16 * 2 ** 10,
  maxThreads: 256,
  f16: false,
  subgroups: undefined,
  subgroupMatrices: [],
  precision: 'f32',
};

it('docs/support.md is what the kernel tables say', async () => {
  await using reference = await openDevice({ backend: 'reference' });
  const table = supportTable([
    wasmKernels({ threads: 1, wide: false }),
    webGpuKernels(everyDevice, 256 * 2 ** 20),
    reference.backend.kernels,
  ]);
  await expect(table).toMatchFileSnapshot('../../../../docs/support.md');
});
