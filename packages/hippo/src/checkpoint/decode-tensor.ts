// From the bytes of a tensor in a file, little-endian and row-major, to numbers in memory: the same for every file format.
import { CheckpointError } from '../errors.ts';
import { allocateArray, bytesPerElement, type DType, type StorageDType, viewArray } from '../tensor/dtype.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { elementCount } from '../tensor/shape.ts';
import { bfloat16ToFloat, float16ToFloat } from './half-floats.ts';
import type { TensorEntry } from './safetensors-header.ts';

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

/**
 * The numbers of a tensor whose elements stand in `data` row-major: floats as f32, u32 as it is, other integers and truth values as
 * i32. Takes `data` over where its bytes are the numbers already.
 * @throws CheckpointError `integer-range` and `float-range` for an i64 or f64 beyond 32 bits.
 */
export function decodeTensor(
  { name, dtype, shape }: Pick<TensorEntry, 'name' | 'dtype' | 'shape'>,
  data: Uint8Array,
  file: string,
): HostTensor {
  const count = elementCount(shape);
  const type = typeInMemory(dtype);
  if (dtype === type) {
    // Hosts of WebAssembly are little-endian, as the file is: the bytes are the numbers, and a large embedding is held once.
    const aligned = data.byteOffset % bytesPerElement(type) === 0 ? data : new Uint8Array(data);
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
