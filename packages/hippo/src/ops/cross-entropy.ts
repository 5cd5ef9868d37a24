// Cross-entropy of class scores against target classes, in nats, row by row: logsumexp(row) − row[target]. Probabilities are
// never stored; the gradient recomputes them from the row's logsumexp.

import { operand, rule } from '../graph/rule.ts';
import { applyOperation, applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { formatShape } from '../tensor/shape.ts';

export type CrossEntropyAttributes = {
  /** Only the first `classes` columns take part; the rest is padding. */
  readonly classes: number;
  /** Rows with this target have loss 0 and no gradient. */
  readonly ignoreIndex: number;
};

/** Inputs [logits [rows, columns], targets i32 [rows]], outputs [loss [rows], logSumExp [rows]]. */
export const crossEntropyOperation: Operation<CrossEntropyAttributes> = {
  name: 'crossEntropy',
  infer: (inputs, { classes }) => {
    const [logits, targets] = [operand(inputs, 0), operand(inputs, 1)];
    const [rows, columns = 0] = logits.shape;
    rule(
      logits.shape.length === 2 &&
        logits.dtype === 'f32' &&
        targets.shape.length === 1 &&
        targets.shape[0] === rows &&
        targets.dtype === 'i32',
      () =>
        `takes logits f32 [rows, classes] and targets i32 [rows]; got ${logits.dtype} ${formatShape(logits.shape)} and ${targets.dtype} ${formatShape(targets.shape)}.`,
    );
    rule(
      classes >= 1 && classes <= columns,
      () => `classes must lie between 1 and the ${columns} columns; got ${classes}.`,
    );
    return [
      { shape: targets.shape, dtype: 'f32' },
      { shape: targets.shape, dtype: 'f32' },
    ];
  },
  gradient: ({ inputs: [logits, targets], outputs: [, logSumExp], outputGradients: [g, ...others], attributes }) => {
    rule(
      others.every((v) => v === undefined),
      () => 'only the loss can be differentiated.',
    );
    return logits && targets && logSumExp && g
      ? [applySingle(crossEntropyGradientOperation, [g, logits, targets, logSumExp], attributes)]
      : [];
  },
  reference: ([logits, targets], { classes, ignoreIndex }) => {
    if (!logits || !targets) return [];
    const columns = logits.shape[1] ?? 0;
    const [loss, logSumExp] = [new Float64Array(targets.data.length), new Float64Array(targets.data.length)];
    targets.data.forEach((target, row) => {
      const scores = logits.data.subarray(row * columns, row * columns + classes);
      let largest = Number.NEGATIVE_INFINITY;
      for (const score of scores) largest = Math.max(largest, score);
      let total = 0;
      for (const score of scores) total += Math.exp(score - largest);
      logSumExp[row] = largest + Math.log(total);
      loss[row] = target === ignoreIndex ? 0 : logSumExp[row]! - (scores[target] ?? Number.NaN);
    });
    return [loss, logSumExp];
  },
  operations: ([logits]) => 4 * (logits?.shape[0] ?? 0) * (logits?.shape[1] ?? 0),
};

/** Inputs [dLoss [rows], logits, targets, logSumExp], output dLogits = (softmax − onehot)·dLoss. */
export const crossEntropyGradientOperation: Operation<CrossEntropyAttributes> = {
  name: 'crossEntropyGradient',
  inPlace: 1,
  infer: (inputs) => [{ shape: operand(inputs, 1).shape, dtype: 'f32' }],
  reference: ([dLoss, logits, targets, logSumExp], { classes, ignoreIndex }) => {
    if (!dLoss || !logits || !targets || !logSumExp) return [];
    const columns = logits.shape[1] ?? 0;
    const result = new Float64Array(logits.data.length);
    targets.data.forEach((target, row) => {
      if (target === ignoreIndex) return;
      const g = dLoss.data[row] ?? 0;
      for (let c = 0; c < classes; c++) {
        const probability = Math.exp((logits.data[row * columns + c] ?? 0) - (logSumExp.data[row] ?? 0));
        result[row * columns + c] = (probability - (c === target ? 1 : 0)) * g;
      }
    });
    return [result];
  },
  operations: ([, logits]) => 4 * (logits?.shape[0] ?? 0) * (logits?.shape[1] ?? 0),
};

/**
 * −log softmax(logits)[target] for each row, in nats.
 * @param options.classes how many of the columns are real classes (default: all).
 * @param options.ignoreIndex rows with this target count nothing (default −100).
 */
export function crossEntropy(logits: Value, targets: Value, options: Partial<CrossEntropyAttributes> = {}): Value {
  const attributes = { classes: options.classes ?? logits.shape[1] ?? 1, ignoreIndex: options.ignoreIndex ?? -100 };
  const [loss] = applyOperation(crossEntropyOperation, [logits, targets], attributes);
  return loss as Value;
}
