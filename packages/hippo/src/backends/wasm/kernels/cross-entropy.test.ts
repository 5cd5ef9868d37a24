import { describe, expect, it } from 'vitest';
import { callProbe, expectNear } from './call-probe.test-support.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';
import { crossEntropyCalls, crossEntropyGradientCalls } from './cross-entropy.ts';

const ignoreIndex = -100;

function lossOf(logits: Float32Array, targets: Int32Array, vocabulary: number, classes: number) {
  const [loss, logSumExp] = [new Float64Array(targets.length), new Float64Array(targets.length)];
  targets.forEach((target, row) => {
    const scores = logits.subarray(row * vocabulary, row * vocabulary + classes);
    const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const whole = largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0));
    logSumExp[row] = whole;
    loss[row] = target === ignoreIndex ? 0 : whole - (scores[target] ?? Number.NaN);
  });
  return { loss, logSumExp };
}

const sizes = [
  [1, 1, 1],
  [3, 2, 2],
  [5, 8, 5],
  [4, 33, 33],
  [7, 64, 61],
  [3, 50_304, 50_257],
] as const;

describe.each(builds)('crossEntropy, %s build', async (build) => {
  const run = await callProbe(build);

  it.each(sizes)('of %i rows of %i columns, %i of them classes', (rows, vocabulary, classes) => {
    const logits = noise(rows * vocabulary, 1).map((value) => 12 * value);
    for (let row = 0; row < rows; row++) logits.fill(Number.NaN, row * vocabulary + classes, (row + 1) * vocabulary);
    const targets = Int32Array.from({ length: rows }, (_, row) =>
      row === 2 ? ignoreIndex : (row * 7919 + classes - 1) % classes,
    );
    const { loss, logSumExp } = lossOf(logits, targets, vocabulary, classes);
    const calls = crossEntropyCalls({ rows, vocabulary, classes, ignoreIndex });
    const [losses, sums] = run(calls, [logits, targets], [rows, rows]);
    expectNear(losses!, loss, { tolerance: 2e-7, floor: 1 });
    expectNear(sums!, logSumExp, { tolerance: 2e-7, floor: 1 });
    expect(run(calls, [logits, targets], [rows, undefined])[0]).toEqual(losses);
  });

  it('is exact enough for a sure answer among large logits', () => {
    const logits = Float32Array.from([1000, 984, 983, 984]);
    const [loss] = run(
      crossEntropyCalls({ rows: 1, vocabulary: 4, classes: 4, ignoreIndex }),
      [logits, Int32Array.of(0)],
      [1, 1],
    );
    expectNear(loss!, [Math.log1p(2 * Math.exp(-16) + Math.exp(-17))], { tolerance: 1e-6, floor: 0.1 });
  });

  it('gives NaN for a target outside the classes, for NaN and for a row of −∞; ∞ for an impossible class', () => {
    const low = Number.NEGATIVE_INFINITY;
    const logits = Float32Array.from([0, 0, 0, 0, 0, 0, 0, Number.NaN, 0, low, low, 0, low, 0, 0]);
    const targets = Int32Array.of(2, -1, 0, 1, 0);
    const [loss] = run(
      crossEntropyCalls({ rows: 5, vocabulary: 3, classes: 2, ignoreIndex }),
      [logits, targets],
      [5, 5],
    );
    expect([...loss!]).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN, Number.POSITIVE_INFINITY]);
  });

  it.each(sizes)('has the gradient of %i rows of %i columns, %i of them classes', (rows, vocabulary, classes) => {
    const logits = noise(rows * vocabulary, 1).map((value) => 12 * value);
    const targets = Int32Array.from({ length: rows }, (_, row) =>
      row === 2 ? ignoreIndex : (row * 7919 + classes - 1) % classes,
    );
    const { logSumExp } = lossOf(logits, targets, vocabulary, classes);
    const slopes = noise(rows, 5);
    const want = new Float64Array(logits.length);
    targets.forEach((target, row) => {
      if (target === ignoreIndex) return;
      for (let c = 0; c < classes; c++) {
        const probability = Math.exp(logits[row * vocabulary + c]! - Math.fround(logSumExp[row]!));
        want[row * vocabulary + c] = (probability - (c === target ? 1 : 0)) * slopes[row]!;
      }
    });
    const inputs = [slopes, logits, targets, Float32Array.from(logSumExp)];
    const calls = crossEntropyGradientCalls({ rows, vocabulary, classes, ignoreIndex });
    const [gradient] = run(calls, inputs, [logits.length]);
    expectNear(gradient!, want, { tolerance: 1e-6, floor: 0.1 });
    for (let row = 0; row < rows; row++) {
      for (let c = targets[row] === ignoreIndex ? 0 : classes; c < vocabulary; c++) {
        if (!Object.is(gradient![row * vocabulary + c], 0)) expect.fail(`row ${row}, column ${c} is not 0`);
      }
    }
    expect(run(calls, inputs, [{ inPlace: 1 }])[0]).toEqual(gradient);
  });
});
