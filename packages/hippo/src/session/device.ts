// Opens a device: the one place where a backend is named. Nothing falls back in silence: what was chosen, and why, is in
// `device.description`; a backend that was asked for by name and cannot be had is an error.

import type { Backend, DeviceDetails } from '../backends/backend.ts';
import type { WebGpuOptions } from '../backends/webgpu/open-device.ts';
import { UsageError } from '../errors.ts';

export type BackendName = 'wasm' | 'webgpu' | 'reference';

export const backendNames: readonly BackendName[] = ['wasm', 'webgpu', 'reference'];

export interface DeviceOptions {
  /** Default `wasm`, which runs everywhere. */
  readonly backend?: BackendName;
  /** Threads for the wasm backend; default: the number of cores. */
  readonly threads?: number;
  /** False keeps the wasm backend from using relaxed SIMD (fused multiply-add). */
  readonly relaxedSimd?: boolean;
  /** Kernels made for 256-bit vectors; default: where those are switched on (`enableWideVectors`), elsewhere they are slower. */
  readonly wideVectors?: boolean;
  /** For the webgpu backend. */
  readonly webgpu?: WebGpuOptions;
}

/** An open backend. Close it with `dispose()` or `await using`. */
export interface Device extends AsyncDisposable {
  readonly backend: Backend;
  readonly name: BackendName;
  readonly description: string;
  /** What a GPU is called, offers and allows; absent where the backend has no choice of devices. */
  readonly details?: DeviceDetails;
  dispose(): Promise<void>;
}

/**
 * Opens a backend.
 * @throws UsageError `unknown-backend`; BackendError when the backend cannot run here.
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const name = options.backend ?? 'wasm';
  const backend = await openBackend(name, options);
  const dispose = (): Promise<void> => backend.dispose();
  const { description, details } = backend;
  return { backend, name, description, ...(details && { details }), dispose, [Symbol.asyncDispose]: dispose };
}

async function openBackend(name: BackendName, options: DeviceOptions): Promise<Backend> {
  switch (name) {
    case 'wasm': {
      const { openWasmBackend } = await import('../backends/wasm/backend.ts');
      return openWasmBackend({
        ...(options.threads !== undefined && { threads: options.threads }),
        ...(options.relaxedSimd !== undefined && { relaxed: options.relaxedSimd }),
        ...(options.wideVectors !== undefined && { wide: options.wideVectors }),
      });
    }
    case 'webgpu': {
      const { openWebGpuBackend } = await import('../backends/webgpu/backend.ts');
      return openWebGpuBackend(options.webgpu);
    }
    case 'reference': {
      const { openReferenceBackend } = await import('../backends/reference/backend.ts');
      return openReferenceBackend();
    }
    default:
      throw new UsageError(
        'unknown-backend',
        `openDevice: backend must be one of ${backendNames.join(', ')}; got "${String(name)}".`,
        { backend: name },
      );
  }
}
