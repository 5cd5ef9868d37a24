// Transpose: axes in another order. Elementwise kernels read it through strides; other kernels get a copy.

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { contiguousStrides, formatShape } from '../tensor/shape.ts';
import { reshape } from './reshape.ts';

export const transposeOperation: Operation<{ readonly permutation: readonly number[] }> = {
  name: 'transpose',
  infer: (inputs, { permutation }) => {
    const input = operand(inputs, 0);
    rule(
      permutation.length === input.shape.length &&
        [...permutation].sort((a, b) => a - b).every((axis, index) => axis === index),
      () => `the permutation must name each axis of ${formatShape(input.shape)} once; got [${permutation.join(', ')}].`,
    );
    return [{ shape: permutation.map((axis) => input.shape[axis] ?? 1), dtype: input.dtype }];
  },
  view: (input, { permutation }) => {
    const strides = contiguousStrides(input);
    return { offset: 0, strides: permutation.map((axis) => strides[axis] ?? 0) };
  },
  gradient: ({ outputGradients: [g], attributes: { permutation } }) =>
    g
      ? [
          transpose(
            g,
            permutation.map((_, axis) => permutation.indexOf(axis)),
          ),
        ]
      : [],
  simplify: ([x], { permutation }) => {
    if (!x) return undefined;
    if (permutation.every((axis, index) => axis === index)) return x;
    // Where only axes of one element change places, the numbers lie as before.
    const long = permutation.filter((axis) => x.shape[axis] !== 1);
    if (long.every((axis, index) => index === 0 || axis > (long[index - 1] ?? 0)))
      return reshape(
        x,
        permutation.map((axis) => x.shape[axis] ?? 1),
      );
    const inner = x.node.operation === transposeOperation ? x.node : undefined;
    const first = inner?.attributes.permutation as readonly number[] | undefined;
    return (
      inner?.inputs[0] &&
      first &&
      transpose(
        inner.inputs[0],
        permutation.map((axis) => first[axis] ?? axis),
      )
    );
  },
};

/** Result axis i is input axis `permutation[i]`. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  return applySingle(transposeOperation, [x], { permutation });
}
