// The work of a convolution contest: y[d,b,t] = Σ_{j≤t} k[d,j]·u[d,b,t−j], every channel's kernel transformed once a run and used
// for the rows of the batch. Its check against float64 is the sum itself, at some places.
import { numbers, places } from '../harness/numbers.ts';

export interface ConvolutionSize {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
}

export const rowCount = ({ channels, batch }: ConvolutionSize): number => channels * batch;
export const rowsOf = (size: ConvolutionSize): Float32Array<ArrayBuffer> => numbers(rowCount(size) * size.length, 1);
export const kernelsOf = ({ channels, length }: ConvolutionSize): Float32Array<ArrayBuffer> =>
  numbers(channels * length, 2);

/** The usual count for two transforms of 2·length complex numbers, 5 N log₂ N each, and their product, for two rows. */
export const nominalOperations = (size: ConvolutionSize): number =>
  rowCount(size) * 2 * size.length * (5 * Math.log2(2 * size.length) + 3);

export const checkedPlaces = (size: ConvolutionSize): readonly number[] => places(rowCount(size) * size.length, 200);

/**
 * The largest error of `values`, the result at `checkedPlaces`, relative to √(Σ k²·Σ u²): a transform mixes all of a row, so
 * its rounding errors belong to the row, not to one sum.
 */
export function convolutionError(size: ConvolutionSize, values: readonly number[]): number {
  const { batch, length } = size;
  const [u, k] = [rowsOf(size), kernelsOf(size)];
  const errors = checkedPlaces(size).map((place, at) => {
    const row = Math.floor(place / length);
    const [time, kernel] = [place % length, Math.floor(row / batch) * length];
    let [sum, squaresOfKernel, squaresOfRow] = [0, 0, 0];
    for (let j = 0; j < length; j++) {
      const [tap, x] = [k[kernel + j] ?? Number.NaN, u[row * length + j] ?? Number.NaN];
      squaresOfKernel += tap * tap;
      squaresOfRow += x * x;
      if (j <= time) sum += tap * (u[row * length + time - j] ?? Number.NaN);
    }
    return Math.abs((values[at] ?? Number.NaN) - sum) / Math.sqrt(squaresOfKernel * squaresOfRow);
  });
  return Math.max(...errors); // NaN when one is
}

/** The same of a whole result. */
export const resultError = (size: ConvolutionSize, result: ArrayLike<number>): number =>
  convolutionError(
    size,
    checkedPlaces(size).map((place) => result[place] ?? Number.NaN),
  );
