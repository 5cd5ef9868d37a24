// Element types. Numbers are computed as f32 or i32; f16 is how a backend may keep the factors of matrix products, and the other types
// exist for storage in files.

/** Types that values in a graph can have. `u32` holds random keys. */
export type DType = 'f32' | 'i32' | 'u32' | 'f16';

/** Types that tensors in files can have, named as in safetensors, lower case. */
export type StorageDType = DType | 'f64' | 'bf16' | 'i64' | 'i16' | 'i8' | 'u8' | 'bool';

/** The arrays that hold values on the host; those of f16 hold bits. */
export type TypedArray = Float32Array | Int32Array | Uint32Array | Uint16Array;

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

const arrays = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, f16: Uint16Array } as const;

/** The kind of host array that holds a type. */
export function arrayOf<D extends DType>(dtype: D): (typeof arrays)[D] {
  return arrays[dtype];
}

/** Bytes of one element. */
export function bytesPerElement(dtype: StorageDType): number {
  return byteSizes[dtype];
}

/** A zero-filled host array of `count` elements. */
export function allocateArray(dtype: DType, count: number): TypedArray {
  return new arrays[dtype](count);
}

/** A typed view of `count` elements in a buffer, starting at `byteOffset`. */
export function viewArray(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, count: number): TypedArray {
  // Typed arrays take shared memory too; their types say so for one kind at a time only.
  return new arrays[dtype](buffer as ArrayBuffer, byteOffset, count);
}
