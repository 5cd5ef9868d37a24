// Constants: one number for a whole tensor, or a small table of numbers known at trace time.

import { rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Numbers, Operation, Value, ValueType } from '../graph/value.ts';
import type { DType } from '../tensor/dtype.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';

type ConstantAttributes = {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Every element, unless `data` is given. */
  readonly fill: number;
  readonly data?: Float64Array | Int32Array | undefined;
};

export const constantOperation: Operation<ConstantAttributes> = {
  name: 'constant',
  leaf: 'constant',
  infer: (_, { shape, dtype, data }) => {
    rule(
      data === undefined || data.length === elementCount(shape),
      () => `needs as many numbers as its shape says; got ${data?.length} for [${shape.join(', ')}].`,
    );
    return [{ shape, dtype }];
  },
  reference: (_, attributes) => [constantNumbers(attributes)],
};

/** The numbers of a constant node. */
export function constantNumbers({ shape, dtype, fill, data }: ConstantAttributes): Numbers {
  if (data) return data;
  const count = elementCount(shape);
  return dtype === 'f32' ? new Float64Array(count).fill(fill) : new Int32Array(count).fill(fill);
}

/** A tensor whose every element is `value`. */
export function full(shape: Shape, value: number, dtype: DType = 'f32'): Value {
  return applySingle(constantOperation, [], { shape, dtype, fill: value });
}

export function fullLike(like: ValueType, value: number): Value {
  return full(like.shape, value, like.dtype);
}

/** A table of numbers known at trace time. */
export function constant(numbers: ArrayLike<number>, shape: Shape, dtype: 'f32' | 'i32' = 'f32'): Value {
  const data = dtype === 'f32' ? Float64Array.from(numbers) : Int32Array.from(numbers);
  return applySingle(constantOperation, [], { shape, dtype, fill: 0, data });
}

/** 0, 1, 2, … as f32 (exact up to 2²⁴) or i32. */
export function iota(count: number, dtype: 'f32' | 'i32' = 'f32'): Value {
  return constant(
    Array.from({ length: count }, (_, i) => i),
    [count],
    dtype,
  );
}

/** What elementwise functions accept: a value, or a number that becomes a scalar constant. */
export type Operand = Value | number;

export function asValue(operand: Operand, dtype: DType): Value {
  return typeof operand === 'number' ? full([], operand, dtype) : operand;
}

/** The number a constant value is filled with, or undefined when it is no such constant. */
export function filledWith(value: Value): number | undefined {
  const { operation, attributes } = value.node;
  if (operation.leaf !== 'constant') return undefined;
  const { data, fill } = attributes as ConstantAttributes;
  if (!data) return fill;
  return data.length === 1 ? data[0] : undefined;
}
