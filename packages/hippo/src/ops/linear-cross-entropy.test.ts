// A training step computes the vocabulary's products three times and no more; evaluation runs the forward operation alone.
import { describe, expect, it } from 'vitest';
import { applySingle, assign, input, read, traceGraph } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { stateVariable } from '../graph/variable.ts';
import { languageModel } from '../models/language-model.ts';
import type { KernelTable, LoweredKernel } from '../plan/kernel.ts';
import { makePlan } from '../plan/make-plan.ts';
import { gradient, linearCrossEntropy, mean, square, sub } from './index.ts';

const rows = 6;
const [width, columns] = [4, 40];
const head = stateVariable('head', [columns, width]);
const hidden = stateVariable('hidden', [rows, width]);
/** A backend with or without the kernels of the linear cross-entropy. */
const kernels = (fused: boolean): KernelTable<LoweredKernel> => ({
  backend: 'recorder',
  operation: ({ operation: { name } }) =>
    !fused && name.startsWith('linearCrossEntropy') ? undefined : { name, workspaceBytes: 0 },
  fusion: {
    maxInputs: 8,
    maxInstructions: 20,
    has: () => true,
    kernel: () => ({ name: 'fused', workspaceBytes: 0 }),
  },
});
const losses = (): Value => linearCrossEntropy(read(hidden), read(head), input('t', { shape: [rows], dtype: 'i32' }));
const planned = (fused: boolean, lossOf: () => Value, trained = true): string[] => {
  const graph = traceGraph(() => {
    const loss = lossOf();
    if (!trained) return { loss };
    const [slope, dx] = gradient(loss, [read(head), read(hidden)]) as [Value, Value];
    assign(head, sub(read(head), slope));
    return { loss, dx };
  });
  const { steps } = makePlan(graph, kernels(fused), { verify: true });
  return steps.map(({ kernel }) => kernel.name).filter((name) => name !== 'fused');
};
const heavy = (names: readonly string[]): string[] => names.filter((name) => /linear|matmul/.test(name));

describe('linearCrossEntropy in a plan', () => {
  it('is computed by its gradient alone when the loss is its mean', () => {
    expect(heavy(planned(true, () => mean(losses())))).toEqual(['linearCrossEntropyGradient']);
  });
  it('takes three products where there is no kernel', () => {
    expect(heavy(planned(false, () => mean(losses())))).toEqual(['matmul', 'matmul', 'matmul']);
  });
  it('runs forward alone without a gradient', () => {
    expect(heavy(planned(true, () => mean(losses()), false))).toEqual(['linearCrossEntropy']);
  });
  it('keeps the forward node that its gradient depends on', () => {
    const names = heavy(planned(true, () => mean(square(losses()))));
    expect(names).toEqual(['linearCrossEntropy', 'linearCrossEntropyGradient']);
  });
  it('keeps a forward node of other operands or attributes', () => {
    const both = () => {
      const x = input('x', { shape: [rows, width], dtype: 'f32' });
      const t = input('t', { shape: [rows], dtype: 'i32' });
      const loss = mean(linearCrossEntropy(x, read(head), t));
      const shown = mean(linearCrossEntropy(x, read(head), t, { ignoreIndex: 0 }));
      const [slope] = gradient(loss, [read(head)]);
      return { loss, shown, slope: slope as Value };
    };
    const { steps } = makePlan(traceGraph(both), kernels(true), { verify: true });
    expect(heavy(steps.map(({ kernel }) => kernel.name)).sort()).toEqual([
      'linearCrossEntropy',
      'linearCrossEntropyGradient',
    ]);
  });
});

describe('a language model', () => {
  const model = languageModel({ vocab_size: 40, d_model: 8, n_layer: 1, d_inner: 16, d_state: 4 });
  const plan = (trained: boolean) =>
    makePlan(
      traceGraph(() => {
        const loss = model.loss(input('tokens', { shape: [2, 7], dtype: 'i32' }));
        const slopes = trained
          ? gradient(
              loss,
              model.variables.map((variable) => read(variable)),
            )
          : [];
        return { loss, ...Object.fromEntries(slopes.map((slope, index) => [`slope${index}`, slope])) };
      }),
      kernels(true),
      { verify: true },
    );
  const vocabulary = model.paddedVocabularySize;

  it('trains with exactly three products of vocabulary size, all in one step', () => {
    const { steps } = plan(true);
    const isWide = (shape: readonly number[] = []): boolean => shape.includes(vocabulary) && shape.length === 2;
    const wide = steps.filter(
      ({ kernel, outputTypes }) =>
        kernel.name.startsWith('linearCrossEntropy') ||
        (kernel.name === 'matmul' && outputTypes.some((type) => isWide(type?.shape))),
    );
    expect(wide.map(({ kernel }) => kernel.name)).toEqual(['linearCrossEntropyGradient']);
    const products = wide.reduce((sum, { arithmetic }) => sum + arithmetic, 0) / (2 * 2 * 6 * vocabulary * 8);
    expect(products).toBe(3);
  });
  it('is evaluated with one', () => {
    const names = plan(false).steps.map(({ kernel }) => kernel.name);
    expect(names.filter((name) => name.startsWith('linear'))).toEqual(['linearCrossEntropy']);
  });
});

it('refuses a gradient node whose results are not those of the forward operation', () => {
  const forward: Operation = { name: 'forward', infer: (inputs) => inputs.slice(0, 1) };
  const other: Operation = { name: 'forward', infer: (inputs) => inputs.slice(0, 1) };
  const slope: Operation = {
    name: 'slope',
    infer: (inputs) => [...inputs.slice(0, 1), ...inputs.slice(0, 1)],
    subsumes: { operation: forward, outputs: [1] },
  };
  const graph = (operation: Operation) =>
    traceGraph(() => {
      const x = input('x', { shape: [3], dtype: 'f32' });
      return { y: applySingle(operation, [x], {}), dx: applySingle(slope, [x], {}) };
    });
  const names = (operation: Operation): string[] =>
    makePlan(graph(operation), kernels(true), { verify: true }).steps.map(({ kernel }) => kernel.name);
  expect(names(forward)).toEqual(['slope']);
  expect(names(other)).toEqual(['forward', 'slope']);
});
