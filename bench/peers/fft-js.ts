// fft.js: radix 4 in plain JavaScript, on the plain arrays that it makes (typed arrays take it a tenth longer). Two rows of a
// channel make one complex row, which takes half as long as its real transform, whose inverse is complex. The `!` say that the
// loops stay inside their arrays: asking at every element would take it a fifth longer.
import type { Contestant } from '../harness/contest.ts';
import { installedVersion } from '../harness/installed.ts';
import type { ConvolutionSize } from './convolution.ts';
import { type Convolver, convolverContestant } from './convolver.ts';

export const fftJsConvolution = (size: ConvolutionSize): Contestant => convolverContestant('fft.js', size, openFftJs);

async function openFftJs(length: number): Promise<Convolver> {
  const version = installedVersion('fft.js');
  const { default: FFT } = await import('fft.js');
  const fft = new FFT(2 * length);
  const [signal, rows, kernel]: readonly number[][] = Array.from({ length: 3 }, () => fft.createComplexArray());
  if (!signal || !rows || !kernel) throw new RangeError('three arrays were made'); // for the types
  return {
    version,
    rows: 2,
    setKernel: (taps) => {
      pack(signal, taps, undefined);
      fft.transform(kernel, signal);
    },
    convolve: (u, y) => {
      pack(signal, u, u.subarray(length));
      fft.transform(rows, signal);
      multiply(rows, kernel);
      fft.inverseTransform(signal, rows);
      for (let i = 0; i < length; i++) {
        y[i] = signal[2 * i]!;
        y[length + i] = signal[2 * i + 1]!;
      }
    },
  };
}

/** real + i·imaginary into the first half, zeros into the second. */
function pack(target: number[], real: Float32Array, imaginary: Float32Array | undefined): void {
  const length = target.length / 4;
  for (let i = 0; i < length; i++) {
    target[2 * i] = real[i]!;
    target[2 * i + 1] = imaginary === undefined ? 0 : imaginary[i]!;
  }
  target.fill(0, 2 * length);
}

function multiply(target: number[], factor: readonly number[]): void {
  for (let i = 0; i < target.length; i += 2) {
    const a = target[i]!;
    const b = target[i + 1]!;
    const c = factor[i]!;
    const d = factor[i + 1]!;
    target[i] = a * c - b * d;
    target[i + 1] = a * d + b * c;
  }
}
