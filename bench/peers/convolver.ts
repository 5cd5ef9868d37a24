// A transform library as a contestant of the convolution: it transforms a channel's kernel, then convolves the rows of the batch.
import type { Contestant } from '../harness/contest.ts';
import { type ConvolutionSize, kernelsOf, resultError, rowCount, rowsOf } from './convolution.ts';

export interface Convolver {
  readonly version: string;
  /** How many rows `convolve` takes at once: 2 where two rows make one complex row. */
  readonly rows: 1 | 2;
  /** Keeps the spectrum of `length` numbers. */
  setKernel(taps: Float32Array): void;
  /** `rows` rows, one after the other. */
  convolve(u: Float32Array, y: Float32Array): void;
  dispose?(): void;
}

export function convolverContestant(
  name: string,
  size: ConvolutionSize,
  open: (length: number) => Promise<Convolver>,
): Contestant {
  const { batch, length } = size;
  return {
    name,
    threads: 1,
    prepare: async () => {
      const convolver = await open(length);
      const [u, k] = [rowsOf(size), kernelsOf(size)];
      const y = new Float32Array(rowCount(size) * length);
      const step = convolver.rows * length;
      const run = (): void => {
        for (let at = 0; at < y.length; at += step) {
          const channel = Math.floor(at / (batch * length));
          if (at % (batch * length) === 0) convolver.setKernel(k.subarray(channel * length, (channel + 1) * length));
          convolver.convolve(u.subarray(at, at + step), y.subarray(at, at + step));
        }
      };
      return {
        version: convolver.version,
        check: () => {
          run();
          return resultError(size, y);
        },
        run,
        dispose: () => convolver.dispose?.(),
      };
    },
  };
}
