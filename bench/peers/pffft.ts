// PFFFT compiled to WebAssembly, its SIMD build, by real transforms (two rows as one complex row take it a quarter longer);
// spectra stay in PFFFT's own order, as its documentation advises for convolution.
import type { Contestant } from '../harness/contest.ts';
import { installedVersion } from '../harness/installed.ts';
import { type ConvolutionSize, kernelsOf, resultError, rowCount, rowsOf } from './convolution.ts';

const [REAL, FORWARD, BACKWARD] = [0, 0, 1];

export function pffftConvolution(size: ConvolutionSize): Contestant {
  const { channels, batch, length } = size;
  return {
    name: 'pffft wasm',
    threads: 1,
    prepare: async () => {
      const version = installedVersion('@echogarden/pffft-wasm');
      const { default: open } = await import('@echogarden/pffft-wasm/simd');
      const pffft = await open();
      const setup = pffft._pffft_new_setup(2 * length, REAL);
      const [rowAt, kernelAt, productAt, workAt] = Array.from({ length: 4 }, () =>
        pffft._pffft_aligned_malloc(8 * length),
      ) as [number, number, number, number];
      const floats = (address: number) => pffft.HEAPF32.subarray(address / 4, address / 4 + 2 * length);
      const [row, kernel, product] = [floats(rowAt), floats(kernelAt), floats(productAt)];
      const [u, k] = [rowsOf(size), kernelsOf(size)];
      const y = new Float32Array(rowCount(size) * length);
      const convolve = (at: number): void => {
        row.set(u.subarray(at, at + length));
        row.fill(0, length);
        pffft._pffft_transform(setup, rowAt, rowAt, workAt, FORWARD);
        product.fill(0); // what it computes is added
        pffft._pffft_zconvolve_accumulate(setup, rowAt, kernelAt, productAt, 1 / (2 * length));
        pffft._pffft_transform(setup, productAt, productAt, workAt, BACKWARD);
        y.set(product.subarray(0, length), at);
      };
      const run = (): void => {
        for (let channel = 0; channel < channels; channel++) {
          kernel.set(k.subarray(channel * length, (channel + 1) * length));
          kernel.fill(0, length);
          pffft._pffft_transform(setup, kernelAt, kernelAt, workAt, FORWARD);
          for (let each = 0; each < batch; each++) convolve((channel * batch + each) * length);
        }
      };
      return {
        version,
        check: () => {
          run();
          return resultError(size, y);
        },
        run,
        dispose: () => {
          for (const address of [rowAt, kernelAt, productAt, workAt]) pffft._pffft_aligned_free(address);
          pffft._pffft_destroy_setup(setup);
        },
      };
    },
  };
}
