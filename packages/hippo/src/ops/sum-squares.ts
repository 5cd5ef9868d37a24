// Σ x² over all elements of many tensors, one number: the square of a global norm, in one pass over all of them.

import { rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { elementCount } from '../tensor/shape.ts';
import { add, mul, square } from './elementwise.ts';
import { sum } from './sum.ts';

/** Inputs any number of f32 tensors, output a scalar. */
export const sumSquaresOperation: Operation = {
  name: 'sumSquares',
  infer: (inputs) => {
    rule(
      inputs.length > 0 && inputs.every(({ dtype }) => dtype === 'f32'),
      () => `takes one or more f32 tensors; got ${inputs.map(({ dtype }) => dtype).join(', ') || 'none'}.`,
    );
    return [{ shape: [], dtype: 'f32' }];
  },
  gradient: ({ inputs, outputGradients: [g] }) => (g ? inputs.map((x) => mul(x, mul(2, g))) : []),
  reference: (inputs) => {
    let total = 0;
    for (const { data } of inputs) for (const value of data) total += value * value;
    return [Float64Array.of(total)];
  },
  decompose: (inputs) => [inputs.map((x) => sum(square(x))).reduce((total, part) => add(total, part))],
  operations: (inputs) => 2 * inputs.reduce((total, { shape }) => total + elementCount(shape), 0),
};

/**
 * Σᵢ Σ xᵢ² over all elements of all tensors, a scalar.
 * @throws TraceError `rule` without a tensor, or when one is not f32.
 */
export function sumSquares(tensors: readonly Value[]): Value {
  return applySingle(sumSquaresOperation, tensors, {});
}
