// FFTW, native, as native/fftw-conv.c uses it: the yardstick of what this processor does with all its vector width.
import { childContestant } from '../harness/child.ts';
import type { Contestant } from '../harness/contest.ts';
import { type ConvolutionSize, checkedPlaces, convolutionError } from './convolution.ts';
import { nativeProgram } from './native-program.ts';

export function fftwConvolution(size: ConvolutionSize): Contestant {
  return childContestant({
    name: 'FFTW, native',
    threads: 1,
    start: async () => ({
      command: await nativeProgram('fftw-conv', ['fftw3f', 'm']),
      args: [size.channels, size.batch, size.length].map(String),
    }),
    error: async (values) => convolutionError(size, await values(checkedPlaces(size))),
  });
}
