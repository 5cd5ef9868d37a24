import { describe, expect, it } from 'vitest';
import { callProbe, expectNear } from './call-probe.test-support.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';
import { layerNormCalls, layerNormGradientCalls } from './layer-norm.ts';

const epsilon = 1e-5;

function statistics(x: Float32Array, rows: number, width: number) {
  const [means, deviations] = [new Float64Array(rows), new Float64Array(rows)];
  for (let row = 0; row < rows; row++) {
    const values = x.subarray(row * width, (row + 1) * width);
    const mean = values.reduce((a, b) => a + b, 0) / width;
    means[row] = mean;
    deviations[row] = 1 / Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width + epsilon);
  }
  return { means, deviations };
}

const sizes = [
  [1, 1],
  [2, 3],
  [5, 4],
  [33, 7],
  [70, 96],
  [3, 1027],
  [4200, 5],
] as const;

describe.each(builds)('layerNorm, %s build', async (build) => {
  const run = await callProbe(build);

  it.each(sizes)('normalises %i rows of %i', (rows, width) => {
    const x = noise(rows * width, 1).map((value) => 3 * value + 1);
    const [weight, bias] = [noise(width, 2), noise(width, 3)];
    const { means, deviations } = statistics(x, rows, width);
    const want = Float64Array.from(x, (value, i) => {
      const row = Math.floor(i / width);
      return (value - means[row]!) * deviations[row]! * weight[i % width]! + bias[i % width]!;
    });
    const calls = layerNormCalls({ rows, width, epsilon });
    const [y, mean, deviation] = run(calls, [x, weight, bias], [x.length, rows, rows]);
    expectNear(mean!, means, { tolerance: 1e-6, floor: 1 });
    expectNear(deviation!, deviations, { tolerance: 1e-5 });
    expectNear(y!, want, { tolerance: 3e-6, floor: 3 });
    expect(run(calls, [x, weight, bias], [x.length, undefined, undefined])[0]).toEqual(y);
  });

  it('keeps its precision far from zero, and a constant row gives the bias', () => {
    const width = 512;
    const x = noise(2 * width, 4).map((value, i) => (i < width ? 1000 + Math.round(value * 64) / 64 : 7));
    const [weight, bias] = [new Float32Array(width).fill(1), noise(width, 5)];
    const { deviations } = statistics(x, 2, width);
    const [y, , deviation] = run(layerNormCalls({ rows: 2, width, epsilon }), [x, weight, bias], [x.length, 2, 2]);
    expectNear(deviation!.subarray(0, 1), deviations.subarray(0, 1), { tolerance: 1e-6 });
    expect(y!.subarray(width)).toEqual(bias);
  });

  it('keeps a NaN inside its row', () => {
    const x = noise(12, 1);
    x[5] = Number.NaN;
    const [y] = run(layerNormCalls({ rows: 3, width: 4, epsilon }), [x, noise(4, 2), noise(4, 3)], [12, 3, 3]);
    expect([...y!].map(Number.isNaN)).toEqual([...x].map((_, i) => i >= 4 && i < 8));
  });

  it.each(sizes)('has the gradient of %i rows of %i', (rows, width) => {
    const [x, dy, weight] = [noise(rows * width, 1), noise(rows * width, 2), noise(width, 3)];
    const { means, deviations } = statistics(x, rows, width);
    const [dx, dWeight, dBias] = [new Float64Array(x.length), new Float64Array(width), new Float64Array(width)];
    for (let row = 0; row < rows; row++) {
      const [mean, deviation] = [Math.fround(means[row]!), Math.fround(deviations[row]!)];
      let [meanG, meanGN] = [0, 0];
      for (let i = 0; i < width; i++) {
        const normal = (x[row * width + i]! - mean) * deviation;
        const slope = dy[row * width + i]!;
        dWeight[i]! += slope * normal;
        dBias[i]! += slope;
        meanG += (slope * weight[i]!) / width;
        meanGN += (slope * weight[i]! * normal) / width;
      }
      for (let i = 0; i < width; i++) {
        const normal = (x[row * width + i]! - mean) * deviation;
        dx[row * width + i] = deviation * (dy[row * width + i]! * weight[i]! - meanG - normal * meanGN);
      }
    }
    const inputs = [dy, x, weight, Float32Array.from(means), Float32Array.from(deviations)];
    const results = run(layerNormGradientCalls({ rows, width }), inputs, [x.length, width, width]);
    const floor = Math.max(...deviations);
    expectNear(results[0]!, dx, { tolerance: 2e-6, floor });
    expectNear(results[1]!, dWeight, { tolerance: 1e-6, floor: 2 * Math.sqrt(rows) });
    expectNear(results[2]!, dBias, { tolerance: 5e-7, floor: Math.sqrt(rows) });
    for (const inPlace of [0, 1]) {
      const [again] = run(layerNormGradientCalls({ rows, width }), inputs, [{ inPlace }, width, width]);
      expect(again).toEqual(results[0]);
    }
  });
});
