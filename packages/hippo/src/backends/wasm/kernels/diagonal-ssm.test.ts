import { describe, it } from 'vitest';
import { builds, expectClose, noise, probe } from './causal-fir-probe.test-support.ts';
import {
  type DiagonalSsmForm,
  type DiagonalSsmSizes,
  diagonalSsmCalls,
  diagonalSsmGradientCalls,
} from './diagonal-ssm.ts';

/** u, logPoleRe, logPoleIm, cRe, cIm, skip, state. */
type Operands = readonly ArrayLike<number>[];

/** The recurrence in float64. */
function reference({ channels, batch, length, states }: DiagonalSsmSizes, operands: Operands) {
  const [u, logRe, logIm, cRe, cIm, skip, state] = operands as readonly [...Float64Array[]];
  const y = new Float64Array(channels * batch * length);
  const end = new Float64Array(channels * batch * 2 * states);
  for (let row = 0; row < channels * batch; row++) {
    const d = Math.floor(row / batch);
    for (let n = 0; n < states; n++) {
      const p = d * states + n;
      const size = Math.exp(logRe![p]!);
      const [lr, li] = [size * Math.cos(logIm![p]!), size * Math.sin(logIm![p]!)];
      let re = state?.[row * 2 * states + n] ?? 0;
      let im = state?.[row * 2 * states + states + n] ?? 0;
      for (let t = 0; t < length; t++) {
        [re, im] = [lr * re - li * im + u![row * length + t]!, lr * im + li * re];
        y[row * length + t]! += 2 * (cRe![p]! * re - cIm![p]! * im);
      }
      end[row * 2 * states + n] = re;
      end[row * 2 * states + states + n] = im;
    }
    for (let t = 0; t < length; t++) y[row * length + t]! += (skip?.[d] ?? 0) * u![row * length + t]!;
  }
  return { y, end };
}

/** Poles between quick and slow decay, phases up to beyond π; residues about 1/√N. */
function model({ channels, batch, length, states }: DiagonalSsmSizes, seed = 1): Float32Array[] {
  const rows = channels * batch;
  const poles = channels * states;
  return [
    noise(rows * length, seed),
    noise(poles, seed + 1).map((x) => -0.5 * (x * x) - 0.002),
    noise(poles, seed + 2).map((x) => 4 * x * x * x),
    noise(poles, seed + 3).map((x) => x / Math.sqrt(states)),
    noise(poles, seed + 4).map((x) => x / Math.sqrt(states)),
    noise(channels, seed + 5),
    noise(rows * 2 * states, seed + 6),
  ];
}

const lengths = [1, 2, 3, 8, 9, 15, 16, 17, 63, 64, 65, 100, 127, 128, 513, 1000];
const forms = ['scan', 'chunked', 'convolution'] as const;
/** The recurrence rounds λ to f32 and the state at every step; the other forms take powers of λ from f64. */
const tolerance = (form: DiagonalSsmForm, least: number): number => (form === 'scan' ? 4 * least : least);
const stateCounts = [1, 3, 4, 5, 32];

