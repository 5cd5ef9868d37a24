import { describe, expect, it } from 'vitest';
import { callProbe, expectNear } from './call-probe.test-support.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';
import {
  type Chunking,
  chunkRows,
  linearCrossEntropyCalls,
  linearCrossEntropyGradientCalls,
} from './linear-cross-entropy.ts';

const ignoreIndex = -100;

interface Sizes {
  readonly rows: number;
  readonly width: number;
  readonly vocabulary: number;
  readonly classes: number;
  readonly chunking?: Chunking;
}

/** The definition in float64. */
function expected(
  { rows, width, vocabulary, classes }: Sizes,
  given: { x: Float32Array; weight: Float32Array; targets: Int32Array; slopes: Float32Array },
) {
  const { x, weight, targets, slopes } = given;
  const [losses, dx, dWeight] = [rows, rows * width, vocabulary * width].map((count) => new Float64Array(count)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let row = 0; row < rows; row++) {
    const target = targets[row]!;
    if (target === ignoreIndex) continue;
    const logits = new Float64Array(classes);
    for (let c = 0; c < classes; c++) {
      for (let i = 0; i < width; i++) logits[c]! += x[row * width + i]! * weight[c * width + i]!;
    }
    const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
    losses[row] = Math.log(total) + largest - (logits[target] ?? Number.NaN);
    for (let c = 0; c < classes; c++) {
      const slope = (Math.exp(logits[c]! - largest) / total - (c === target ? 1 : 0)) * slopes[row]!;
      for (let i = 0; i < width; i++) {
        dx[row * width + i]! += slope * weight[c * width + i]!;
        dWeight[c * width + i]! += slope * x[row * width + i]!;
      }
    }
  }
  return { losses, dx, dWeight };
}

const cases: readonly Sizes[] = [
  { rows: 1, width: 1, vocabulary: 1, classes: 1 },
  { rows: 3, width: 5, vocabulary: 9, classes: 7 },
  { rows: 70, width: 24, vocabulary: 96, classes: 96 },
  // Three chunks of rows, the last one short, and four slabs of the vocabulary.
  { rows: 45, width: 12, vocabulary: 61, classes: 58, chunking: { logitsBytes: 6000, step: 16, packed: 200 } },
];

it('takes whole steps of rows, one at least, and no more than there are', () => {
  expect(chunkRows({ rows: 4096, vocabulary: 50_304 })).toBe(256);
  expect(chunkRows({ rows: 4096, vocabulary: 20_000 })).toBe(768);
  expect(chunkRows({ rows: 4096, vocabulary: 96 })).toBe(4096);
  expect(chunkRows({ rows: 4096, vocabulary: 1_000_000 })).toBe(256);
  expect(chunkRows(cases[3]!)).toBe(16);
});

it('needs no memory for the logits of all rows', () => {
  const sizes = { rows: 4096, width: 256, vocabulary: 50_264, classes: 50_264, ignoreIndex };
  const whole = 4 * sizes.rows * sizes.vocabulary;
  expect(linearCrossEntropyCalls(sizes).workspaceBytes(2)).toBeLessThan(whole / 8);
  expect(linearCrossEntropyGradientCalls(sizes).workspaceBytes(2)).toBeLessThan(whole / 8);
});

describe.each(builds)('linearCrossEntropy, %s build', async (build) => {
  const run = await callProbe(build);

  it.each(cases)('$rows rows of $width, $vocabulary columns, $classes of them classes', (sizes) => {
    const { rows, width, vocabulary, classes } = sizes;
    const x = noise(rows * width, 1).map((value) => 2 * value);
    const weight = noise(vocabulary * width, 2);
    const targets = Int32Array.from({ length: rows }, (_, row) => (row === 2 ? ignoreIndex : (row * 7919) % classes));
    const slopes = noise(rows, 3);
    const want = expected(sizes, { x, weight, targets, slopes });
    const inputs = [x, weight, targets, slopes];
    const [losses] = run(linearCrossEntropyCalls({ ...sizes, ignoreIndex }), inputs.slice(0, 3), [rows]);
    expectNear(losses!, want.losses, { tolerance: 1e-5, floor: 1 });

    const calls = linearCrossEntropyGradientCalls({ ...sizes, ignoreIndex });
    const [dx, dWeight, same] = run(calls, inputs, [x.length, weight.length, rows]);
    expectNear(dx!, want.dx, { tolerance: 2e-5, floor: 1 });
    expectNear(dWeight!, want.dWeight, { tolerance: 2e-5, floor: 1 });
    expect(same).toEqual(losses);
    expect(run(calls, inputs, [x.length, undefined, undefined])[0]).toEqual(dx);
    expect(run(calls, inputs, [undefined, weight.length, rows])[1]).toEqual(dWeight);
  });

  it('gives NaN for a target outside the classes and no slope to padding', () => {
    const sizes = { rows: 2, width: 1, vocabulary: 3, classes: 2, ignoreIndex };
    const inputs = [Float32Array.of(1, 1), Float32Array.of(0, 0, 9), Int32Array.of(2, 1), Float32Array.of(1, 1)];
    const [dx, dWeight, losses] = run(linearCrossEntropyGradientCalls(sizes), inputs, [2, 3, 2]);
    expect([...losses!]).toEqual([Number.NaN, Math.fround(Math.LN2)]);
    expect([...dWeight!]).toEqual([1, 0, 0]);
    expect([...dx!]).toEqual([0, 0]);
  });
});
