import { describe, expect, it } from 'vitest';
import { type CallProbe, callProbe, expectNear } from './call-probe.test-support.ts';
import { type CausalAttentionSizes, causalAttentionCalls, causalAttentionGradientCalls } from './causal-attention.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';

/** Everything from the definition, with one row of weights at a time. */
function expected(
  { batch, length, headDim, scale }: CausalAttentionSizes,
  [q, k, v, dy]: readonly [Float32Array, Float32Array, Float32Array, Float32Array],
) {
  const made = () => new Float64Array(batch * length * headDim);
  const [y, dq, dk, dv] = [made(), made(), made(), made()];
  const logSumExp = new Float64Array(batch * length);
  const dot = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number => {
    let sum = 0;
    for (let c = 0; c < headDim; c++) sum += a[i * headDim + c]! * b[j * headDim + c]!;
    return sum;
  };
  const addTo = (a: Float64Array, i: number, factor: number, b: ArrayLike<number>, j: number) => {
    for (let c = 0; c < headDim; c++) a[i * headDim + c]! += factor * b[j * headDim + c]!;
  };
  for (let i = 0; i < batch * length; i++) {
    const head = i - (i % length);
    const keys = Array.from({ length: (i % length) + 1 }, (_, key) => head + key);
    const scores = keys.map((j) => scale * dot(q, i, k, j));
    const largest = Math.max(...scores);
    logSumExp[i] = largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0));
    const weights = scores.map((score) => Math.exp(score - logSumExp[i]!));
    for (const [n, j] of keys.entries()) addTo(y, i, weights[n]!, v, j);
    const sum = dot(dy, i, y, i);
    for (const [n, j] of keys.entries()) {
      const slope = scale * weights[n]! * (dot(dy, i, v, j) - sum);
      addTo(dq, i, slope, k, j);
      addTo(dk, j, slope, q, i);
      addTo(dv, j, weights[n]!, dy, i);
    }
  }
  return { y, logSumExp, dq, dk, dv };
}

function check(
  run: CallProbe,
  sizes: CausalAttentionSizes,
  inputs: readonly [Float32Array, Float32Array, Float32Array, Float32Array],
  tolerance: number,
): void {
  const [q, k, v, dy] = inputs;
  const want = expected(sizes, inputs);
  const count = q.length;
  const [y, logSumExp] = run(causalAttentionCalls(sizes), [q, k, v], [count, count / sizes.headDim]);
  expectNear(y!, want.y, { tolerance, floor: 1 });
  expectNear(logSumExp!, want.logSumExp, { tolerance, floor: 1 });
  const saved = [dy, q, k, v, y!, logSumExp!];
  const [dq, dk, dv] = run(causalAttentionGradientCalls(sizes), saved, [count, count, count]);
  const wide = { ...sizes, wide: true };
  const same = 'products for 256-bit vectors give the same bits';
  expect(run(causalAttentionCalls(wide), [q, k, v], [count, count / sizes.headDim]), same).toEqual([y, logSumExp]);
  expect(run(causalAttentionGradientCalls(wide), saved, [count, count, count]), same).toEqual([dq, dk, dv]);
  const largest = (x: Float64Array): number => x.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  expectNear(dq!, want.dq, { tolerance, floor: largest(want.dq) });
  expectNear(dk!, want.dk, { tolerance, floor: largest(want.dk) });
  expectNear(dv!, want.dv, { tolerance, floor: largest(want.dv) });
}

const fourInputs = (count: number, seed: number, make = (x: number) => x) => {
  const input = (stream: number): Float32Array => noise(count, 10 * seed + stream).map(make);
  return [input(1), input(2), input(3), input(4)] as const;
};

describe.each(builds)('causal attention and its gradient, %s build', async (build) => {
  const run = await callProbe(build);

  describe.each([1, 2, 7, 16, 33, 64, 65, 130])('of length %i', (length) => {
    it.each([1, 3, 8, 24, 64])('and headDim %i', (headDim) => {
      const sizes = { batch: 3, length, headDim, scale: 1.7 / Math.sqrt(headDim) };
      check(
        run,
        sizes,
        fourInputs(3 * length * headDim, length, (x) => 1.5 * x),
        5e-6,
      );
    });
  });

  it('with scores of ±1000, which e^x would not hold', () => {
    // Multiples of 1/4 up to 64: every score is exact.
    const quarters = fourInputs(2 * 70 * 4, 5, (x) => Math.round(x * 80) / 4);
    check(run, { batch: 2, length: 70, headDim: 4, scale: 1 }, quarters, 2e-4); // logSumExp ≈ 1000 rounds at 6e-5
  });

  it('with rising scores, so that every block rescales what came before', () => {
    const [q, k, v, dy] = fourInputs(200 * 8, 6);
    const rising = k.map((x, i) => 0.05 * Math.floor(i / 8) + 0.1 * x);
    check(run, { batch: 1, length: 200, headDim: 8, scale: 1 }, [q.map(Math.abs), rising, v, dy], 2e-5);
  });

  it('without logSumExp', () => {
    const [q, k, v] = fourInputs(2 * 9 * 5, 7);
    const calls = causalAttentionCalls({ batch: 2, length: 9, headDim: 5, scale: 1 });
    expect(run(calls, [q, k, v], [q.length, undefined])[0]).toEqual(run(calls, [q, k, v], [q.length, 18])[0]);
  });

  it('keeps NaN in a query to its row and in a key to the rows that see it', () => {
    const sizes = { batch: 1, length: 45, headDim: 8, scale: 0.3 };
    const [q, k, v] = fourInputs(45 * 8, 8);
    const rows = (y: Float32Array): number[] =>
      Array.from({ length: 45 }, (_, i) => i).filter((i) => y.subarray(i * 8, i * 8 + 8).some(Number.isNaN));
    // An output word that nobody wrote shows as the probe's guard, so these NaN were computed.
    const attend = (a: Float32Array, b: Float32Array) =>
      rows(run(causalAttentionCalls(sizes), [a, b, v], [360, 45])[0]!);
    expect(attend(q, k)).toEqual([]);
    expect(
      attend(
        q.map((x, i) => (i === 13 * 8 + 2 ? Number.NaN : x)),
        k,
      ),
    ).toEqual([13]);
    const [first, ...others] = attend(
      q,
      k.map((x, i) => (i === 37 * 8 + 1 ? Number.NaN : x)),
    );
    expect([first, others.length]).toEqual([37, 7]);
  });

  it('sees no later position: a prefix alone gives the same bits', () => {
    const [q, k, v] = fourInputs(97 * 16, 9);
    const of = (length: number) => {
      const part = [q, k, v].map((x) => x.slice(0, length * 16));
      return run(causalAttentionCalls({ batch: 1, length, headDim: 16, scale: 0.25 }), part, [length * 16, length])[0]!;
    };
    const whole = of(97);
    for (const length of [1, 31, 32, 66]) expect(of(length)).toEqual(whole.slice(0, length * 16));
  });
});
