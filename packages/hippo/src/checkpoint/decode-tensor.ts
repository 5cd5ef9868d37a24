// From the bytes of a tensor in a file, little-endian and row-major, to numbers in memory, the same for every file format: floats
// become f32, integers and truth values i32, u32 stays. Bytes that are already the numbers are not copied; the half types go through
// typed arrays, since a DataView costs several times as much an element.
import { CheckpointError } from '../errors.ts';
import {
  allocateArray,
  bytesPerElement,
  type DType,
  type StorageDType,
  type TypedArray,
  viewArray,
} from '../tensor/dtype.ts';
import { bfloat16ToFloat, float16ToFloat } from '../tensor/half-floats.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { decodeBfloat16, decodeFloat16 } from './half-float-arrays.ts';
import type { TensorEntry } from './safetensors-header.ts';

/** What the bytes are, and where they stand for error sentences. */
export interface StoredElements {
  readonly file: string;
  readonly tensor: string;
  readonly dtype: StorageDType;
  /** Number of the first element within its tensor; default 0. */
  readonly first?: number;
}

/** The type that numbers stored as `dtype` have in memory. */
export function typeInMemory(dtype: StorageDType): DType {
  if (dtype === 'u32') return 'u32';
  return dtype === 'f64' || dtype === 'f32' || dtype === 'f16' || dtype === 'bf16' ? 'f32' : 'i32';
}

/** One number of each storage type. */
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

/**
 * The numbers of a tensor whose elements stand in `data`, which is taken over where its bytes are the numbers already.
 * @throws CheckpointError as `decodeElements`.
 */
export function decodeTensor(
  { name, dtype, shape }: Pick<TensorEntry, 'name' | 'dtype' | 'shape'>,
  data: Uint8Array,
  file: string,
): HostTensor {
  return { shape, dtype: typeInMemory(dtype), data: decodeElements(data, { file, tensor: name, dtype }) };
}

/**
 * All the numbers in `bytes` (little-endian, as hosts of WebAssembly are).
 * @throws CheckpointError `integer-range`, `float-range` for an i64 or f64 beyond 32 bits.
 */
export function decodeElements(bytes: Uint8Array, stored: StoredElements): TypedArray {
  const { dtype } = stored;
  const type = typeInMemory(dtype);
  const count = bytes.byteLength / bytesPerElement(dtype);
  const aligned = bytes.byteOffset % bytesPerElement(dtype) === 0 ? bytes : new Uint8Array(bytes);
  if (dtype === type) return viewArray(type, aligned.buffer, aligned.byteOffset, count);
  if (dtype === 'f16') return decodeFloat16(new Uint16Array(aligned.buffer, aligned.byteOffset, count));
  if (dtype === 'bf16') return decodeBfloat16(new Uint16Array(aligned.buffer, aligned.byteOffset, count));
  const result = allocateArray(type, count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decode = decoders[dtype];
  for (let i = 0; i < count; i++) {
    const value = decode(view, i);
    result[i] = value;
    const lost = type === 'f32' ? Number.isFinite(value) && !Number.isFinite(result[i]) : result[i] !== value;
    if (lost) throw outOfRange(stored, i, value);
  }
  return result;
}

function outOfRange({ file, tensor, dtype, first = 0 }: StoredElements, index: number, value: number): CheckpointError {
  const type = typeInMemory(dtype);
  const [code, kind] = type === 'f32' ? ['float-range', 'floats'] : ['integer-range', 'integers'];
  const element = first + index;
  return new CheckpointError(
    code,
    `${file}: tensor "${tensor}" must fit 32-bit ${kind}; got ${value} at element ${element}. Convert the file to ${type} with the program that wrote it.`,
    { file, tensor, element, value },
  );
}
