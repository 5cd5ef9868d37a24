import { expect, it } from 'vitest';
import { wasmKernels } from '../backends/wasm/kernel-table.ts';
import { webGpuKernels } from '../backends/webgpu/kernel-table.ts';
import { baseTraits } from '../backends/webgpu/kernels/shader-snapshot.test-support.ts';
import { openDevice } from '../session/device.ts';
import { supportTable } from './support-table.test-support.ts';

it('docs/support.md is what the kernel tables say', async () => {
  await using reference = await openDevice({ backend: 'reference' });
  const table = supportTable([
    wasmKernels({ threads: 1, wide: false }),
    webGpuKernels(baseTraits, 256 * 2 ** 20),
    reference.backend.kernels,
  ]);
  await expect(table).toMatchFileSnapshot('../../../../docs/support.md');
});
