// Errors of the WebGPU backend as typed errors of Hippo: no adapter, limits, shaders that do not compile, memory that ran out, a
// device that was lost.
import { BackendError } from '../../errors.ts';

/** Errors that the device reported outside any call; they are thrown by the next call that waits for the device. */
export interface DeviceErrors {
  /** Takes note of an error; the first one is kept. */
  report(error: BackendError): void;
  /** @throws the error reported, if there is one. A lost device stays lost; other errors are thrown once. */
  check(): void;
  readonly lost: boolean;
  /** From now on the end of the device is no error. */
  close(): void;
}

/** Listens to a device. */
export function watchDevice(device: GPUDevice): DeviceErrors {
  let pending: BackendError | undefined;
  let lost: BackendError | undefined;
  let closed = false;
  const report = (error: BackendError): void => {
    pending ??= error;
  };
  device.addEventListener('uncapturederror', (event) => {
    const { error } = event as GPUUncapturedErrorEvent;
    report(fromGpuError(error));
  });
  void device.lost.then(({ reason, message }) => {
    if (closed) return;
    lost = new BackendError(
      'device-lost',
      `webgpu: the device was lost (${message || reason}). Open a device anew and load the last checkpoint.`,
      { reason },
    );
  });
  return {
    report,
    check() {
      if (lost) throw lost;
      const error = pending;
      pending = undefined;
      if (error) throw error;
    },
    get lost() {
      return lost !== undefined;
    },
    close() {
      closed = true;
    },
  };
}

function fromGpuError(error: GPUError): BackendError {
  const outOfMemory = error.constructor.name === 'GPUOutOfMemoryError';
  return outOfMemory
    ? new BackendError('out-of-memory', `webgpu: the device ran out of memory (${error.message}).`)
    : new BackendError('device-error', `webgpu: the device reported an error: ${error.message}`);
}

/** The shader's text with line numbers and the compiler's messages. */
export function shaderError(label: string, source: string, messages: readonly string[]): BackendError {
  const lines = source.split('\n');
  const width = String(lines.length).length;
  const numbered = lines.map((line, index) => `${String(index + 1).padStart(width)} | ${line}`).join('\n');
  return new BackendError(
    'shader-compile',
    `webgpu, ${label}: the shader does not compile:\n${messages.join('\n')}\n${numbered}`,
    { label, messages },
  );
}
