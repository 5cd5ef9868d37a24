// Cross-entropy of a linear head, losses = crossEntropy(x·Wᵀ, targets), without the logits of all rows at once: a backend
// computes them chunk by chunk of rows. With a vocabulary of 50,000 the logits are by far the largest array of a training step.
// The gradient needs the same logits, so it gives the losses too, and a step that is trained never runs the forward operation.

import { operand, rule } from '../graph/rule.ts';
import { applyOperation, applySingle } from '../graph/trace.ts';
import type { NumbersWithShape, Operation, Value, ValueType } from '../graph/value.ts';
import { formatShape } from '../tensor/shape.ts';
import {
  type CrossEntropyAttributes,
  crossEntropy,
  crossEntropyGradientOperation,
  crossEntropyOperation,
} from './cross-entropy.ts';
import { matmul, matmulOperation } from './matmul.ts';

const multiplyAdds = (inputs: readonly ValueType[]): number =>
  (inputs[0]?.shape[0] ?? 0) * (inputs[1]?.shape[0] ?? 0) * (inputs[1]?.shape[1] ?? 0);

/** Inputs [x [rows, width], W [columns, width], targets i32 [rows]], output losses [rows]. */
export const linearCrossEntropyOperation: Operation<CrossEntropyAttributes> = {
  name: 'linearCrossEntropy',
  infer: (inputs, { classes }) => {
    const [x, weight, targets] = [operand(inputs, 0), operand(inputs, 1), operand(inputs, 2)];
    rule(
      x.shape.length === 2 &&
        weight.shape.length === 2 &&
        x.shape[1] === weight.shape[1] &&
        targets.shape.length === 1 &&
        targets.shape[0] === x.shape[0] &&
        x.dtype === 'f32' &&
        weight.dtype === 'f32' &&
        targets.dtype === 'i32',
      () =>
        `takes x f32 [rows, width], weight f32 [columns, width] and targets i32 [rows]; got ${x.dtype} ${formatShape(x.shape)}, ${weight.dtype} ${formatShape(weight.shape)} and ${targets.dtype} ${formatShape(targets.shape)}.`,
    );
    rule(
      classes >= 1 && classes <= (weight.shape[0] ?? 0),
      () => `classes must lie between 1 and the ${weight.shape[0]} rows of the weight; got ${classes}.`,
    );
    return [{ shape: targets.shape, dtype: 'f32' }];
  },
  gradient: ({ inputs: [x, weight, targets], outputGradients: [g], attributes }) =>
    x && weight && targets && g
      ? applyOperation(linearCrossEntropyGradientOperation, [x, weight, targets, g], attributes).slice(0, 2)
      : [],
  reference: ([x, weight, targets], attributes) => {
    if (!x || !weight || !targets) return [];
    const logits = product(x, weight, { transposeB: true });
    return crossEntropyOperation.reference?.([logits, targets], attributes, []).slice(0, 1) ?? [];
  },
  decompose: ([x, weight, targets], attributes) =>
    x && weight && targets ? [crossEntropy(matmul(x, weight, { transposeB: true }), targets, attributes)] : [],
  operations: (inputs) => 2 * multiplyAdds(inputs),
};

/**
 * Inputs [x, W, targets, dLoss [rows]], outputs [dx, dW, losses]: with d = (softmax(x·Wᵀ) − onehot)·dLoss for each row,
 * dx = d·W and dW = dᵀ·x.
 */
export const linearCrossEntropyGradientOperation: Operation<CrossEntropyAttributes> = {
  name: 'linearCrossEntropyGradient',
  subsumes: { operation: linearCrossEntropyOperation as Operation, outputs: [2] },
  infer: (inputs) => [
    { shape: operand(inputs, 0).shape, dtype: 'f32' },
    { shape: operand(inputs, 1).shape, dtype: 'f32' },
    { shape: operand(inputs, 3).shape, dtype: 'f32' },
  ],
  reference: ([x, weight, targets, dLoss], attributes) => {
    if (!x || !weight || !targets || !dLoss) return [];
    const logits = product(x, weight, { transposeB: true });
    const [losses, logSumExp] = crossEntropyOperation.reference?.([logits, targets], attributes, []) ?? [];
    if (!losses || !logSumExp) return [];
    const sums = { shape: targets.shape, data: logSumExp };
    const [data] = crossEntropyGradientOperation.reference?.([dLoss, logits, targets, sums], attributes, []) ?? [];
    if (!data) return [];
    const slopes = { shape: logits.shape, data };
    return [product(slopes, weight, {}).data, product(slopes, x, { transposeA: true }).data, losses];
  },
  decompose: ([x, weight, targets, dLoss], attributes) => {
    if (!x || !weight || !targets || !dLoss) return [];
    const logits = matmul(x, weight, { transposeB: true });
    const [losses, logSumExp] = applyOperation(crossEntropyOperation, [logits, targets], attributes);
    if (!losses || !logSumExp) return [];
    const slopes = applySingle(crossEntropyGradientOperation, [dLoss, logits, targets, logSumExp], attributes);
    return [matmul(slopes, weight), matmul(slopes, x, { transposeA: true }), losses];
  },
  operations: (inputs) => 6 * multiplyAdds(inputs),
};

/** op(a)·op(b) of two matrices in plain numbers. */
function product(
  a: NumbersWithShape,
  b: NumbersWithShape,
  { transposeA = false, transposeB = false }: { readonly transposeA?: boolean; readonly transposeB?: boolean },
): NumbersWithShape {
  const shape = [a.shape[transposeA ? 1 : 0] ?? 0, b.shape[transposeB ? 0 : 1] ?? 0];
  const [data = new Float64Array(0)] =
    matmulOperation.reference?.([a, b], { transposeA, transposeB }, [{ shape, dtype: 'f32' }]) ?? [];
  return { shape, data };
}

/**
 * −log softmax(x·weightᵀ)[target] for each row of x, in nats.
 * @param x f32 [rows, width]; `weight` f32 [columns, width]; `targets` i32 [rows] → [rows]
 * @param options.classes how many of the columns are real classes (default: all).
 * @param options.ignoreIndex rows with this target count nothing (default −100).
 * @throws TraceError `rule` when shapes or dtypes do not fit.
 */
export function linearCrossEntropy(
  x: Value,
  weight: Value,
  targets: Value,
  options: Partial<CrossEntropyAttributes> = {},
): Value {
  const attributes = { classes: options.classes ?? weight.shape[0] ?? 1, ignoreIndex: options.ignoreIndex ?? -100 };
  return applySingle(linearCrossEntropyOperation, [x, weight, targets], attributes);
}
