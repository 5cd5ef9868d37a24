// Reads tensors from safetensors files by range, never the whole file: a source is anything that can read bytes at an offset.
import { CheckpointError, UsageError } from '../errors.ts';
import { bytesPerElement, type TypedArray } from '../tensor/dtype.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { elementCount } from '../tensor/shape.ts';
import { decodeElements, typeInMemory } from './decode-tensor.ts';
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
  /**
   * Elements `begin` to `end` (not included) of the tensor in row-major order, as `read` gives them. Absent where a source only
   * reads whole tensors; `readElements` serves both. @throws UsageError `element-range`, else as `read`.
   */
  readRange?(name: string, begin: number, end: number): Promise<TypedArray>;
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
  const entryOf = (name: string): TensorEntry => {
    const entry = tensors.get(name);
    if (entry) return entry;
    throw missingTensor(source.name, name);
  };
  const readRange = async (name: string, begin: number, end: number): Promise<TypedArray> => {
    const entry = entryOf(name);
    const { dtype, offset } = entry;
    const size = bytesPerElement(dtype);
    checkElementRange(source.name, entry, [begin, end]);
    const bytes = await readExactly(source, offset + begin * size, (end - begin) * size);
    return decodeElements(bytes, { file: source.name, tensor: name, dtype, first: begin });
  };
  return {
    tensors,
    metadata,
    readRange,
    async read(name) {
      const { shape, dtype } = entryOf(name);
      return { shape, dtype: typeInMemory(dtype), data: await readRange(name, 0, elementCount(shape)) };
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

/** @throws UsageError `element-range` for a range that is not inside the tensor. */
export function checkElementRange(
  file: string,
  { name, shape }: Pick<TensorEntry, 'name' | 'shape'>,
  [begin, end]: readonly [number, number],
): void {
  const count = elementCount(shape);
  if (begin >= 0 && begin <= end && end <= count) return;
  throw new UsageError(
    'element-range',
    `${file}: tensor "${name}" has elements 0 to ${count}; got a range from ${begin} to ${end}. Stay inside the tensor.`,
    { tensor: name, begin, end },
  );
}
