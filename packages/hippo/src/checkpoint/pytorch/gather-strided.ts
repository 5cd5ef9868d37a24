// Copies the elements of a strided view (transposed, sliced, expanded) into row-major order, by words of the element's size, so that
// no bit of a number changes on the way.
import { contiguousStrides, elementCount, type Shape } from '../../tensor/shape.ts';

type Words = Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

/** Whether the elements stand in row-major order already; the stride of an axis of size 1 says nothing. */
export function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  const row = contiguousStrides(shape);
  return shape.every((size, axis) => size === 1 || strides[axis] === row[axis]);
}

/** The elements in row-major order; `bytes` begins at the first one. The view must lie inside `bytes` and have elements. */
export function gatherStrided(
  bytes: Uint8Array,
  { shape, strides, elementBytes }: { shape: Shape; strides: readonly number[]; elementBytes: number },
): Uint8Array {
  const result = new Uint8Array(elementCount(shape) * elementBytes);
  const [from, to] = [wordsOf(bytes, elementBytes), wordsOf(result, elementBytes)];
  const rank = shape.length;
  const [width, step] = [shape[rank - 1] ?? 1, strides[rank - 1] ?? 0];
  const index = new Array<number>(rank).fill(0);
  let begin = 0;
  for (let row = 0; row < to.length; row += width) {
    for (let i = 0; i < width; i++) {
      // Both arrays are of one kind: the types cannot say that the element of one fits the other.
      to[row + i] = from[begin + i * step] as never;
    }
    for (let axis = rank - 2; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      const [size, stride] = [shape[axis] ?? 1, strides[axis] ?? 0];
      begin += stride;
      index[axis] = next;
      if (next < size) break;
      begin -= size * stride;
      index[axis] = 0;
    }
  }
  return result;
}

function wordsOf(bytes: Uint8Array, size: number): Words {
  const { buffer, byteOffset, length } = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  if (size === 1) return new Uint8Array(buffer, byteOffset, length);
  if (size === 2) return new Uint16Array(buffer, byteOffset, length / 2);
  if (size === 4) return new Uint32Array(buffer, byteOffset, length / 4);
  return new BigUint64Array(buffer, byteOffset, length / 8);
}