describe.each(builds)('diagonalSsm, %s build', async (build) => {
  const run = await probe(build);

  it.each(forms)('is the recurrence, as %s, with and without skip, state and end state', (form) => {
    for (const length of lengths) {
      for (const states of stateCounts) {
        const sizes = { channels: length > 200 ? 1 : 3, batch: [1, 2, 3, 5][(length + states) % 4]!, length, states };
        const all = model(sizes);
        for (const [withSkip, withState, withEnd] of [
          [1, 1, 1],
          [0, 0, 1],
          [1, 1, 0],
        ] as const) {
          const operands = all.map((x, i) => ((i === 5 && !withSkip) || (i === 6 && !withState) ? undefined : x));
          const want = reference(sizes, operands as Operands);
          const [y, end] = run(diagonalSsmCalls({ ...sizes, form }), operands, [
            want.y.length,
            withEnd ? want.end.length : undefined,
          ]);
          const what = `length ${length}, states ${states}, batch ${sizes.batch}`;
          expectClose(y!, want.y, tolerance(form, 4e-6), `y, ${what}`);
          if (withEnd) expectClose(end!, want.end, tolerance(form, 4e-6), `end state, ${what}`);
        }
      }
    }
  });

  it('is the recurrence over short rows of large batches', () => {
    for (const length of [9, 15, 16, 17, 31, 33, 64]) {
      const sizes = { channels: 2, batch: Math.ceil(257 / length), length, states: 5 };
      const operands = model(sizes);
      const want = reference(sizes, operands);
      for (const form of forms) {
        const [y, end] = run(diagonalSsmCalls({ ...sizes, form }), operands, [want.y.length, want.end.length]);
        expectClose(y!, want.y, 4e-6, `${form} y, length ${length}`);
        expectClose(end!, want.end, 4e-6, `${form} end, length ${length}`);
      }
    }
  });

  it('keeps its digits over long rows with slow poles and over 512 states', () => {
    for (const [length, states] of [
      [20011, 4],
      [300, 512],
    ] as const) {
      const sizes = { channels: 1, batch: 1, length, states };
      const operands = model(sizes);
      operands[1] = operands[1]!.map((x) => x / 50);
      const want = reference(sizes, operands);
      for (const form of forms) {
        const [y, end] = run(diagonalSsmCalls({ ...sizes, form }), operands, [want.y.length, want.end.length]);
        expectClose(y!, want.y, tolerance(form, 1e-5), `${form} y, length ${length}`);
        expectClose(end!, want.end, tolerance(form, 1e-5), `${form} end, length ${length}`);
      }
    }
  });

  it('computes λ to 2e-7 in a single step, over many turns', () => {
    const states = 512;
    const sizes = { channels: 1, batch: 1, length: 1, states };
    const operands = model(sizes);
    operands[0] = new Float32Array(1);
    operands[1] = noise(states, 8).map((x) => (x > 0 ? -x * x * x : 10 * x));
    operands[2] = noise(states, 9).map((x, i) => x * (i % 2 ? 300 : 4));
    operands[6] = new Float32Array(2 * states).fill(1, 0, states);
    const [, end] = run(diagonalSsmCalls({ ...sizes, form: 'scan' }), operands, [1, 2 * states]);
    for (let n = 0; n < states; n++) {
      const size = Math.exp(operands[1]![n]!);
      const want = [Math.cos(operands[2]![n]!), Math.sin(operands[2]![n]!)];
      const got = Float32Array.of(end![n]! / size, end![states + n]! / size);
      expectClose(got, want, 2e-7 * Math.SQRT2, `λ of ${operands[1]![n]} + ${operands[2]![n]} i`);
    }
  });

  it('gives the same in pieces, the state passed on, as in one call', () => {
    const sizes = { channels: 2, batch: 2, length: 150, states: 6 };
    const [u, ...parameters] = model(sizes);
    const want = reference(sizes, [u!, ...parameters]);
    let state = parameters.pop();
    const pieces = [1, 2, 7, 40, 1, 16, 33, 50];
    let t = 0;
    pieces.forEach((length, i) => {
      const cut = (x: ArrayLike<number>): Float32Array =>
        Float32Array.from({ length: 4 * length }, (_, k) => x[Math.floor(k / length) * 150 + t + (k % length)]!);
      const form = forms[i % 3]!;
      const [y, end] = run(
        diagonalSsmCalls({ ...sizes, length, form }),
        [cut(u!), ...parameters, state],
        [4 * length, 48],
      );
      expectClose(y!, cut(want.y), 5e-6, `piece of ${length} at ${t}`);
      state = end!;
      t += length;
    });
    expectClose(state!, want.end, 5e-6, 'end state');
  });

  it('has the gradient of the recurrence (central differences in float64)', () => {
    for (const { length, states, batch, withEnd, withState } of [
      { length: 1, states: 1, batch: 1, withEnd: true, withState: true },
      { length: 3, states: 3, batch: 2, withEnd: true, withState: true },
      { length: 16, states: 4, batch: 1, withEnd: true, withState: false },
      { length: 17, states: 2, batch: 3, withEnd: false, withState: true },
      { length: 37, states: 5, batch: 2, withEnd: true, withState: true },
      { length: 80, states: 2, batch: 1, withEnd: false, withState: false },
    ]) {
      const sizes = { channels: 2, batch, length, states };
      const given = model(sizes, length);
      if (!withState) given[6]!.fill(0);
      const point = given.map((x) => Float64Array.from(x));
      const [dy, dEnd] = [noise(point[0]!.length, 20), noise(point[6]!.length, 21)];
      const loss = (operands: Operands): number => {
        const { y, end } = reference(sizes, operands);
        return y.reduce((s, v, i) => s + v * dy[i]!, 0) + (withEnd ? end.reduce((s, v, i) => s + v * dEnd[i]!, 0) : 0);
      };
      const inputs = [dy, withEnd ? dEnd : undefined, ...given.slice(0, 6), withState ? given[6] : undefined];
      const got = run(
        diagonalSsmGradientCalls({ ...sizes, form: 'chunked' }),
        inputs,
        point.map((x) => x.length),
      );
      const h = 1e-5;
      point.forEach((values, which) => {
        const want = values.map((value, i) => {
          const at = (v: number): number => loss(point.map((x, k) => (k === which ? x.with(i, v) : x)));
          return (at(value + h) - at(value - h)) / (2 * h);
        });
        expectClose(got[which]!, want, 1e-5, `gradient ${which}, length ${length}, states ${states}`);
      });
    }
  });

  it('has the gradient over several groups of chunks, against the adjoint recurrence in float64', () => {
    for (const [length, states] of [
      [512, 4],
      [1040, 3],
      [1300, 32],
    ] as const) {
      const sizes = { channels: 2, batch: 3, length, states };
      const operands = model(sizes, 40);
      const [dy, dEnd] = [noise(operands[0]!.length, 50), noise(operands[6]!.length, 51)];
      const want = adjoint(sizes, operands, dy, dEnd);
      const got = run(
        diagonalSsmGradientCalls({ ...sizes, form: 'chunked' }),
        [dy, dEnd, ...operands],
        want.map((x) => x.length),
      );
      for (const [i, x] of want.entries()) {
        expectClose(got[i]!, x, 1e-5, `gradient ${i}, length ${length}, states ${states}`);
      }
      const stateless = adjoint(sizes, operands.slice(0, 6), dy);
      const spectral = run(
        diagonalSsmGradientCalls({ ...sizes, form: 'convolution' }),
        [dy, undefined, ...operands.slice(0, 6)],
        stateless.slice(0, 6).map((x) => x.length),
      );
      for (const [i, x] of spectral.entries()) {
        expectClose(x, stateless[i]!, 1e-5, `gradient ${i} by transform, length ${length}, states ${states}`);
      }
      const [du] = run(
        diagonalSsmGradientCalls({ ...sizes, form: 'chunked' }),
        [dy, undefined, ...operands.slice(0, 5)],
        [dy.length],
      );
      expectClose(du!, adjoint(sizes, operands.slice(0, 5), dy)[0]!, 1e-5, `du alone, length ${length}`);
    }
  });
});

