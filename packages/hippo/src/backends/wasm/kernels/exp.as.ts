// Exponential of four floats and natural logarithm of doubles: what softmax, cross-entropy and the normal draws share.
// Both split off the power of two in the exponent bits and sum a polynomial on what is left.
import { madd, nmadd } from './simd.as';

// Loaded from memory, one broadcast each: engines build a vector constant anew wherever a loop uses it.
// log₂ e; 1.5·2²³ + 127, which when added leaves round(x) + 127, a biased exponent, in the low bits; ln 2 in two parts, the
// first of 9 bits, so that k times it is exact for |k| < 2¹⁵; the lower limit of x; 1; q from the highest power down.
const EXP: usize = memory.data<f32>([
  1.44269504, 12583039, -2.12194440e-4, 0.693359375, -87.3, 1, 0.001381454, 0.008368745, 0.04166839, 0.16666521, 0.49999994,
]);

// @ts-ignore: decorator
@inline
function constant(index: usize): v128 {
  return v128.load32_splat(EXP + (index << 2));
}

const ROUND64: f64 = 6755399441055744; // 1.5·2^52: rounds doubles as 1.5·2²³ rounds floats

/**
 * e^x for x ≤ 88, lane by lane, within 1.2 ulp; below −87.3 (where floats go subnormal) and at −∞ exactly 0; NaN stays NaN.
 * x = k·ln 2 + r, |r| ≤ ln 2 / 2; e^r = 1 + r + r²·q(r) with q of degree 4 fitted to the least maximum relative error, 3e-9.
 */
// @ts-ignore: decorator
@inline
export function exponential(x: v128): v128 {
  const turned = madd(x, constant(0), constant(1));
  const k = f32x4.sub(turned, constant(1));
  const r = nmadd(k, constant(2), nmadd(k, constant(3), x));
  let q = madd(constant(6), r, constant(7));
  q = madd(q, r, constant(8));
  q = madd(q, r, constant(9));
  q = madd(q, r, constant(10));
  const p = madd(madd(q, r, constant(5)), r, constant(5));
  // Shifted into the exponent field the integer becomes 2^k. A float product keeps NaN.
  return v128.andnot(f32x4.mul(p, i32x4.shl(turned, 23)), f32x4.lt(x, constant(4)));
}

/**
 * ln x of two positive, normal, finite doubles, to about 1e-16 absolute and relative: x = 2^k·m, m in [√½, √2), and
 * ln m = 2·artanh(s), s = (m − 1)/(m + 1), |s| < 0.172, by its series.
 */
// @ts-ignore: decorator
@inline
export function logarithm(x: v128): v128 {
  const k = i64x2.shr_s(i64x2.sub(x, i64x2.splat(0x3fe6a09e667f3bcd)), 52); // minus the bits of √½
  const m = i64x2.sub(x, i64x2.shl(k, 52));
  const power = f64x2.sub(i64x2.add(k, f64x2.splat(ROUND64)), f64x2.splat(ROUND64));
  const one = f64x2.splat(1);
  const s = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one));
  const z = f64x2.mul(s, s);
  let p = f64x2.splat(2.0 / 19.0);
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(2.0 / 17.0));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(2.0 / 15.0));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(2.0 / 13.0));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(2.0 / 11.0));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(2.0 / 9.0));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(2.0 / 7.0));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(2.0 / 5.0));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(2.0 / 3.0));
  p = f64x2.add(f64x2.mul(p, z), f64x2.splat(2.0));
  return f64x2.add(f64x2.mul(power, f64x2.splat(0.6931471805599453)), f64x2.mul(p, s));
}
