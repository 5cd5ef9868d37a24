import { describe, expect, it } from 'vitest';
import { builds, expectClose, noise, probe } from './causal-fir-probe.test-support.ts';
import { fftConvCalls, fftConvGradientCalls } from './fft-conv.ts';

interface Case {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
  readonly taps: number;
}

function reference(sizes: Case, sign: 1 | -1, u: Float32Array, k: Float32Array, skip?: Float32Array): Float64Array {
  const { channels, batch, length, taps } = sizes;
  const y = new Float64Array(u.length);
  for (let row = 0; row < channels * batch; row++) {
    const d = Math.floor(row / batch);
    for (let t = 0; t < length; t++) {
      let sum = (skip?.[d] ?? 0) * u[row * length + t]!;
      for (let j = 0; j < taps; j++) {
        const s = t - sign * j;
        if (s >= 0 && s < length) sum += k[d * taps + j]! * u[row * length + s]!;
      }
      y[row * length + t] = sum;
    }
  }
  return y;
}

function kernelReference({ channels, batch, length, taps }: Case, dy: Float32Array, u: Float32Array): Float64Array {
  const dk = new Float64Array(channels * taps);
  for (let row = 0; row < channels * batch; row++)
    for (let j = 0; j < taps; j++)
      for (let t = j; t < length; t++) {
        dk[Math.floor(row / batch) * taps + j]! += dy[row * length + t]! * u[row * length + t - j]!;
      }
  return dk;
}

const lengths = [1, 2, 3, 63, 64, 65, 66, 100, 127, 128, 129, 255, 256, 300, 512, 1000, 1024, 1500, 2048];

describe.each(builds)('fftConv, %s build', async (build) => {
  const run = await probe(build);

  it('is the direct sum at every length, both directions, odd and even batches, with and without skip', () => {
    for (const length of lengths) {
      for (const taps of new Set([length, Math.min(length, 65), Math.ceil(length / 3)])) {
        const channels = length > 600 ? 1 : 3;
        const sizes = { channels, batch: 1 + (length % 3), length, taps };
        const [u, k, skip] = [noise(channels * sizes.batch * length, 1), noise(channels * taps, 2), noise(channels, 3)];
        for (const direction of ['causal', 'anticausal'] as const) {
          const s = taps % 2 ? skip : undefined;
          const want = reference(sizes, direction === 'causal' ? 1 : -1, u, k, s);
          const [y] = run(fftConvCalls({ ...sizes, direction }), [u, k, s], [u.length]);
          expectClose(y!, want, 2e-6, `${direction}, length ${length}, taps ${taps}`);
        }
      }
    }
  });

  it('is right at lengths that are divided for the cache (spot checks)', () => {
    for (const length of [4096, 8192, 16384, 20000]) {
      const [u, k] = [noise(length, 1), noise(length, 2)];
      const [y] = run(
        fftConvCalls({ channels: 1, batch: 1, length, taps: length, direction: 'causal' }),
        [u, k],
        [length],
      );
      const spots = [0, 1, 63, length / 4, length / 2 + 3, length - 1].map(Math.floor);
      const want = spots.map((t) => {
        let sum = 0;
        for (let j = 0; j <= t; j++) sum += k[j]! * u[t - j]!;
        return sum;
      });
      const got = Float32Array.from(spots, (t) => y![t]!);
      expectClose(got, want, 5e-6, `length ${length}`);
    }
  });

  it('gives a row the same bits alone and in a batch', () => {
    const length = 200;
    const [u, k] = [noise(3 * length, 1), noise(length, 2)];
    const sizes = { channels: 1, batch: 3, length, taps: length, direction: 'causal' } as const;
    const [all] = run(fftConvCalls(sizes), [u, k], [3 * length]);
    const [alone] = run(fftConvCalls({ ...sizes, batch: 1 }), [u.slice(length, 2 * length), k], [length]);
    expect([...alone!]).toEqual([...all!.slice(length, 2 * length)]);
  });

  it('has the gradient of the direct sum, in both directions', () => {
    for (const length of lengths) {
      for (const taps of new Set([length, Math.ceil(length / 2)])) {
        for (const direction of ['causal', 'anticausal'] as const) {
          const sizes = { channels: 2, batch: [1, 2, 3, 5][length % 4]!, length, taps };
          const [dy, u] = [noise(2 * sizes.batch * length, 4), noise(2 * sizes.batch * length, 5)];
          const [k, skip] = [noise(2 * taps, 6), length % 2 ? noise(2, 7) : undefined];
          const got = run(
            fftConvGradientCalls({ ...sizes, direction }),
            [dy, u, k, skip],
            [u.length, k.length, skip?.length],
          );
          const causal = direction === 'causal';
          const what = `${direction}, length ${length}, taps ${taps}`;
          expectClose(got[0]!, reference(sizes, causal ? -1 : 1, dy, k, skip), 2e-6, `du, ${what}`);
          expectClose(
            got[1]!,
            causal ? kernelReference(sizes, dy, u) : kernelReference(sizes, u, dy),
            2e-6,
            `dk, ${what}`,
          );
          const products = kernelReference({ ...sizes, taps: 1 }, dy, u);
          if (skip) expectClose(got[2]!, products, 2e-6, `dSkip, ${what}`);
          const [, alone] = run(fftConvGradientCalls({ ...sizes, direction }), [dy, u, k], [undefined, k.length]);
          expect([...alone!], `dk alone, ${what}`).toEqual([...got[1]!]);
        }
      }
    }
  });
});
