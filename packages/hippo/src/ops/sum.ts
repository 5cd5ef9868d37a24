// Sum over neighbouring axes, and broadcasting: each is the other's gradient, so they share a file.

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import type { DType } from '../tensor/dtype.ts';
import { broadcastStrides, elementCount, formatShape, type Shape, sameShape } from '../tensor/shape.ts';
import { reshape } from './reshape.ts';

export type ReduceAttributes = { readonly axis: number; readonly count: number };

/** The reduction as [outer, reduced, inner]: what a kernel sees. */
export function reductionSizes(
  shape: Shape,
  { axis, count }: ReduceAttributes,
): { outer: number; reduced: number; inner: number } {
  return {
    outer: elementCount(shape.slice(0, axis)),
    reduced: elementCount(shape.slice(axis, axis + count)),
    inner: elementCount(shape.slice(axis + count)),
  };
}

/** @param dtypes that the operand may have. */
export function inferReduction(name: string, dtypes: readonly DType[] = ['f32']): Operation<ReduceAttributes>['infer'] {
  return (inputs, { axis, count }) => {
    const input = operand(inputs, 0);
    rule(dtypes.includes(input.dtype), () => `${name} takes f32; got ${input.dtype}.`);
    rule(
      axis >= 0 && count >= 1 && axis + count <= input.shape.length,
      () => `axes ${axis} to ${axis + count - 1} must exist; got shape ${formatShape(input.shape)}.`,
    );
    return [{ shape: [...input.shape.slice(0, axis), ...input.shape.slice(axis + count)], dtype: 'f32' }];
  };
}

/** Sums over `count` neighbouring axes from `axis` on, which disappear. */
export const sumOperation: Operation<ReduceAttributes> = {
  name: 'sum',
  // f16: planning may have rounded the factor of a product (plan/halve-factors.ts).
  infer: inferReduction('sum', ['f32', 'f16']),
  gradient: ({ inputs: [x], outputGradients: [g], attributes: { axis, count } }) => {
    if (!x || !g) return [];
    const kept = [...g.shape.slice(0, axis), ...new Array<number>(count).fill(1), ...g.shape.slice(axis)];
    return [broadcastTo(reshape(g, kept), x.shape)];
  },
  reference: ([x], attributes) => {
    const { outer, reduced, inner } = reductionSizes(x?.shape ?? [], attributes);
    const result = new Float64Array(outer * inner);
    for (let o = 0; o < outer; o++) {
      for (let r = 0; r < reduced; r++) {
        for (let i = 0; i < inner; i++) result[o * inner + i]! += x?.data[(o * reduced + r) * inner + i] ?? 0;
      }
    }
    return [result];
  },
  operations: ([x]) => elementCount(x?.shape ?? []),
};

/** Repeats the input along axes of size 1 or missing on the left. */
export const broadcastOperation: Operation<{ readonly shape: Shape }> = {
  name: 'broadcastTo',
  infer: (inputs, { shape }) => {
    const input = operand(inputs, 0);
    const lead = shape.length - input.shape.length;
    rule(
      lead >= 0 && input.shape.every((size, axis) => size === 1 || size === shape[axis + lead]),
      () => `axes must be equal or 1, aligned right; got ${formatShape(input.shape)} for ${formatShape(shape)}.`,
    );
    return [{ shape, dtype: input.dtype }];
  },
  view: (input, { shape }) => ({ offset: 0, strides: broadcastStrides(input, shape) }),
  gradient: ({ inputs: [x], outputGradients: [g] }) => (x && g ? [sumTo(g, x.shape)] : []),
  simplify: ([x], { shape }) => (x && sameShape(x.shape, shape) ? x : undefined),
};

export function broadcastTo(x: Value, shape: Shape): Value {
  return sameShape(x.shape, shape) ? x : applySingle(broadcastOperation, [x], { shape });
}

/**
 * Σ over the given axes (all of them by default; negative axes count from the end).
 * @param options.keep keep the summed axes with size 1.
 */
export function sum(x: Value, axes?: readonly number[], options: { readonly keep?: boolean } = {}): Value {
  return reduceAxes(sumOperation, x, axes, options.keep ?? false);
}

/** Splits a set of axes into runs of neighbours and reduces them from the last to the first. */
export function reduceAxes(
  operation: Operation<ReduceAttributes>,
  x: Value,
  axes: readonly number[] | undefined,
  keep: boolean,
): Value {
  const rank = x.shape.length;
  const chosen = [
    ...new Set((axes ?? x.shape.map((_, axis) => axis)).map((axis) => (axis < 0 ? axis + rank : axis))),
  ].sort((a, b) => b - a);
  let result = x;
  for (let i = 0; i < chosen.length; ) {
    let count = 1;
    while (chosen[i + count] === (chosen[i] ?? 0) - count) count++;
    const axis = chosen[i + count - 1] ?? 0;
    result = applySingle(operation, [result], { axis, count });
    i += count;
  }
  if (!keep) return result;
  return reshape(
    result,
    x.shape.map((size, axis) => (chosen.includes(axis) ? 1 : size)),
  );
}

/** Sums a broadcast value back to the shape it was broadcast from. */
export function sumTo(value: Value, shape: Shape): Value {
  if (sameShape(value.shape, shape)) return value;
  const lead = value.shape.length - shape.length;
  const axes = value.shape.flatMap((size, axis) =>
    axis < lead || (shape[axis - lead] === 1 && size !== 1) ? [axis] : [],
  );
  return reshape(axes.length > 0 ? sum(value, axes) : value, shape);
}
