// Whether the suites run on WebGPU too, and on which devices. In Node it was decided before the run (webgpu-setup); in a browser they
// always do, since that is what those tests are run for.
import { inject } from 'vitest';
import type { DeviceOptions } from '../session/device.ts';
import { inBrowser } from './test-file.test-support.ts';

/** Whether suites run on WebGPU. */
export const webGpuTested: boolean = inBrowser || inject('webGpuInNode');

/** What every WebGPU device has, and nothing beyond it. */
const base: DeviceOptions = {
  backend: 'webgpu',
  webgpu: { limits: 'default', without: ['f16', 'subgroups', 'subgroup-matrices', 'timestamps'] },
};

/**
 * Devices that the conformance suites run on: all that the adapter has, and the least a device may have. The latter in Node alone:
 * a software adapter takes up to a second for each shader, and a browser's shaders are the same.
 */
export const webGpuDevices: Readonly<Record<string, DeviceOptions>> = {
  ...(webGpuTested && { webgpu: { backend: 'webgpu' } }),
  ...(webGpuTested && !inBrowser && { 'webgpu, base features and limits': base }),
};
