// Buffers of a device: allocation with the bytes counted, and copies back to the host through mapped staging buffers.
import { BackendError } from '../../errors.ts';
import type { DeviceErrors } from './errors.ts';

/** Flags of GPUBufferUsage and GPUMapMode (WebGPU specification); Node has no such globals. */
const usage = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, storage: 0x80 } as const;
const mapForReading = 0x1;

/** Bytes of writes that wait on the host before they are sent; a model's weights must not lie there a second time as a whole. */
const mostUnsent = 1 << 26;

/** A part of a buffer. */
export interface Piece {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

export interface DeviceMemory {
  /** Bytes of all buffers held, staging included. */
  readonly allocatedBytes: number;
  readonly maxBufferBytes: number;
  /** @throws BackendError `buffer-too-large`; memory that ran out shows at the next call that waits for the device. */
  allocate(bytes: number, label: string): GPUBuffer;
  free(buffer: GPUBuffer): void;
  write(piece: Piece, data: ArrayBufferView): void;
  /** Zeros, after the writes so far and before the runs to come. */
  clear(buffer: GPUBuffer): void;
  /**
   * Submits a command buffer for each part, the last one with copies of the pieces, and waits for their bytes, one after another.
   * The device works on a part while the next one is encoded.
   */
  run(parts: readonly ((encoder: GPUCommandEncoder) => void)[], pieces: readonly Piece[]): Promise<ArrayBuffer>;
  dispose(): void;
}

export function createMemory(device: GPUDevice, errors: DeviceErrors): DeviceMemory {
  const sizes = new Map<GPUBuffer, number>();
  /** Staging buffers that no copy is using. */
  const idle: GPUBuffer[] = [];
  let allocatedBytes = 0;
  let unsent = 0;
  const { maxBufferSize } = device.limits;

  const create = (bytes: number, label: string, flags: number): GPUBuffer => {
    errors.check();
    if (bytes > maxBufferSize) {
      throw new BackendError(
        'buffer-too-large',
        `webgpu, ${label}: needs a buffer of ${bytes} bytes; this device allows ${maxBufferSize}. Use a device with larger buffers, a smaller model or batch, or the wasm backend.`,
        { bytes, maxBufferSize },
      );
    }
    device.pushErrorScope('out-of-memory');
    const buffer = device.createBuffer({ label, size: bytes, usage: flags });
    void device.popErrorScope().then((error) => {
      if (error) errors.report(outOfMemory(label, bytes, allocatedBytes));
    });
    sizes.set(buffer, bytes);
    allocatedBytes += bytes;
    return buffer;
  };
  const free = (buffer: GPUBuffer): void => {
    allocatedBytes -= sizes.get(buffer) ?? 0;
    sizes.delete(buffer);
    buffer.destroy();
  };
  const staging = (bytes: number): GPUBuffer => {
    const at = idle.findIndex((buffer) => buffer.size >= bytes);
    const [found] = at < 0 ? [] : idle.splice(at, 1);
    if (found) return found;
    // A larger one takes the place of one that has become too small.
    const small = idle.pop();
    if (small) free(small);
    return create(roundUp(bytes, 256), 'staging', usage.mapRead | usage.copyTarget);
  };

  return {
    get allocatedBytes() {
      return allocatedBytes;
    },
    maxBufferBytes: maxBufferSize,
    allocate: (bytes, label) =>
      create(roundUp(Math.max(bytes, 16), 16), label, usage.storage | usage.copySource | usage.copyTarget),
    free,
    write({ buffer, offset }, data) {
      errors.check();
      device.queue.writeBuffer(buffer, offset, data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
      unsent += data.byteLength;
      if (unsent < mostUnsent) return;
      device.queue.submit([]);
      unsent = 0;
    },
    clear(buffer) {
      errors.check();
      const encoder = device.createCommandEncoder();
      encoder.clearBuffer(buffer);
      device.queue.submit([encoder.finish()]);
    },
    async run(parts, pieces) {
      errors.check();
      const total = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
      const target = total > 0 ? staging(total) : undefined;
      for (const encode of parts.slice(0, -1)) {
        const encoder = device.createCommandEncoder();
        encode(encoder);
        device.queue.submit([encoder.finish()]);
      }
      const encoder = device.createCommandEncoder();
      parts[parts.length - 1]?.(encoder);
      let at = 0;
      for (const { buffer, offset, bytes } of pieces) {
        if (target && bytes > 0) encoder.copyBufferToBuffer(buffer, offset, target, at, bytes);
        at += bytes;
      }
      device.queue.submit([encoder.finish()]);
      if (!target) {
        await device.queue.onSubmittedWorkDone();
        errors.check();
        return new ArrayBuffer(0);
      }
      return await readStaging(target, { bytes: total, errors, release: () => idle.push(target) });
    },
    dispose() {
      for (const buffer of [...sizes.keys()]) free(buffer);
    },
  };
}

async function readStaging(
  staging: GPUBuffer,
  { bytes, errors, release }: { readonly bytes: number; readonly errors: DeviceErrors; readonly release: () => void },
): Promise<ArrayBuffer> {
  try {
    await staging.mapAsync(mapForReading, 0, bytes);
  } catch (cause) {
    errors.check();
    throw new BackendError('device-error', 'webgpu: results could not be read back from the device.', {}, { cause });
  }
  const copy = staging.getMappedRange(0, bytes).slice(0);
  staging.unmap();
  release();
  errors.check();
  return copy;
}

function outOfMemory(label: string, bytes: number, held: number): BackendError {
  return new BackendError(
    'out-of-memory',
    `webgpu, ${label}: the device has no memory for ${bytes} bytes more; ${held} are held. Use a smaller model or batch, or close other programs that use the device.`,
    { bytes, allocatedBytes: held },
  );
}

function roundUp(bytes: number, multiple: number): number {
  return Math.ceil(bytes / multiple) * multiple;
}
