// jax-js's Fourier transform: two rows of a channel make one complex row (twice as fast as its real transform), and the whole
// convolution is one jitted function.
import type { Contestant } from '../harness/contest.ts';
import { type ConvolutionSize, kernelsOf, resultError, rowsOf } from './convolution.ts';
import { loadJax } from './jax.ts';

type Jax = Awaited<ReturnType<typeof loadJax>>['jax'];

export function jaxConvolution(size: ConvolutionSize): Contestant {
  const { channels, batch, length } = size;
  return {
    name: 'jax-js wasm',
    threads: 1,
    prepare: async () => {
      const { jax, version } = await loadJax();
      const u = jax.numpy.array(rowsOf(size)).reshape([channels, batch, length]);
      const k = jax.numpy.array(kernelsOf(size)).reshape([channels, 1, length]);
      const convolve = jax.jit(convolution(jax, size));
      const ready = () => jax.blockUntilReady(convolve(u.ref, k.ref));
      return {
        version,
        check: async () => resultError(size, await (await ready()).data()),
        run: async () => (await ready()).dispose(),
        dispose: () => {
          u.dispose();
          k.dispose();
          convolve.dispose();
        },
      };
    },
  };
}

/** u [channels, batch, length], k [channels, 1, length] to [channels, batch, length]. */
function convolution({ numpy: np }: Jax, { channels, batch, length }: ConvolutionSize) {
  const padded = [channels, batch / 2, 2 * length];
  type Numbers = ReturnType<typeof np.array>;
  return (u: Numbers, k: Numbers): Numbers => {
    const zeros: [number, number][] = [
      [0, 0],
      [0, 0],
      [0, length],
    ]; // prettier-ignore
    const pairs = np.pad(u, zeros).reshape([channels, batch / 2, 2, 2 * length]);
    const [first, second] = np.split(pairs, 2, 2) as [Numbers, Numbers]; // into two
    const rows = np.fft.fft({ real: first.reshape(padded), imag: second.reshape(padded) });
    const taps = np.pad(k, zeros);
    const spectrum = np.fft.fft({ real: taps.ref, imag: np.zerosLike(taps) });
    const product = {
      real: rows.real.ref.mul(spectrum.real.ref).sub(rows.imag.ref.mul(spectrum.imag.ref)),
      imag: rows.real.mul(spectrum.imag).add(rows.imag.mul(spectrum.real)),
    };
    const result = np.fft.ifft(product);
    const whole = np.stack([result.real, result.imag], 2).reshape([channels, batch, 2 * length]);
    return np.split(whole, 2, 2)[0] as Numbers; // the first of two
  };
}
