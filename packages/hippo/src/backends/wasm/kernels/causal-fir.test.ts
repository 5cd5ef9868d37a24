import { describe, expect, it } from 'vitest';
import { causalFirCalls, causalFirGradientCalls } from './causal-fir.ts';
import { builds, expectClose, noise, probe } from './causal-fir-probe.test-support.ts';

interface Case {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
  readonly taps: number;
}

/** The definition in float64. Returns y and the end state. */
function reference(
  sizes: Case,
  u: ArrayLike<number>,
  taps: ArrayLike<number>,
  skip?: ArrayLike<number>,
  state?: ArrayLike<number>,
) {
  const { channels, batch, length, taps: m } = sizes;
  const y = new Float64Array(channels * batch * length);
  const end = new Float64Array(channels * batch * (m - 1));
  for (let row = 0; row < channels * batch; row++) {
    const d = Math.floor(row / batch);
    const x = (t: number): number => (t >= 0 ? u[row * length + t]! : (state?.[row * (m - 1) + m - 1 + t] ?? 0));
    for (let t = 0; t < length; t++) {
      let sum = (skip?.[d] ?? 0) * x(t);
      for (let j = 0; j < m; j++) sum += taps[d * m + j]! * x(t - j);
      y[row * length + t] = sum;
    }
    for (let i = 0; i < m - 1; i++) end[row * (m - 1) + i] = x(length - (m - 1) + i);
  }
  return { y, end };
}

const lengths = [1, 2, 3, 5, 31, 33, 63, 64, 65, 100, 127, 128, 1000, 1025];
const tapCounts = [1, 2, 3, 4, 15, 16, 17, 64, 70];

describe.each(builds)('causalFir, %s build', async (build) => {
  const run = await probe(build);

  it('is the definition, at every length and number of taps, with and without skip and state', () => {
    for (const length of lengths) {
      for (const taps of tapCounts) {
        const batch = 1 + ((length + taps) % 3);
        const channels = length > 200 ? 1 : 3;
        const sizes = { channels, batch, length, taps };
        const rows = channels * batch;
        const [u, w, skip, state] = [
          noise(rows * length, 1),
          noise(channels * taps, 2),
          noise(channels, 3),
          noise(rows * (taps - 1), 4),
        ];
        for (const [s, x] of [
          [undefined, undefined],
          [skip, state],
          [skip, undefined],
          [undefined, state],
        ] as const) {
          const want = reference(sizes, u, w, s, x);
          const [y, end] = run(causalFirCalls(sizes), [u, w, s, x], [u.length, state.length]);
          expectClose(y!, want.y, 1e-6 * Math.sqrt(taps), `y, length ${length}, taps ${taps}`);
          expect(
            end!.every((v, i) => v === want.end[i]),
            `end state, length ${length}, taps ${taps}`,
          ).toBe(true);
        }
      }
    }
  });

  it('gives the same in pieces as in one call', () => {
    const [channels, batch, taps] = [2, 2, 9];
    const whole = { channels, batch, length: 40, taps };
    const [u, w] = [noise(4 * 40, 5), noise(2 * taps, 6)];
    const want = reference(whole, u, w);
    let state: Float32Array | undefined;
    for (let t = 0, length = 1; t < 40; t += length, length = Math.min(length + 2, 40 - t)) {
      const piece = Float32Array.from(
        { length: 4 * length },
        (_, i) => u[Math.floor(i / length) * 40 + t + (i % length)]!,
      );
      const [y, end] = run(
        causalFirCalls({ ...whole, length }),
        [piece, w, undefined, state],
        [piece.length, 4 * (taps - 1)],
      );
      const part = Float64Array.from(piece, (_, i) => want.y[Math.floor(i / length) * 40 + t + (i % length)]!);
      expectClose(y!, part, 1e-5, `piece at ${t}`);
      state = end!;
    }
  });

  it('lets a NaN reach exactly the outputs that its tap window covers', () => {
    const u = noise(200, 7);
    u[90] = Number.NaN;
    const [y] = run(causalFirCalls({ channels: 1, batch: 1, length: 200, taps: 19 }), [u, noise(19, 8)], [200]);
    const reached = [...y!.keys()].filter((t) => Number.isNaN(y![t]!));
    expect(reached).toEqual(Array.from({ length: 19 }, (_, i) => 90 + i));
  });

  it('has the gradient of the definition (central differences are exact: the map is bilinear)', () => {
    for (const { length, taps, batch } of [
      { length: 1, taps: 1, batch: 1 },
      { length: 1, taps: 5, batch: 2 },
      { length: 3, taps: 8, batch: 3 },
      { length: 40, taps: 17, batch: 2 },
      { length: 33, taps: 4, batch: 1 },
    ]) {
      // prettier-ignore
      const sizes = { channels: 2, batch, length, taps };
      const [rows, lead] = [2 * batch, taps - 1];
      const inputs = [noise(rows * length, 1), noise(2 * taps, 2), noise(2, 3), noise(rows * lead, 4)].map((x) =>
        Float64Array.from(x),
      );
      const [dy, dEnd] = [noise(rows * length, 5), noise(rows * lead, 6)];
      const loss = (p: readonly Float64Array[], withEnd: boolean): number => {
        const { y, end } = reference(sizes, p[0]!, p[1]!, p[2], p[3]);
        return y.reduce((s, v, i) => s + v * dy[i]!, 0) + (withEnd ? end.reduce((s, v, i) => s + v * dEnd[i]!, 0) : 0);
      };
      const [u, w, skip, state] = inputs.map((x) => Float32Array.from(x));
      for (const withEnd of [true, false]) {
        const given = [dy, withEnd ? dEnd : undefined, u, w, skip, state];
        const got = run(
          causalFirGradientCalls(sizes),
          given,
          inputs.map((x) => x.length),
        );
        inputs.forEach((values, which) => {
          const want = values.map((value, i) => {
            const at = (v: number): number =>
              loss(
                inputs.map((x, k) => (k === which ? x.with(i, v) : x)),
                withEnd,
              );
            return at(value + 0.5) - at(value - 0.5);
          });
          expectClose(got[which]!, want, 1e-5, `gradient ${which}, length ${length}, taps ${taps}`);
        });
      }
    }
  });

  it('sums the tap gradient over long rows without losing digits', () => {
    const [length, taps] = [5000, 64];
    const [dy, u] = [noise(3 * length, 1), noise(3 * length, 2)];
    const want = new Float64Array(taps);
    for (let b = 0; b < 3; b++)
      for (let j = 0; j < taps; j++)
        for (let t = j; t < length; t++) want[j]! += dy[b * length + t]! * u[b * length + t - j]!;
    const sizes = { channels: 1, batch: 3, length, taps };
    const [du, dTaps] = run(causalFirGradientCalls(sizes), [dy, undefined, u, noise(taps, 3)], [u.length, taps]);
    expect(du!.every(Number.isFinite)).toBe(true);
    expectClose(dTaps!, want, 3e-6, 'dTaps');
  });
});
