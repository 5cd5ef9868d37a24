// Element types. Numbers are computed as f32 or i32; the other types exist for storage in files.

/** Types that values in a graph can have. `u32` holds random keys. */
export type DType = 'f32' | 'i32' | 'u32';

/** Types that tensors in files can have, named as in safetensors, lower case. */
export type StorageDType = DType | 'f64' | 'f16' | 'bf16' | 'i64' | 'i16' | 'i8' | 'u8' | 'bool';

/** The arrays that hold values on the host. */
export type TypedArray = Float32Array | Int32Array | Uint32Array;

const byteSizes = {
  f64: 8,
  i64: 8,
  f32: 4,
  i32: 4,
  u32: 4,
  f16: 2,
  bf16: 2,
  i16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
} as const satisfies Record<StorageDType, number>;

/** Bytes of one element. */
export function bytesPerElement(dtype: StorageDType): number {
  return byteSizes[dtype];
}

/** A zero-filled host array of `count` elements. */
export function allocateArray(dtype: DType, count: number): TypedArray {
  if (dtype === 'f32') return new Float32Array(count);
  return dtype === 'i32' ? new Int32Array(count) : new Uint32Array(count);
}

/** A typed view of `count` elements in a buffer, starting at `byteOffset`. */
export function viewArray(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, count: number): TypedArray {
  if (dtype === 'f32') return new Float32Array(buffer, byteOffset, count);
  return dtype === 'i32' ? new Int32Array(buffer, byteOffset, count) : new Uint32Array(buffer, byteOffset, count);
}
