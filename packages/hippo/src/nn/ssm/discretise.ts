// From a continuous diagonal SSM, x' = A x + B u, y = 2 Re(C x), sampled with step Δ, to the operator's poles and coefficients
// (paper.md 1.5; H3 ss_kernel_diag.py). With z = ΔA:
//   bilinear           λ = (1 + z/2)/(1 − z/2),  c = B·C·Δ/(1 − z/2)
//   zero-order hold    λ = e^z,                  c = B·C·(e^z − 1)/A
// Steps are small, so λ is near 1; every formula is arranged so that f32 keeps the full precision of log λ and c.
import type { Value } from '../../graph/value.ts';
import { add, atan2, cos, div, exp, log1p, mul, neg, sin, square, sub, tanh } from '../../ops/index.ts';
import { type Complex, complexMul } from './complex.ts';

export type Discretisation = 'bilinear' | 'zoh';

export const discretisations: readonly Discretisation[] = ['bilinear', 'zoh'];

/** What the operator takes: log λ and c, real and imaginary parts, each [channels, states]. */
export interface DiscretePoles {
  readonly logPoleRe: Value;
  readonly logPoleIm: Value;
  readonly cRe: Value;
  readonly cIm: Value;
}

export interface ContinuousPoles {
  /** A with negative real part, [channels, states] or [1, states]. */
  readonly a: Complex;
  /** B·C, [channels, states]. */
  readonly bc: Complex;
  /** Δ, [channels, 1]. */
  readonly step: Value;
}

/** Both rules behind one name. */
export function discretise(rule: Discretisation, poles: ContinuousPoles): DiscretePoles {
  return rule === 'bilinear' ? bilinear(poles) : zeroOrderHold(poles);
}

/**
 * With z/2 = p + iq and d = (1 − p)² + q² = |1 − z/2|²: log|λ| = ½·log1p(4p/d), arg λ = atan2(2q, 1 − p² − q²),
 * 1/(1 − z/2) = (1 − p + iq)/d.
 */
export function bilinear({ a, bc, step }: ContinuousPoles): DiscretePoles {
  const half = mul(step, 0.5);
  const [p, q] = [mul(a.re, half), mul(a.im, half)];
  const oneMinus = sub(1, p);
  const distance = add(square(oneMinus), square(q));
  const scale = div(step, distance);
  const c = complexMul(bc, { re: mul(oneMinus, scale), im: mul(q, scale) });
  return {
    logPoleRe: mul(0.5, log1p(div(mul(4, p), distance))),
    logPoleIm: atan2(mul(2, q), sub(1, add(square(p), square(q)))),
    cRe: c.re,
    cIm: c.im,
  };
}

/** λ = e^z exactly; c by an e^z − 1 whose two real terms have one sign for Re z ≤ 0. */
export function zeroOrderHold({ a, bc, step }: ContinuousPoles): DiscretePoles {
  const [x, y] = [mul(a.re, step), mul(a.im, step)];
  const c = complexMul(bc, complexDivide(complexExpm1(x, y), a));
  return { logPoleRe: x, logPoleIm: y, cRe: c.re, cIm: c.im };
}

/**
 * e^{x+iy} − 1 without cancellation for x ≤ 0: (eˣ − 1)·cos y − 2 sin²(y/2) + i·eˣ·sin y, with eˣ − 1 = 2t/(1 − t),
 * t = tanh(x/2).
 */
export function complexExpm1(x: Value, y: Value): Complex {
  const t = tanh(mul(0.5, x));
  const expm1 = div(mul(2, t), sub(1, t));
  const re = sub(mul(expm1, cos(y)), mul(2, square(sin(mul(0.5, y)))));
  return { re, im: mul(exp(x), sin(y)) };
}

/** n/d, for |d|² well inside the range of f32. */
function complexDivide(n: Complex, d: Complex): Complex {
  const size = add(square(d.re), square(d.im));
  const product = complexMul(n, { re: d.re, im: neg(d.im) });
  return { re: div(product.re, size), im: div(product.im, size) };
}
