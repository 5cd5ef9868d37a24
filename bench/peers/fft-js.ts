// fft.js: radix 4 in plain JavaScript, on the plain arrays that it makes (typed arrays take it a tenth longer). Two rows of a
// channel make one complex row, which takes half as long as its real transform, whose inverse is complex.
import type { Contestant } from '../harness/contest.ts';
import { installedVersion } from '../harness/installed.ts';
import { type ConvolutionSize, kernelsOf, resultError, rowCount, rowsOf } from './convolution.ts';

export function fftJsConvolution(size: ConvolutionSize): Contestant {
  const { channels, batch, length } = size;
  return {
    name: 'fft.js',
    threads: 1,
    prepare: async () => {
      const version = installedVersion('fft.js');
      const { default: FFT } = await import('fft.js');
      const fft = new FFT(2 * length);
      const [u, k] = [rowsOf(size), kernelsOf(size)];
      const y = new Float32Array(rowCount(size) * length);
      const [input, rows, kernel] = [fft.createComplexArray(), fft.createComplexArray(), fft.createComplexArray()];
      const pack = (real: Float32Array, realAt: number, imaginaryAt: number | undefined): void => {
        for (let i = 0; i < length; i++) {
          input[2 * i] = real[realAt + i] ?? 0;
          input[2 * i + 1] = imaginaryAt === undefined ? 0 : (real[imaginaryAt + i] ?? 0);
        }
        input.fill(0, 2 * length);
      };
      const convolvePair = (at: number): void => {
        pack(u, at, at + length);
        fft.transform(rows, input);
        for (let i = 0; i < 4 * length; i += 2) {
          const [a, b, c, d] = [rows[i] ?? 0, rows[i + 1] ?? 0, kernel[i] ?? 0, kernel[i + 1] ?? 0];
          rows[i] = a * c - b * d;
          rows[i + 1] = a * d + b * c;
        }
        fft.inverseTransform(input, rows);
        for (let i = 0; i < length; i++) {
          y[at + i] = input[2 * i] ?? 0;
          y[at + length + i] = input[2 * i + 1] ?? 0;
        }
      };
      const run = (): void => {
        for (let channel = 0; channel < channels; channel++) {
          pack(k, channel * length, undefined);
          fft.transform(kernel, input);
          for (let row = 0; row < batch; row += 2) convolvePair((channel * batch + row) * length);
        }
      };
      return {
        version,
        check: () => {
          run();
          return resultError(size, y);
        },
        run,
      };
    },
  };
}
