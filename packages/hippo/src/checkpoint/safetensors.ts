// Reads tensors from safetensors files by range, never the whole file: a source is anything that can read bytes at an offset.
import { CheckpointError } from '../errors.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { decodeTensor } from './decode-tensor.ts';
import { headerLength, parseHeader, type TensorEntry } from './safetensors-header.ts';

/** Bytes by range: a file, a blob, an array in memory. */
export interface ByteSource {
  /** For error sentences. */
  readonly name: string;
  readonly size: number;
  /** Exactly `length` bytes from `offset`, which the caller may keep and change. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Named tensors, read when asked for. */
export interface TensorSource {
  readonly tensors: ReadonlyMap<string, Pick<TensorEntry, 'name' | 'dtype' | 'shape' | 'bytes'>>;
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * The tensor's numbers: floats as f32, u32 as it is, other integers and truth values as i32.
   * @throws CheckpointError `missing-tensor`, `truncated`, or `integer-range` and `float-range` for an i64 or f64 beyond 32 bits.
   */
  read(name: string): Promise<HostTensor>;
}

/** A source over bytes in memory. Reads are copies, which `slice` would not make of a Node buffer. */
export function memorySource(bytes: Uint8Array, name = 'memory'): ByteSource {
  return {
    name,
    size: bytes.length,
    read: async (offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)),
  };
}

/**
 * Opens a safetensors file: reads and checks its header, nothing else.
 * @throws CheckpointError with a code that names the broken rule.
 */
export async function openSafetensors(source: ByteSource): Promise<TensorSource> {
  const first = await source.read(0, Math.min(8, source.size));
  const length = headerLength(source.name, first, source.size);
  const { tensors, metadata } = parseHeader(source.name, await readExactly(source, 8, length), source.size);
  return {
    tensors,
    metadata,
    async read(name) {
      const entry = tensors.get(name);
      if (!entry) throw missingTensor(source.name, name);
      return decodeTensor(entry, await readExactly(source, entry.offset, entry.bytes), source.name);
    },
  };
}

/** @throws CheckpointError `truncated` when the source gives fewer bytes. */
export async function readExactly(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await source.read(offset, length);
  if (bytes.length === length) return bytes;
  throw new CheckpointError(
    'truncated',
    `${source.name}: ${length} bytes were expected at ${offset}; got ${bytes.length}. The file is shorter than it says; copy or download it again.`,
    { file: source.name },
  );
}

export function missingTensor(file: string, tensor: string): CheckpointError {
  return new CheckpointError('missing-tensor', `${file}: there is no tensor "${tensor}".`, { file, tensor });
}
