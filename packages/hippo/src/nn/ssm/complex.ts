// Pairs of values read as complex numbers. The graph has no complex type: parameters store two reals in their last axis, as
// checkpoints do, and the few complex formulas of the discretisation are written out on the pairs.
import type { Value } from '../../graph/value.ts';
import { add, mul, reshape, sliceAxis, sub } from '../../ops/index.ts';

export interface Complex {
  readonly re: Value;
  readonly im: Value;
}

/** The parts of a value whose last axis holds real and imaginary part, under `shape`. */
export function complexParts(pairs: Value, shape: readonly number[]): Complex {
  return { re: reshape(sliceAxis(pairs, -1, 0, 1), shape), im: reshape(sliceAxis(pairs, -1, 1, 2), shape) };
}

/** a·b */
export function complexMul(a: Complex, b: Complex): Complex {
  return { re: sub(mul(a.re, b.re), mul(a.im, b.im)), im: add(mul(a.re, b.im), mul(a.im, b.re)) };
}
