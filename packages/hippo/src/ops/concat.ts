// Concatenation along one axis.

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { elementCount, formatShape } from '../tensor/shape.ts';
import { sliceAxis } from './slice.ts';

export const concatOperation: Operation<{ readonly axis: number }> = {
  name: 'concat',
  infer: (inputs, { axis }) => {
    const first = operand(inputs, 0);
    rule(
      axis >= 0 && axis < first.shape.length,
      () => `axis ${axis} must exist; got shape ${formatShape(first.shape)}.`,
    );
    rule(
      inputs.every(
        (v) =>
          v.dtype === first.dtype &&
          v.shape.length === first.shape.length &&
          v.shape.every((size, i) => i === axis || size === first.shape[i]),
      ),
      () =>
        `operands must agree in dtype and in every axis but ${axis}; got ${inputs.map((v) => formatShape(v.shape)).join(', ')}.`,
    );
    const extent = inputs.reduce((sum, v) => sum + (v.shape[axis] ?? 0), 0);
    return [{ shape: first.shape.map((size, i) => (i === axis ? extent : size)), dtype: first.dtype }];
  },
  gradient: ({ inputs, outputGradients: [g], attributes: { axis } }) => {
    let from = 0;
    return inputs.map((input) => {
      const start = from;
      from += input.shape[axis] ?? 0;
      return g && sliceAxis(g, axis, start, from);
    });
  },
  reference: (inputs, { axis }, [output]) => {
    const shape = output?.shape ?? [];
    const result =
      output?.dtype === 'f32' ? new Float64Array(elementCount(shape)) : new Int32Array(elementCount(shape));
    const outer = elementCount(shape.slice(0, axis));
    const row = elementCount(shape.slice(axis));
    let offset = 0;
    for (const { data, shape: part } of inputs) {
      const width = elementCount(part.slice(axis));
      for (let o = 0; o < outer; o++) result.set(data.subarray(o * width, (o + 1) * width), o * row + offset);
      offset += width;
    }
    return [result];
  },
  simplify: (inputs) => (inputs.length === 1 ? inputs[0] : undefined),
};

/** Joins values along one axis; negative axes count from the end. */
export function concat(values: readonly Value[], axis: number): Value {
  const rank = values[0]?.shape.length ?? 0;
  return applySingle(concatOperation, values, { axis: axis < 0 ? axis + rank : axis });
}
