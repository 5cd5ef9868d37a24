// Whether the suites run on WebGPU too: they must where HIPPO_TEST_WEBGPU is `required`, they do not where it is `off`, and
// elsewhere they do when an adapter is found. A run without says so once.
import { type DeviceOptions, openDevice } from '../session/device.ts';

/** What every WebGPU device has, and nothing beyond it. */
const base: DeviceOptions = {
  backend: 'webgpu',
  webgpu: { limits: 'default', without: ['f16', 'subgroups', 'subgroup-matrices', 'timestamps'] },
};

async function isTested(): Promise<boolean> {
  const asked = process.env.HIPPO_TEST_WEBGPU ?? 'auto';
  if (asked === 'off') return false;
  try {
    await (await openDevice(base)).dispose();
    return true;
  } catch (error) {
    if (asked === 'required') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    console.warn(`WebGPU suites not run: ${reason}`);
    return false;
  }
}

/** Whether suites run on WebGPU. */
export const webGpuTested: boolean = await isTested();

/** Devices that the conformance suites run on: all that the adapter has, and the least a device may have. */
export const webGpuDevices: Readonly<Record<string, DeviceOptions>> = webGpuTested
  ? { webgpu: { backend: 'webgpu' }, 'webgpu, base features and limits': base }
  : {};
