// Elementary functions on four f32 lanes, within 2 to 4 units in the last place over the whole range unless said
// otherwise; NaN, infinities and subnormal results come out as they should. Polynomials are minimax fits in the relative
// error of the function, made for the intervals named here.
import { madd, nmadd } from './simd.as';

// @ts-ignore: decorator
@inline
function splat(value: f32): v128 {
  return f32x4.splat(value);
}

/** `mask` lane: a, else b. */
// @ts-ignore: decorator
@inline
export function choose(mask: v128, a: v128, b: v128): v128 {
  return v128.bitselect(a, b, mask);
}

/**
 * e^x: x = n·ln 2 + r, e^x = 2ⁿ·(1 + r + r²·P(r)) for |r| ≤ ½ ln 2, P of degree 4 (relative error 3e-9).
 * ln 2 is split so that n times its first part is exact; 2ⁿ is applied in two halves, which reaches the subnormal numbers.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  // pmin and pmax keep x where it is NaN. Beyond these limits the result is infinity or 0 anyway.
  const clamped = f32x4.pmax(f32x4.pmin(x, splat(89.0)), splat(-104.0));
  // Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits.
  const shifted = madd(clamped, splat(1.4426950408889634), splat(12582912.0));
  const n = f32x4.sub(shifted, splat(12582912.0));
  let r = nmadd(n, splat(0.693359375), clamped);
  r = nmadd(n, splat(-2.1219444005469057e-4), r);
  let p = madd(r, splat(0.0013814538), splat(0.0083687454));
  p = madd(r, p, splat(0.04166839));
  p = madd(r, p, splat(0.16666521));
  p = madd(r, p, splat(0.49999994));
  p = f32x4.add(madd(f32x4.mul(r, r), p, r), splat(1.0));
  const whole = i32x4.sub(shifted, i32x4.splat(0x4b400000));
  const half = i32x4.shr_s(whole, 1);
  const one = i32x4.splat(127);
  const low = i32x4.shl(i32x4.add(half, one), 23);
  const high = i32x4.shl(i32x4.add(i32x4.sub(whole, half), one), 23);
  return f32x4.mul(f32x4.mul(p, low), high);
}

/** 1/(1 + e⁻ˣ), from z = e^−|x| so that nothing overflows: 1/(1 + z) for x ≥ 0, else z/(1 + z). */
// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  const z = exp4(f32x4.neg(f32x4.abs(x)));
  return f32x4.div(choose(f32x4.lt(x, splat(0)), z, splat(1.0)), f32x4.add(z, splat(1.0)));
}

/** tanh x: x + x³·T(x²) for |x| < 0.56 (T of degree 4, relative error 1e-9), else ±(1 − 2/(e^2|x| + 1)). */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const size = f32x4.abs(x);
  const square = f32x4.mul(x, x);
  let t = madd(square, splat(-0.006207423), splat(0.021027213));
  t = madd(square, t, splat(-0.053842276));
  t = madd(square, t, splat(0.133325));
  t = madd(square, t, splat(-0.33333316));
  const small = madd(f32x4.mul(x, square), t, x);
  const e = exp4(f32x4.add(size, size));
  const large = f32x4.sub(splat(1.0), f32x4.div(splat(2.0), f32x4.add(e, splat(1.0))));
  const signed = v128.or(large, v128.and(x, splat(-0.0)));
  return choose(f32x4.lt(size, splat(0.56)), small, signed);
}

/**
 * The error function: x·E(x²) for |x| < 1 (E of degree 6, relative error 1e-9), else ±(1 − e^−Q(|x|)) with
 * Q = −log erfc on [1, 4] (degree 6, relative error of erf 1e-9); beyond 4 it is ±1 to all bits.
 */
// @ts-ignore: decorator
@inline
export function erf4(x: v128): v128 {
  const size = f32x4.pmin(f32x4.abs(x), splat(4.0));
  const square = f32x4.mul(size, size);
  let e = madd(square, splat(7.889119e-5), splat(-8.020841e-4));
  e = madd(square, e, splat(0.0051895352));
  e = madd(square, e, splat(-0.026854444));
  e = madd(square, e, splat(0.112836));
  e = madd(square, e, splat(-0.37612626));
  e = madd(square, e, splat(1.1283791));
  let q = madd(size, splat(-1.8638009e-4), splat(0.0029476667));
  q = madd(size, q, splat(-0.021838097));
  q = madd(size, q, splat(0.10310682));
  q = madd(size, q, splat(0.63814473));
  q = madd(size, q, splat(1.1270893));
  q = madd(size, q, splat(3.4151258e-4));
  const large = v128.or(f32x4.sub(splat(1.0), exp4(f32x4.neg(q))), v128.and(x, splat(-0.0)));
  return choose(f32x4.lt(size, splat(1.0)), f32x4.mul(x, e), large);
}

