import { describe, expect, it } from 'vitest';
import { callProbe, expectNear } from './call-probe.test-support.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';
import { softmaxCalls, softmaxGradientCalls } from './softmax.ts';

function softmaxOf(x: Float32Array, width: number): Float64Array {
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += width) {
    const largest = Math.max(...x.subarray(row, row + width));
    let total = 0;
    for (let i = row; i < row + width; i++) total += y[i] = Math.exp(x[i]! - largest);
    for (let i = row; i < row + width; i++) y[i]! /= total;
  }
  return y;
}

describe.each(builds)('softmax, %s build', async (build) => {
  const run = await callProbe(build);

  it.each([
    [1, 1],
    [2, 3],
    [7, 4],
    [5, 9],
    [4, 130],
    [3, 5003],
  ])('of %i rows of %i, also in place', (rows, width) => {
    const x = noise(rows * width, width).map((value) => 20 * value);
    const want = softmaxOf(x, width);
    const [y] = run(softmaxCalls({ rows, width }), [x], [x.length]);
    expectNear(y!, want, { tolerance: 3e-6 }); // x − max ≈ 40 is itself rounded by 2e-6
    expect(run(softmaxCalls({ rows, width }), [x], [{ inPlace: 0 }])[0]).toEqual(y);
  });

  it('has an exponential within two ulp over its whole range', () => {
    const count = 87_000;
    for (let part = 0; part < 4; part++) {
      // One zero and one x a row: y₁/y₀ = e^x; the sum is 1 + e^x, which for x < −17 is 1.
      const x = new Float32Array(2 * count);
      for (let i = 0; i < count; i++) x[2 * i + 1] = -17 - ((i + part / 4) * 70) / count;
      const [y] = run(softmaxCalls({ rows: count, width: 2 }), [x], [2 * count]);
      let worst = 0;
      for (let i = 0; i < count; i++) {
        const want = Math.exp(x[2 * i + 1]!) / (1 + Math.exp(x[2 * i + 1]!));
        if (want > 2 ** -126)
          worst = Math.max(worst, Math.abs(y![2 * i + 1]! - want) / 2 ** (Math.floor(Math.log2(want)) - 23));
      }
      expect(worst).toBeLessThan(2);
    }
  });

  it('gives 0 for −∞, for far smaller entries, and NaN where the mathematics has no value', () => {
    const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const rows = [
      [1, low, 1, low, low],
      [low, low, low, low, 3e38],
      [0, -1e4, -200, -3e38, low],
      [low, low, low, low, low],
      [0, Number.NaN, 0, 0, 0],
      [0, high, 0, 0, 0],
    ];
    const [y] = run(softmaxCalls({ rows: 6, width: 5 }), [Float32Array.from(rows.flat())], [30]);
    const nothing = Array(5).fill(Number.NaN);
    expect([...y!]).toEqual([0.5, 0, 0.5, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, ...nothing, ...nothing, ...nothing]);
  });

  it.each([
    [1, 1],
    [3, 2],
    [5, 16],
    [2, 37],
    [3, 1003],
  ])('has the gradient of %i rows of %i, also in place', (rows, width) => {
    const [y, dy] = [noise(rows * width, 1).map(Math.abs), noise(rows * width, 2)];
    const want = new Float64Array(y.length);
    for (let row = 0; row < y.length; row += width) {
      let dot = 0;
      for (let i = row; i < row + width; i++) dot += y[i]! * dy[i]!;
      for (let i = row; i < row + width; i++) want[i] = y[i]! * (dy[i]! - dot);
    }
    const [dx] = run(softmaxGradientCalls({ rows, width }), [y, dy], [y.length]);
    expectNear(dx!, want, { tolerance: 1e-6, floor: Math.sqrt(width) });
    for (const inPlace of [0, 1])
      expect(run(softmaxGradientCalls({ rows, width }), [y, dy], [{ inPlace }])[0]).toEqual(dx);
  });
});