/** g_t = 2 c̄ dy_t + λ̄ g_{t+1} and its sums, state by state. */
function adjoint(
  { channels, batch, length, states }: DiagonalSsmSizes,
  operands: Operands,
  dy: Float32Array,
  dEnd?: Float32Array,
) {
  const [u, logRe, logIm, cRe, cIm, skip, state] = operands;
  const poles = channels * states;
  const sizes = [u!.length, poles, poles, poles, poles, channels, channels * batch * 2 * states];
  const [du, dLogRe, dLogIm, dcRe, dcIm, dSkip, dState] = sizes.map((size) => new Float64Array(size)) as [
    ...Float64Array[],
  ];
  const [xr, xi] = [new Float64Array(length + 1), new Float64Array(length + 1)];
  for (let row = 0; row < channels * batch; row++) {
    const d = Math.floor(row / batch);
    for (let t = 0; t < length; t++) {
      du![row * length + t]! += (skip?.[d] ?? 0) * dy[row * length + t]!;
      dSkip![d]! += dy[row * length + t]! * u![row * length + t]!;
    }
    for (let n = 0; n < states; n++) {
      const p = d * states + n;
      const at = row * 2 * states + n;
      const size = Math.exp(logRe![p]!);
      const [lr, li] = [size * Math.cos(logIm![p]!), size * Math.sin(logIm![p]!)];
      xr[0] = state?.[at] ?? 0;
      xi[0] = state?.[at + states] ?? 0;
      for (let t = 0; t < length; t++) {
        xr[t + 1] = lr * xr[t]! - li * xi[t]! + u![row * length + t]!;
        xi[t + 1] = lr * xi[t]! + li * xr[t]!;
      }
      let [gr, gi] = [dEnd?.[at] ?? 0, dEnd?.[at + states] ?? 0];
      for (let t = length - 1; t >= 0; t--) {
        const v = dy[row * length + t]!;
        gr += 2 * cRe![p]! * v;
        gi -= 2 * cIm![p]! * v;
        du![row * length + t]! += gr;
        dcRe![p]! += 2 * v * xr[t + 1]!;
        dcIm![p]! -= 2 * v * xi[t + 1]!;
        // dλ = g x̄, d log λ = dλ λ̄ = (λ̄ g) x̄.
        [gr, gi] = [lr * gr + li * gi, lr * gi - li * gr];
        dLogRe![p]! += gr * xr[t]! + gi * xi[t]!;
        dLogIm![p]! += gi * xr[t]! - gr * xi[t]!;
      }
      dState![at] = gr;
      dState![at + states] = gi;
    }
  }
  return [du!, dLogRe!, dLogIm!, dcRe!, dcIm!, dSkip!, dState!];
}
