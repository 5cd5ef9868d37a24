// The linear head's cross-entropy and gradient where neither the logits nor the weight fit a binding: chunks of rows, pieces of the
// weight, and only what somebody reads.
import { describe, expect, it } from 'vitest';
import { applyOperation, input as inputOf, traceGraph } from '../../../graph/trace.ts';
import type { Node } from '../../../graph/value.ts';
import { linearCrossEntropyGradientOperation } from '../../../ops/linear-cross-entropy.ts';
import { webGpuTested } from '../../../testing/webgpu.test-support.ts';
import { openKernelHarness } from './kernel-harness.test-support.ts';
import { linearCrossEntropyChoosers } from './linear-cross-entropy.ts';
import { baseTraits, largestDifference, largeTraits, testNumbers } from './matmul.test-support.ts';

const [rows, width, columns] = [128, 64, 192];
const attributes = { classes: 180, ignoreIndex: -100 };
/** 64 rows of logits: half of what there are, and too little for the weight. */
const traits = { ...baseTraits, maxBindingBytes: 64 * columns * 4 };

interface Operands {
  readonly x: Float32Array;
  readonly weight: Float32Array;
  readonly targets: Int32Array;
  readonly slopes: Float32Array;
}

/** dx, dW and the losses by the definition. */
function expectedOf(
  { x, weight, targets, slopes }: Operands,
  sizes: { readonly rows: number; readonly width: number; readonly columns: number },
  classes: number,
) {
  const floats = (data: Float32Array, shape: readonly number[]) => ({ shape, data: Float64Array.from(data) });
  const operands = [
    floats(x, [sizes.rows, sizes.width]),
    floats(weight, [sizes.columns, sizes.width]),
    { shape: [sizes.rows], data: targets },
    floats(slopes, [sizes.rows]),
  ];
  return linearCrossEntropyGradientOperation.reference?.(operands, { ...attributes, classes }, []) ?? [];
}

function gradientNode(sizes = { rows, width, columns }, classes = attributes.classes): Node {
  const graph = traceGraph(() => {
    const [dx, dWeight, loss] = applyOperation(
      linearCrossEntropyGradientOperation,
      [
        inputOf('x', { shape: [sizes.rows, sizes.width], dtype: 'f32' }),
        inputOf('w', { shape: [sizes.columns, sizes.width], dtype: 'f32' }),
        inputOf('t', { shape: [sizes.rows], dtype: 'i32' }),
        inputOf('g', { shape: [sizes.rows], dtype: 'f32' }),
      ],
      { ...attributes, classes },
    );
    if (!dx || !dWeight || !loss) throw new Error('three results');
    return { dx, dWeight, loss };
  });
  const node = graph.nodes.find(({ operation }) => operation.name === 'linearCrossEntropyGradient');
  if (!node) throw new Error('no node');
  return node;
}

const choiceOf = (node: Node, limits = traits) => {
  const choice = linearCrossEntropyChoosers.linearCrossEntropyGradient?.(node, limits);
  if (!choice) throw new Error('no kernel');
  return choice;
};

describe('linearCrossEntropyGradient', () => {
  it('makes only what is read', () => {
    const choice = choiceOf(gradientNode(), baseTraits as typeof traits);
    const labels = (wanted: readonly boolean[]) => choice.dispatches(wanted).map(({ label }) => label.split(',')[0]);
    expect(labels([false, false, true])).toEqual(['matmul 128×64×192', 'cross-entropy of 128 rows']);
    expect(labels([true, false, true])).toHaveLength(3);
    expect(labels([true, true, true])).toHaveLength(4);
  });
  it('holds no more than 256 MiB of logits, and on base devices what a kernel may see', () => {
    const node = gradientNode({ rows: 4096, width: 2560, columns: 50_264 });
    expect(choiceOf(node, baseTraits as typeof traits).reason).toBe('logits of 640 rows at a time');
    const { reason, workspaceBytes = 0 } = choiceOf(node, { ...traits, maxBindingBytes: 2 ** 31 - 4 });
    expect(reason).toBe('logits of 1024 rows at a time');
    expect(workspaceBytes).toBeLessThan(2 ** 28 + 2 ** 27);
  });
});

describe.runIf(webGpuTested)('linearCrossEntropyGradient in chunks', async () => {
  const harness = webGpuTested ? await openKernelHarness() : undefined;
  it('makes slopes as f16 in the place of logits, for products that round them', async () => {
    // More columns than a round of the slopes has, and classes that end before them.
    const sizes = { rows: 24, width: 16, columns: 520 };
    const classes = 515;
    const node = gradientNode(sizes, classes);
    // Workgroup memory for tiles in f32 alone, so that products run here: they read the halves all the same.
    const rounding = { ...largeTraits, maxWorkgroupBytes: 4096, precision: 'f16' } as const;
    const choice = linearCrossEntropyChoosers.linearCrossEntropyGradient?.(node, rounding);
    if (!choice) throw new Error('no kernel');
    const [x, weight] = [testNumbers(sizes.rows * sizes.width, 1), testNumbers(sizes.columns * sizes.width, 2)];
    const targets = Int32Array.from({ length: sizes.rows }, (_, i) => (i % 9 === 4 ? -100 : (i * 37) % classes));
    const slopes = testNumbers(sizes.rows, 3);
    const counts = [sizes.rows * sizes.width, sizes.columns * sizes.width, sizes.rows];
    const results = await harness?.run(
      { ...choice, dispatches: choice.dispatches([true, true, true]) },
      {
        inputs: [x, weight, targets, slopes],
        outputs: counts.map((count) => ({ count })),
      },
    );
    const expected = expectedOf({ x, weight, targets, slopes }, sizes, classes);
    // Roundings of 2⁻¹² a factor, of sums no larger than that.
    for (const [i, result] of expected.entries())
      expect(largestDifference(results?.[i] ?? [], result), `result ${i}`).toBeLessThan(4e-3);
    expect(largestDifference(results?.[0] ?? [], expected[0] ?? [])).toBeGreaterThan(1e-6);
  }, 120_000);
  it('gives the losses and gradients of the whole', async () => {
    const x = testNumbers(rows * width, 1);
    const weight = testNumbers(columns * width, 2);
    const targets = Int32Array.from({ length: rows }, (_, i) => (i % 9 === 4 ? -100 : (i * 37) % 180));
    const slopes = testNumbers(rows, 3);
    const choice = choiceOf(gradientNode());
    const dispatches = choice.dispatches([true, true, true]);
    const outputs = [{ count: rows * width }, { count: columns * width }, { count: rows }];
    const results =
      (await harness?.run(
        { ...choice, dispatches },
        { inputs: [x, weight, targets, slopes], outputs, maxBindingBytes: traits.maxBindingBytes },
      )) ?? [];
    const expected = expectedOf({ x, weight, targets, slopes }, { rows, width, columns }, attributes.classes);
    expect(expected).toHaveLength(3);
    for (const [i, result] of expected.entries())
      expect(largestDifference(results[i] ?? [], result), `result ${i}`).toBeLessThan(3e-5);
  }, 120_000);
});