// The exponent of GELU by tanh, 2u = 2√(2/π)·(x + 0.044715x³), so that ½(1 + tanh u) = 1/(1 + e^−2u).
const GELU_LINEAR: f64 = 1.5957691216057308;
const GELU_CUBIC: f64 = 1.5957691216057308 * 0.044715;

/** The exponent for two of x's lanes, in f64: an error of one unit in u would be 2u units in e^u. */
// @ts-ignore: decorator
@inline
function geluExponent2(x: v128): v128 {
  const wide = f64x2.promote_low_f32x4(x);
  const square = f64x2.mul(wide, wide);
  return f64x2.mul(wide, f64x2.add(f64x2.mul(square, f64x2.splat(GELU_CUBIC)), f64x2.splat(GELU_LINEAR)));
}

/** e^−|2u| for GELU, the exponent rounded to f32 and the rest applied as a factor 1 + rest. */
// @ts-ignore: decorator
@inline
function geluDecay(x: v128): v128 {
  const size = f32x4.pmin(f32x4.abs(x), splat(20.0)); // e^−|2u| is 0 long before
  const a = geluExponent2(size);
  const b = geluExponent2(v128.shuffle<i32>(size, size, 2, 3, 0, 1));
  const roundedA = f32x4.demote_f64x2_zero(a);
  const roundedB = f32x4.demote_f64x2_zero(b);
  const rounded = v128.shuffle<i32>(roundedA, roundedB, 0, 1, 4, 5);
  const restA = f32x4.demote_f64x2_zero(f64x2.sub(a, f64x2.promote_low_f32x4(roundedA)));
  const restB = f32x4.demote_f64x2_zero(f64x2.sub(b, f64x2.promote_low_f32x4(roundedB)));
  const rest = v128.shuffle<i32>(restA, restB, 0, 1, 4, 5);
  const z = exp4(f32x4.neg(rounded));
  return nmadd(z, rest, z);
}

/** GELU by tanh, ½x(1 + tanh(√(2/π)(x + 0.044715x³))) = x/(1 + e^−2u). */
// @ts-ignore: decorator
@inline
export function gelu4(x: v128): v128 {
  const z = geluDecay(x);
  const numerator = choose(f32x4.lt(x, splat(0)), z, splat(1.0));
  return f32x4.div(f32x4.mul(x, numerator), f32x4.add(z, splat(1.0)));
}

/** The derivative of GELU by tanh: s + x·s(1 − s)·(2u)′ with s = 1/(1 + e^−2u). Absolute error 2e-7. */
// @ts-ignore: decorator
@inline
export function geluDerivative4(x: v128): v128 {
  const z = geluDecay(x);
  const sum = f32x4.add(z, splat(1.0));
  const s = f32x4.div(choose(f32x4.lt(x, splat(0)), z, splat(1.0)), sum);
  const slope = f32x4.div(z, f32x4.mul(sum, sum));
  // Far out the slope is 0; the clamp keeps 0·∞ away.
  const near = f32x4.pmax(f32x4.pmin(x, splat(20.0)), splat(-20.0));
  const rate = madd(f32x4.mul(near, near), splat(<f32>(3 * GELU_CUBIC)), splat(<f32>GELU_LINEAR));
  return madd(f32x4.mul(near, slope), rate, s);
}

/** Two lanes of x − k·π/2 in f64, with k = nearest(x·2/π); `quarter` receives nothing: k is recomputed by the caller. */
// @ts-ignore: decorator
@inline
function reduceQuarter2(x: v128, k: v128): v128 {
  return f64x2.sub(x, f64x2.mul(k, f64x2.splat(1.5707963267948966)));
}

/** The nearest multiple of π/2 to two lanes of x, as a count. */
// @ts-ignore: decorator
@inline
function quarters2(x: v128): v128 {
  return f64x2.nearest(f64x2.mul(x, f64x2.splat(0.6366197723675814)));
}

