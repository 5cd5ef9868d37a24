// Slice and zero padding: each is the other's gradient.

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Numbers, NumbersWithShape, Operation, Value } from '../graph/value.ts';
import { contiguousStrides, elementCount, formatShape, type Shape } from '../tensor/shape.ts';

export const sliceOperation: Operation<{ readonly start: readonly number[]; readonly size: Shape }> = {
  name: 'slice',
  infer: (inputs, { start, size }) => {
    const input = operand(inputs, 0);
    rule(
      start.length === input.shape.length &&
        size.length === input.shape.length &&
        input.shape.every(
          (extent, axis) => (start[axis] ?? -1) >= 0 && (start[axis] ?? 0) + (size[axis] ?? 0) <= extent,
        ),
      () =>
        `start and size must stay inside ${formatShape(input.shape)}; got start [${start.join(', ')}], size [${size.join(', ')}].`,
    );
    return [{ shape: size, dtype: input.dtype }];
  },
  view: (input, { start }) => {
    const strides = contiguousStrides(input);
    return { offset: start.reduce((offset, position, axis) => offset + position * (strides[axis] ?? 0), 0), strides };
  },
  gradient: ({ inputs: [x], outputGradients: [g], attributes: { start, size } }) =>
    x && g
      ? [
          pad(
            g,
            start,
            x.shape.map((extent, axis) => extent - (start[axis] ?? 0) - (size[axis] ?? 0)),
          ),
        ]
      : [],
  simplify: ([x], { size }) => (x?.shape.every((extent, axis) => extent === size[axis]) ? x : undefined),
};

export const padOperation: Operation<{ readonly before: readonly number[]; readonly after: readonly number[] }> = {
  name: 'pad',
  infer: (inputs, { before, after }) => {
    const input = operand(inputs, 0);
    rule(input.dtype === 'f32', () => `takes f32; got ${input.dtype}.`);
    rule(
      before.length === input.shape.length &&
        after.length === input.shape.length &&
        [...before, ...after].every((n) => n >= 0),
      () =>
        `needs one count ≥ 0 an axis of ${formatShape(input.shape)}; got before [${before.join(', ')}], after [${after.join(', ')}].`,
    );
    return [{ shape: input.shape.map((size, axis) => (before[axis] ?? 0) + size + (after[axis] ?? 0)), dtype: 'f32' }];
  },
  gradient: ({ inputs: [x], outputGradients: [g], attributes: { before } }) =>
    x && g ? [slice(g, before, x.shape)] : [],
  reference: ([x], { before }, [output]) => (x && output ? [padNumbers(x, before, output.shape)] : []),
  simplify: ([x], { before, after }) => (x && [...before, ...after].every((n) => n === 0) ? x : undefined),
};

function padNumbers(x: NumbersWithShape, before: readonly number[], shape: Shape): Numbers {
  const result = new Float64Array(elementCount(shape));
  const [from, to] = [contiguousStrides(x.shape), contiguousStrides(shape)];
  for (let i = 0; i < x.data.length; i++) {
    let target = 0;
    x.shape.forEach((size, axis) => {
      const position = Math.floor(i / (from[axis] ?? 1)) % size;
      target += (position + (before[axis] ?? 0)) * (to[axis] ?? 0);
    });
    result[target] = x.data[i] ?? 0;
  }
  return result;
}

/** The block of `size` elements an axis that begins at `start`. */
export function slice(x: Value, start: readonly number[], size: Shape): Value {
  return applySingle(sliceOperation, [x], { start, size });
}

/** Elements [from, to) along one axis; negative axes count from the end. */
export function sliceAxis(x: Value, axis: number, from: number, to: number): Value {
  const at = axis < 0 ? axis + x.shape.length : axis;
  return slice(
    x,
    x.shape.map((_, i) => (i === at ? from : 0)),
    x.shape.map((size, i) => (i === at ? to - from : size)),
  );
}

/** Surrounds `x` with zeros: `before` and `after` count them for each axis. */
export function pad(x: Value, before: readonly number[], after: readonly number[]): Value {
  return applySingle(padOperation, [x], { before, after });
}
