// Softmax over the last axis.

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { formatShape } from '../tensor/shape.ts';

const infer: Operation['infer'] = (inputs) => {
  const x = operand(inputs, 0);
  rule(
    x.dtype === 'f32' && x.shape.length >= 1,
    () => `takes f32 with at least one axis; got ${x.dtype}${formatShape(x.shape)}.`,
  );
  return [{ shape: x.shape, dtype: 'f32' }];
};

export const softmaxOperation: Operation = {
  name: 'softmax',
  infer,
  inPlace: 0,
  gradient: ({ outputs: [y], outputGradients: [g] }) =>
    y && g ? [applySingle(softmaxGradientOperation, [y, g], {})] : [],
  reference: ([x]) => {
    if (!x) return [];
    const width = x.shape[x.shape.length - 1] ?? 1;
    const result = new Float64Array(x.data.length);
    for (let row = 0; row < x.data.length; row += width) {
      let largest = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < width; i++) largest = Math.max(largest, x.data[row + i] ?? 0);
      let total = 0;
      for (let i = 0; i < width; i++) total += result[row + i] = Math.exp((x.data[row + i] ?? 0) - largest);
      for (let i = 0; i < width; i++) result[row + i]! /= total;
    }
    return [result];
  },
  operations: ([x]) => 5 * (x?.shape.reduce((a, b) => a * b, 1) ?? 0),
};

/** dx = y ⊙ (dy − Σ dy ⊙ y), inputs [y, dy]. */
export const softmaxGradientOperation: Operation = {
  name: 'softmaxGradient',
  infer,
  inPlace: 1,
  reference: ([y, dy]) => {
    if (!y || !dy) return [];
    const width = y.shape[y.shape.length - 1] ?? 1;
    const result = new Float64Array(y.data.length);
    for (let row = 0; row < y.data.length; row += width) {
      let dot = 0;
      for (let i = row; i < row + width; i++) dot += (y.data[i] ?? 0) * (dy.data[i] ?? 0);
      for (let i = row; i < row + width; i++) result[i] = (y.data[i] ?? 0) * ((dy.data[i] ?? 0) - dot);
    }
    return [result];
  },
};

/** e^{xᵢ}/Σⱼ e^{xⱼ} over the last axis; −∞ entries give 0. */
export function softmax(x: Value): Value {
  return applySingle(softmaxOperation, [x], {});
}
