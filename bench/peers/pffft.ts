// PFFFT compiled to WebAssembly, its SIMD build, by real transforms (two rows as one complex row take it a third longer); spectra
// stay in PFFFT's own order, as its documentation advises for convolution.
import type { Contestant } from '../harness/contest.ts';
import { installedVersion } from '../harness/installed.ts';
import type { ConvolutionSize } from './convolution.ts';
import { type Convolver, convolverContestant } from './convolver.ts';

const [REAL, FORWARD, BACKWARD] = [0, 0, 1];

export const pffftConvolution = (size: ConvolutionSize): Contestant =>
  convolverContestant('pffft wasm', size, openPffft);

async function openPffft(length: number): Promise<Convolver> {
  const version = installedVersion('@echogarden/pffft-wasm');
  const { default: open } = await import('@echogarden/pffft-wasm/simd');
  const pffft = await open();
  const setup = pffft._pffft_new_setup(2 * length, REAL);
  const allocate = (): number => pffft._pffft_aligned_malloc(8 * length);
  const [rowAt, kernelAt, productAt, workAt] = [allocate(), allocate(), allocate(), allocate()];
  const floats = (address: number) => pffft.HEAPF32.subarray(address / 4, address / 4 + 2 * length);
  const [row, kernel, product] = [floats(rowAt), floats(kernelAt), floats(productAt)];
  return {
    version,
    rows: 1,
    setKernel: (taps) => {
      kernel.set(taps);
      kernel.fill(0, length);
      pffft._pffft_transform(setup, kernelAt, kernelAt, workAt, FORWARD);
    },
    convolve: (u, y) => {
      row.set(u);
      row.fill(0, length);
      pffft._pffft_transform(setup, rowAt, rowAt, workAt, FORWARD);
      product.fill(0); // what it computes is added
      pffft._pffft_zconvolve_accumulate(setup, rowAt, kernelAt, productAt, 1 / (2 * length));
      pffft._pffft_transform(setup, productAt, productAt, workAt, BACKWARD);
      y.set(product.subarray(0, length));
    },
    dispose: () => {
      for (const address of [rowAt, kernelAt, productAt, workAt]) pffft._pffft_aligned_free(address);
      pffft._pffft_destroy_setup(setup);
    },
  };
}
