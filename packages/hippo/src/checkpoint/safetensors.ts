// Reads tensors from safetensors files by range, never the whole file: a source is anything that can read bytes at an offset.
import { CheckpointError } from '../errors.ts';
import { allocateArray, bytesPerElement, type DType, type StorageDType, viewArray } from '../tensor/dtype.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { bfloat16ToFloat, float16ToFloat } from './half-floats.ts';
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

/** A source over bytes in memory. */
export function memorySource(bytes: Uint8Array, name = 'memory'): ByteSource {
  return { name, size: bytes.length, read: async (offset, length) => bytes.slice(offset, offset + length) };
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
      if (!entry)
        throw new CheckpointError('missing-tensor', `${source.name}: there is no tensor "${name}".`, {
          file: source.name,
          tensor: name,
        });
      return decodeTensor(entry, await readExactly(source, entry.offset, entry.bytes), source.name);
    },
  };
}

async function readExactly(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await source.read(offset, length);
  if (bytes.length === length) return bytes;
  throw new CheckpointError(
    'truncated',
    `${source.name}: ${length} bytes were expected at ${offset}; got ${bytes.length}. The file is shorter than it says; copy or download it again.`,
    { file: source.name },
  );
}

/** One number of each storage type, and whether it becomes an integer. */
const decoders: Readonly<Record<StorageDType, (view: DataView, index: number) => number>> = {
  f64: (view, i) => view.getFloat64(i * 8, true),
  f32: (view, i) => view.getFloat32(i * 4, true),
  f16: (view, i) => float16ToFloat(view.getUint16(i * 2, true)),
  bf16: (view, i) => bfloat16ToFloat(view.getUint16(i * 2, true)),
  i64: (view, i) => Number(view.getBigInt64(i * 8, true)),
  i32: (view, i) => view.getInt32(i * 4, true),
  u32: (view, i) => view.getUint32(i * 4, true),
  i16: (view, i) => view.getInt16(i * 2, true),
  i8: (view, i) => view.getInt8(i),
  u8: (view, i) => view.getUint8(i),
  bool: (view, i) => view.getUint8(i),
};

function decodeTensor({ name, dtype, shape }: TensorEntry, data: Uint8Array, file: string): HostTensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const type = typeInMemory(dtype);
  if (dtype === type) {
    // Hosts of WebAssembly are little-endian, as the file is: the bytes are the numbers, and a large embedding is held once.
    const aligned = data.byteOffset % bytesPerElement(type) === 0 ? data : data.slice();
    return { shape, dtype: type, data: viewArray(type, aligned.buffer, aligned.byteOffset, count) };
  }
  const result = allocateArray(type, count);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const decode = decoders[dtype];
  for (let i = 0; i < count; i++) {
    const value = decode(view, i);
    result[i] = value;
    const lost = type === 'f32' ? Number.isFinite(value) && !Number.isFinite(result[i]) : result[i] !== value;
    if (!lost) continue;
    const [code, kind] = type === 'f32' ? ['float-range', 'floats'] : ['integer-range', 'integers'];
    throw new CheckpointError(
      code,
      `${file}: tensor "${name}" must fit 32-bit ${kind}; got ${value} at element ${i}. Convert the file to ${type} with the program that wrote it.`,
      { file, tensor: name, element: i, value },
    );
  }
  return { shape, dtype: type, data: result };
}

function typeInMemory(dtype: StorageDType): DType {
  if (dtype === 'u32') return 'u32';
  return dtype === 'f64' || dtype === 'f32' || dtype === 'f16' || dtype === 'bf16' ? 'f32' : 'i32';
}
