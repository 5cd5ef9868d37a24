// Writes a block into a tensor at a position known only at run time: how an attention cache grows, with one position for all or one
// for each sequence. When the base is a variable that is assigned the result, the plan writes in place and only the block moves.

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { elementCount, formatShape, sameShape } from '../tensor/shape.ts';

export const updateSliceOperation: Operation<{ readonly axis: number }> = {
  name: 'updateSlice',
  inPlace: 0,
  infer: (inputs, { axis }) => {
    const [base, update, position] = [operand(inputs, 0), operand(inputs, 1), operand(inputs, 2)];
    const positions = elementCount(position.shape);
    rule(
      base.dtype === 'f32' && update.dtype === 'f32' && position.dtype === 'i32',
      () => 'takes an f32 base, an f32 update and i32 positions.',
    );
    rule(
      positions === 1 || (axis > 0 && sameShape(position.shape, base.shape.slice(0, 1))),
      () =>
        `takes one position, or one for each index of the base's first axis; got ${formatShape(position.shape)} for ${formatShape(base.shape)} along axis ${axis}.`,
    );
    rule(
      base.shape.length === update.shape.length &&
        base.shape.every((size, i) => (i === axis ? (update.shape[i] ?? 0) <= size : size === update.shape[i])),
      () =>
        `the update must fit the base in every axis and may be smaller along axis ${axis}; got ${formatShape(update.shape)} into ${formatShape(base.shape)}.`,
    );
    return [{ shape: base.shape, dtype: 'f32' }];
  },
  reference: ([base, update, position], { axis }) => {
    if (!base || !update || !position) return [];
    const result = Float64Array.from(base.data);
    const capacity = base.shape[axis] ?? 0;
    const count = update.shape[axis] ?? 0;
    const inner = elementCount(base.shape.slice(axis + 1));
    const outer = elementCount(base.shape.slice(0, axis));
    for (let o = 0; o < outer; o++) {
      const own = position.data[Math.floor((o * position.data.length) / outer)] ?? 0;
      const at = Math.min(Math.max(own, 0), capacity - count);
      result.set(update.data.subarray(o * count * inner, (o + 1) * count * inner), (o * capacity + at) * inner);
    }
    return [result];
  },
};

/**
 * `base` with `update` written at `position` along `axis`: one i32, or i32 [n] with one for each index of the base's first axis;
 * clamped so that the update fits.
 */
export function updateSlice(
  base: Value,
  update: Value,
  options: { readonly axis: number; readonly position: Value },
): Value {
  return applySingle(updateSliceOperation, [base, update, options.position], { axis: options.axis });
}
