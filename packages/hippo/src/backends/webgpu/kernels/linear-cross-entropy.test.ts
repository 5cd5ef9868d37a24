// The linear head's cross-entropy and gradient where neither the logits nor the weight fit a binding: chunks of rows, pieces of the
// weight, and only what somebody reads.
import { describe, expect, it } from 'vitest';
import { applyOperation, input as inputOf, traceGraph } from '../../../graph/trace.ts';
import type { Node } from '../../../graph/value.ts';
import { linearCrossEntropyGradientOperation } from '../../../ops/linear-cross-entropy.ts';
import { webGpuTested } from '../../../testing/webgpu.test-support.ts';
import { openKernelHarness } from './kernel-harness.test-support.ts';
import { linearCrossEntropyChoosers } from './linear-cross-entropy.ts';
import { baseTraits, largestDifference, testNumbers } from './matmul.test-support.ts';

const [rows, width, columns] = [128, 64, 192];
const attributes = { classes: 180, ignoreIndex: -100 };
/** 64 rows of logits: half of what there are, and too little for the weight. */
const traits = { ...baseTraits, maxBindingBytes: 64 * columns * 4 };

function gradientNode(sizes = { rows, width, columns }): Node {
  const graph = traceGraph(() => {
    const [dx, dWeight, loss] = applyOperation(
      linearCrossEntropyGradientOperation,
      [
        inputOf('x', { shape: [sizes.rows, sizes.width], dtype: 'f32' }),
        inputOf('w', { shape: [sizes.columns, sizes.width], dtype: 'f32' }),
        inputOf('t', { shape: [sizes.rows], dtype: 'i32' }),
        inputOf('g', { shape: [sizes.rows], dtype: 'f32' }),
      ],
      attributes,
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
    const numbers = (data: Float32Array | Int32Array, shape: readonly number[]) => ({
      shape,
      data: data instanceof Int32Array ? data : Float64Array.from(data),
    });
    const operands = [
      numbers(x, [rows, width]),
      numbers(weight, [columns, width]),
      numbers(targets, [rows]),
      numbers(slopes, [rows]),
    ];
    const expected = linearCrossEntropyGradientOperation.reference?.(operands, attributes, []) ?? [];
    expect(expected).toHaveLength(3);
    for (const [i, result] of expected.entries())
      expect(largestDifference(results[i] ?? [], result), `result ${i}`).toBeLessThan(3e-5);
  }, 120_000);
});
