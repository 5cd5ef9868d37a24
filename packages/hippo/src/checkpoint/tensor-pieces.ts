// Reads tensors of a source in parts of bounded size, so that memory holds a part and not the largest embedding of a model.
import type { TypedArray } from '../tensor/dtype.ts';
import { elementCount } from '../tensor/shape.ts';
import type { TensorSource } from './safetensors.ts';

/** Elements of one part: 8 MiB of f32. The disk does not notice, and what waits for the garbage collector stays small. */
export const elementsPerPiece = 2 * 1024 * 1024;

/** Elements `begin` to `end` of a tensor; a source that cannot read parts reads the whole for it. */
export async function readElements(
  source: TensorSource,
  name: string,
  [begin, end]: readonly [number, number],
): Promise<TypedArray> {
  if (source.readRange) return source.readRange(name, begin, end);
  return (await source.read(name)).data.subarray(begin, end);
}

/** A tensor's numbers in order, in parts of at most `most` elements. */
export async function* tensorPieces(
  source: TensorSource,
  name: string,
  most = elementsPerPiece,
): AsyncGenerator<TypedArray> {
  const count = elementCount(source.tensors.get(name)?.shape ?? []);
  if (count <= most || !source.readRange) {
    yield (await source.read(name)).data;
    return;
  }
  for (let begin = 0; begin < count; begin += most)
    yield await source.readRange(name, begin, Math.min(begin + most, count));
}

/** Whether two tensors hold the same numbers, bit for bit except that 0 = −0; NaN equals NaN. Reads both in parts. */
export async function sameNumbers(source: TensorSource, a: string, b: string): Promise<boolean> {
  const count = elementCount(source.tensors.get(a)?.shape ?? []);
  if (count !== elementCount(source.tensors.get(b)?.shape ?? [])) return false;
  const step = source.readRange ? elementsPerPiece : Math.max(count, 1);
  for (let begin = 0; begin < count; begin += step) {
    const range = [begin, Math.min(begin + step, count)] as const;
    const [x, y] = [await readElements(source, a, range), await readElements(source, b, range)];
    if (!x.every((value, i) => value === y[i] || (Number.isNaN(value) && Number.isNaN(y[i])))) return false;
  }
  return true;
}