/** sin(x + shift·π/2) where no |x| exceeds 1e8; absolute error 1e-7. Reduced in f64, then polynomials on |r| ≤ π/4. */
// @ts-ignore: decorator
@inline
function sineShifted(x: v128, shift: i32): v128 {
  const lowX = f64x2.promote_low_f32x4(x);
  const highX = f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 0, 1));
  const lowK = quarters2(lowX);
  const highK = quarters2(highX);
  const lowR = f32x4.demote_f64x2_zero(reduceQuarter2(lowX, lowK));
  const highR = f32x4.demote_f64x2_zero(reduceQuarter2(highX, highK));
  const r = v128.shuffle<i32>(lowR, highR, 0, 1, 4, 5);
  const lowN = i32x4.trunc_sat_f64x2_s_zero(lowK);
  const highN = i32x4.trunc_sat_f64x2_s_zero(highK);
  const quarter = i32x4.add(v128.shuffle<i32>(lowN, highN, 0, 1, 4, 5), i32x4.splat(shift));
  const square = f32x4.mul(r, r);
  let s = madd(square, splat(-1.9516976e-4), splat(0.008332176));
  s = madd(square, s, splat(-0.16666655));
  const sine = madd(f32x4.mul(r, square), s, r);
  let c = madd(square, splat(2.4438088e-5), splat(-0.0013887364));
  c = madd(square, c, splat(0.041666646));
  const cosine = madd(f32x4.mul(square, square), c, nmadd(square, splat(0.5), splat(1.0)));
  const odd = i32x4.eq(v128.and(quarter, i32x4.splat(1)), i32x4.splat(1));
  const sign = i32x4.shl(v128.and(quarter, i32x4.splat(2)), 30);
  return v128.xor(choose(odd, cosine, sine), sign);
}

/** True when some lane is too large for a reduction with one f64 π/2. */
// @ts-ignore: decorator
@inline
function anyHuge(x: v128): bool {
  return v128.any_true(f32x4.gt(f32x4.abs(x), splat(1e8)));
}

/** sin x, absolute error 1e-7. */
// @ts-ignore: decorator
@inline
export function sin4(x: v128): v128 {
  if (anyHuge(x)) return each4(SIN, x);
  return sineShifted(x, 0);
}

/** cos x, absolute error 1e-7. */
// @ts-ignore: decorator
@inline
export function cos4(x: v128): v128 {
  if (anyHuge(x)) return each4(COS, x);
  return sineShifted(x, 1);
}

// Functions that are rare, or that need more than f32 inside, lane by lane in f64.
const SIN: i32 = 0;
const COS: i32 = 1;
export const LOG: i32 = 2;
export const LOG1P: i32 = 3;

function scalar1(which: i32, x: f64): f64 {
  if (which == SIN) return NativeMath.sin(x);
  if (which == COS) return NativeMath.cos(x);
  if (which == LOG) return NativeMath.log(x);
  return NativeMath.log1p(x);
}

/** A function of one operand, lane by lane in f64. */
export function each4(which: i32, x: v128): v128 {
  let y = f32x4.splat(<f32>scalar1(which, <f64>f32x4.extract_lane(x, 0)));
  y = f32x4.replace_lane(y, 1, <f32>scalar1(which, <f64>f32x4.extract_lane(x, 1)));
  y = f32x4.replace_lane(y, 2, <f32>scalar1(which, <f64>f32x4.extract_lane(x, 2)));
  return f32x4.replace_lane(y, 3, <f32>scalar1(which, <f64>f32x4.extract_lane(x, 3)));
}

export const POW: i32 = 0;
export const ATAN2: i32 = 1;

function scalar2(which: i32, a: f64, b: f64): f64 {
  return which == POW ? NativeMath.pow(a, b) : NativeMath.atan2(a, b);
}

/** A function of two operands, lane by lane in f64. */
export function pair4(which: i32, a: v128, b: v128): v128 {
  let y = f32x4.splat(<f32>scalar2(which, <f64>f32x4.extract_lane(a, 0), <f64>f32x4.extract_lane(b, 0)));
  y = f32x4.replace_lane(y, 1, <f32>scalar2(which, <f64>f32x4.extract_lane(a, 1), <f64>f32x4.extract_lane(b, 1)));
  y = f32x4.replace_lane(y, 2, <f32>scalar2(which, <f64>f32x4.extract_lane(a, 2), <f64>f32x4.extract_lane(b, 2)));
  return f32x4.replace_lane(y, 3, <f32>scalar2(which, <f64>f32x4.extract_lane(a, 3), <f64>f32x4.extract_lane(b, 3)));
}
