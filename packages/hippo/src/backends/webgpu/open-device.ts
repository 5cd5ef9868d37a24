// Opens a device on an adapter with the features and limits that the kernels make use of, and says what it has.
import { BackendError } from '../../errors.ts';
import type { DeviceDetails } from '../backend.ts';
import { detailsOf, limitNames, nameOf } from './describe-device.ts';
import { type AdapterOptions, openAdapter } from './open-adapter.ts';
import type { DeviceTraits, SubgroupMatrix } from './traits.ts';

/** What a device may have beyond the base, by the names used here; the values are WebGPU's. */
const features = {
  f16: 'shader-f16',
  subgroups: 'subgroups',
  'subgroup-matrices': 'chromium-experimental-subgroup-matrix',
  timestamps: 'timestamp-query',
} as const;

export type WebGpuFeature = keyof typeof features;
export const webGpuFeatures = Object.keys(features) as readonly WebGpuFeature[];

export interface WebGpuOptions extends AdapterOptions {
  /** Features that must be there. */
  readonly require?: readonly WebGpuFeature[];
  /** Features that are not used although they may be there. */
  readonly without?: readonly WebGpuFeature[];
  /** `default`: ask for no more than every WebGPU device has. Default: all that the adapter has. */
  readonly limits?: 'adapter' | 'default';
  /** What products of matrices and attention are made in; `f16` needs the feature f16 and adds in f32. Default `f32`. */
  readonly precision?: 'f32' | 'f16';
}

export interface OpenedDevice {
  readonly device: GPUDevice;
  readonly traits: DeviceTraits;
  readonly timestamps: boolean;
  readonly description: string;
  readonly details: DeviceDetails;
  /** Keeps alive what the device needs. */
  readonly gpu: GPU;
}

/** @throws BackendError `missing-feature`; what `openAdapter` throws passes. */
export async function openWebGpuDevice(options: WebGpuOptions = {}): Promise<OpenedDevice> {
  const { adapter, gpu } = await openAdapter(options);
  const offered = webGpuFeatures.filter((name) => adapter.features.has(features[name]));
  const wanted = [...(options.require ?? []), ...(options.precision === 'f16' ? (['f16'] as const) : [])];
  const missing = wanted.filter((name) => !offered.includes(name));
  if (missing.length > 0) {
    throw new BackendError(
      'missing-feature',
      `webgpu: asked for ${missing.join(', ')}; ${nameOf(adapter)} offers ${offered.join(', ') || 'none of the optional features'}. Ask for less, or use the wasm backend.`,
      { missing, offered },
    );
  }
  const used = offered.filter((name) => !options.without?.includes(name));
  const requiredLimits: Record<string, number> = {};
  if (options.limits !== 'default') for (const name of limitNames) requiredLimits[name] = adapter.limits[name];
  const device = await adapter.requestDevice({
    requiredFeatures: used.map((name) => features[name]) as GPUFeatureName[],
    requiredLimits,
  });
  const traits = traitsOf({ device, adapter, used, precision: options.precision ?? 'f32' });
  const extras = used.length > 0 ? used.join(', ') : 'no optional features';
  return {
    device,
    traits,
    timestamps: used.includes('timestamps'),
    description: `${nameOf(adapter)}; ${extras}; buffers up to ${formatMebibytes(device.limits.maxBufferSize)}, ${traits.maxWorkgroupBytes / 1024} KiB of workgroup memory; products in ${traits.precision}`,
    details: detailsOf(adapter, device, used),
    gpu,
  };
}

function traitsOf({
  device: { limits },
  adapter,
  used,
  precision,
}: {
  readonly device: GPUDevice;
  readonly adapter: GPUAdapter;
  readonly used: readonly WebGpuFeature[];
  readonly precision: 'f32' | 'f16';
}): DeviceTraits {
  const { info } = adapter;
  return {
    maxStorageBuffers: limits.maxStorageBuffersPerShaderStage,
    maxBindingBytes: limits.maxStorageBufferBindingSize,
    maxWorkgroupBytes: limits.maxComputeWorkgroupStorageSize,
    maxThreads: Math.min(
      limits.maxComputeInvocationsPerWorkgroup,
      limits.maxComputeWorkgroupSizeX,
      limits.maxComputeWorkgroupSizeY,
    ),
    f16: used.includes('f16'),
    subgroups: used.includes('subgroups')
      ? { min: info.subgroupMinSize ?? 4, max: info.subgroupMaxSize ?? 128 }
      : undefined,
    subgroupMatrices: used.includes('subgroup-matrices') ? subgroupMatricesOf(info) : [],
    precision,
  };
}

/** The experimental field is not part of the types. */
function subgroupMatricesOf(info: GPUAdapterInfo): readonly SubgroupMatrix[] {
  const { subgroupMatrixConfigs = [] } = info as GPUAdapterInfo & {
    readonly subgroupMatrixConfigs?: readonly {
      readonly M: number;
      readonly N: number;
      readonly K: number;
      readonly componentType: string;
      readonly resultComponentType: string;
    }[];
  };
  return subgroupMatrixConfigs.map(({ M, N, K, componentType, resultComponentType }) => ({
    m: M,
    n: N,
    k: K,
    component: componentType,
    result: resultComponentType,
  }));
}

function formatMebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
