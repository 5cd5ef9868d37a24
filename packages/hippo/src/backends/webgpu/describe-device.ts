// What a device is, for people: the adapter in words, the features in use, the limits that kernels depend on.
import type { DeviceDetails } from '../backend.ts';

/** The limits asked for, and told. */
export const limitNames = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
] as const;

/** The adapter in words. */
export function nameOf({ info }: GPUAdapter): string {
  const words = [info.description || info.device, info.vendor, info.architecture].filter((word) => word !== '');
  return [...new Set(words)].join(', ') || 'an adapter without a name';
}

/** The same, taken apart. */
export function detailsOf(adapter: GPUAdapter, device: GPUDevice, features: readonly string[]): DeviceDetails {
  return {
    adapter: nameOf(adapter),
    features,
    limits: Object.fromEntries(limitNames.map((name) => [name, device.limits[name]])),
  };
}
