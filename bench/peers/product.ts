// The work of a matrix product contest, C = op(A)·op(B), and its check against float64.
import { numbers, places } from '../harness/numbers.ts';

export interface ProductSize {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** N as it is, T transposed, for A then B; op(A) is m×k, op(B) k×n. */
  readonly layout: 'NN' | 'NT' | 'TN' | 'TT';
  readonly batch: number;
}

export const operations = ({ m, k, n, batch }: ProductSize): number => 2 * m * k * n * batch;

/** Bytes of the operands and the result, each once. */
export const bytes = ({ m, k, n, batch }: ProductSize): number => 4 * batch * (m * k + k * n + m * n);

/** Relative to the sum of absolute products: a sum of 3,072 rounded terms, in any order, stays far below. */
export const PRODUCT_TOLERANCE = 2e-6;

/** A and B, the same for every contestant. */
export const operandA = ({ m, k, batch }: ProductSize): Float32Array<ArrayBuffer> => numbers(batch * m * k, 1);
export const operandB = ({ k, n, batch }: ProductSize): Float32Array<ArrayBuffer> => numbers(batch * k * n, 2);

/** Elements of C that are checked. */
export const checkedPlaces = ({ m, n, batch }: ProductSize): readonly number[] => places(batch * m * n);

/** The largest error of `values`, C at `checkedPlaces`, relative to the sum of absolute products. */
export function productError(size: ProductSize, values: readonly number[]): number {
  const { m, k, n, layout } = size;
  const [a, b] = [operandA(size), operandB(size)];
  const [aRow, aColumn] = layout.startsWith('T') ? [1, m] : [k, 1];
  const [bRow, bColumn] = layout.endsWith('T') ? [1, k] : [n, 1];
  const errors = checkedPlaces(size).map((place, at) => {
    const [p, i, j] = [Math.floor(place / (m * n)), Math.floor(place / n) % m, place % n];
    let [sum, scale] = [0, 0];
    for (let l = 0; l < k; l++) {
      const x = a[p * m * k + i * aRow + l * aColumn] ?? Number.NaN;
      const y = b[p * k * n + l * bRow + j * bColumn] ?? Number.NaN;
      sum += x * y;
      scale += Math.abs(x * y);
    }
    return Math.abs((values[at] ?? Number.NaN) - sum) / scale;
  });
  return Math.max(...errors); // NaN when one is
}

/** The same of a whole result. */
export const resultError = (size: ProductSize, result: ArrayLike<number>): number =>
  productError(
    size,
    checkedPlaces(size).map((place) => result[place] ?? Number.NaN),
  );
