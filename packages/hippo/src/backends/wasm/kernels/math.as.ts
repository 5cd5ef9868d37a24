// Elementary functions on four f32 lanes, within 2 to 4 units in the last place over the whole range unless said
// otherwise; NaN, infinities and subnormal results come out as they should. Polynomials are minimax fits in the relative
// error of the function, made for the intervals named here.
import { madd, nmadd } from './simd.as';

// Constants are loaded from memory, one broadcast each: engines build a vector constant anew wherever a loop uses it, out of
// several instructions, which made e^x 1.6 times as slow.
const ONE: usize = memory.data<f32>([1.0]);
const TWO: usize = memory.data<f32>([2.0]);
const HALF: usize = memory.data<f32>([0.5]);
const SIGN: usize = memory.data<f32>([-0.0]);

/** Number `index` of the table at a literal address, in all lanes. */
// @ts-ignore: decorator
@inline
function at(table: usize, index: usize = 0): v128 {
  return v128.load32_splat(table + (index << 2));
}

/** The same of a table of f64. */
// @ts-ignore: decorator
@inline
function wide(table: usize, index: usize = 0): v128 {
  return v128.load64_splat(table + (index << 3));
}

/** `mask` lane: a, else b. */
// @ts-ignore: decorator
@inline
export function choose(mask: v128, a: v128, b: v128): v128 {
  return v128.bitselect(a, b, mask);
}

// Limits of x, log₂ e, the rounding number 1.5·2²³, the two parts of ln 2, then P from the highest power down.
const EXP: usize = memory.data<f32>([
  89.0, -104.0, 1.4426950408889634, 12582912.0, 0.693359375, -2.1219444005469057e-4,
  0.0013814538, 0.0083687454, 0.04166839, 0.16666521, 0.49999994,
]);
const EXPONENT_BIAS: usize = memory.data<i32>([127]);

/**
 * e^x: x = n·ln 2 + r, e^x = 2ⁿ·(1 + r + r²·P(r)) for |r| ≤ ½ ln 2, P of degree 4 (relative error 3e-9).
 * ln 2 is split so that n times its first part is exact; 2ⁿ is applied in two halves, which reaches the subnormal numbers.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  // pmin and pmax keep x where it is NaN. Beyond these limits the result is infinity or 0 anyway.
  const clamped = f32x4.pmax(f32x4.pmin(x, at(EXP)), at(EXP, 1));
  // Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits.
  const shifted = madd(clamped, at(EXP, 2), at(EXP, 3));
  const n = f32x4.sub(shifted, at(EXP, 3));
  let r = nmadd(n, at(EXP, 4), clamped);
  r = nmadd(n, at(EXP, 5), r);
  let p = madd(r, at(EXP, 6), at(EXP, 7));
  p = madd(r, p, at(EXP, 8));
  p = madd(r, p, at(EXP, 9));
  p = madd(r, p, at(EXP, 10));
  p = f32x4.add(madd(f32x4.mul(r, r), p, r), at(ONE));
  const whole = i32x4.sub(shifted, at(EXP, 3)); // as integers: the bits of the rounding number
  const half = i32x4.shr_s(whole, 1);
  const one = at(EXPONENT_BIAS);
  const low = i32x4.shl(i32x4.add(half, one), 23);
  const high = i32x4.shl(i32x4.add(i32x4.sub(whole, half), one), 23);
  return f32x4.mul(f32x4.mul(p, low), high);
}

/** 1/(1 + e⁻ˣ), from z = e^−|x| so that nothing overflows: 1/(1 + z) for x ≥ 0, else z/(1 + z). */
// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  const z = exp4(f32x4.neg(f32x4.abs(x)));
  return f32x4.div(choose(f32x4.lt(x, f32x4.splat(0)), z, at(ONE)), f32x4.add(z, at(ONE)));
}

// The end of the polynomial's interval, then T from the highest power down.
const TANH: usize = memory.data<f32>([0.56, -0.006207423, 0.021027213, -0.053842276, 0.133325, -0.33333316]);

/** tanh x: x + x³·T(x²) for |x| < 0.56 (T of degree 4, relative error 1e-9), else ±(1 − 2/(e^2|x| + 1)). */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const size = f32x4.abs(x);
  const square = f32x4.mul(x, x);
  let t = madd(square, at(TANH, 1), at(TANH, 2));
  t = madd(square, t, at(TANH, 3));
  t = madd(square, t, at(TANH, 4));
  t = madd(square, t, at(TANH, 5));
  const small = madd(f32x4.mul(x, square), t, x);
  const e = exp4(f32x4.add(size, size));
  const large = f32x4.sub(at(ONE), f32x4.div(at(TWO), f32x4.add(e, at(ONE))));
  const signed = v128.or(large, v128.and(x, at(SIGN)));
  return choose(f32x4.lt(size, at(TANH)), small, signed);
}

// E and Q from the highest power down.
const ERF: usize = memory.data<f32>([
  7.889119e-5, -8.020841e-4, 0.0051895352, -0.026854444, 0.112836, -0.37612626, 1.1283791,
]);
const ERFC: usize = memory.data<f32>([
  -1.8638009e-4, 0.0029476667, -0.021838097, 0.10310682, 0.63814473, 1.1270893, 3.4151258e-4,
]);
const ERF_LIMIT: usize = memory.data<f32>([4.0]);

/**
 * The error function: x·E(x²) for |x| < 1 (E of degree 6, relative error 1e-9), else ±(1 − e^−Q(|x|)) with
 * Q = −log erfc on [1, 4] (degree 6, relative error of erf 1e-9); beyond 4 it is ±1 to all bits.
 */
// @ts-ignore: decorator
@inline
export function erf4(x: v128): v128 {
  const size = f32x4.pmin(f32x4.abs(x), at(ERF_LIMIT));
  const square = f32x4.mul(size, size);
  let e = madd(square, at(ERF, 0), at(ERF, 1));
  e = madd(square, e, at(ERF, 2));
  e = madd(square, e, at(ERF, 3));
  e = madd(square, e, at(ERF, 4));
  e = madd(square, e, at(ERF, 5));
  e = madd(square, e, at(ERF, 6));
  let q = madd(size, at(ERFC, 0), at(ERFC, 1));
  q = madd(size, q, at(ERFC, 2));
  q = madd(size, q, at(ERFC, 3));
  q = madd(size, q, at(ERFC, 4));
  q = madd(size, q, at(ERFC, 5));
  q = madd(size, q, at(ERFC, 6));
  const large = v128.or(f32x4.sub(at(ONE), exp4(f32x4.neg(q))), v128.and(x, at(SIGN)));
  return choose(f32x4.lt(size, at(ONE)), f32x4.mul(x, e), large);
}

// The exponent of GELU by tanh, 2u = 2√(2/π)·(x + 0.044715x³), so that ½(1 + tanh u) = 1/(1 + e^−2u).
const GELU: usize = memory.data<f64>([1.5957691216057308, 0.07135481627260025]);
// The same for its derivative, and beyond which |x| all is settled.
const GELU_SLOPE: usize = memory.data<f32>([1.5957691216057308, 0.21406444881780075, 20.0, -20.0]);

/** The exponent for two of x's lanes, in f64: an error of one unit in u would be 2u units in e^u. */
// @ts-ignore: decorator
@inline
function geluExponent2(x: v128): v128 {
  const y = f64x2.promote_low_f32x4(x);
  return f64x2.mul(y, f64x2.add(f64x2.mul(f64x2.mul(y, y), wide(GELU, 1)), wide(GELU)));
}

/** e^−|2u| for GELU, the exponent rounded to f32 and the rest applied as a factor 1 + rest. */
// @ts-ignore: decorator
@inline
export function geluDecay(x: v128): v128 {
  const size = f32x4.pmin(f32x4.abs(x), at(GELU_SLOPE, 2)); // e^−|2u| is 0 long before
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
  return geluFrom(x, geluDecay(x));
}

/** GELU of x, given z = e^−|2u|. */
// @ts-ignore: decorator
@inline
export function geluFrom(x: v128, z: v128): v128 {
  const numerator = choose(f32x4.lt(x, f32x4.splat(0)), z, at(ONE));
  return f32x4.div(f32x4.mul(x, numerator), f32x4.add(z, at(ONE)));
}

/** The derivative of GELU by tanh: s + x·s(1 − s)·(2u)′ with s = 1/(1 + e^−2u). Absolute error 2e-7. */
// @ts-ignore: decorator
@inline
export function geluDerivative4(x: v128): v128 {
  return geluDerivativeFrom(x, geluDecay(x));
}

/** Its derivative at x, given z = e^−|2u|. */
// @ts-ignore: decorator
@inline
export function geluDerivativeFrom(x: v128, z: v128): v128 {
  const sum = f32x4.add(z, at(ONE));
  const s = f32x4.div(choose(f32x4.lt(x, f32x4.splat(0)), z, at(ONE)), sum);
  const slope = f32x4.div(z, f32x4.mul(sum, sum));
  // Far out the slope is 0; the clamp keeps 0·∞ away.
  const near = f32x4.pmax(f32x4.pmin(x, at(GELU_SLOPE, 2)), at(GELU_SLOPE, 3));
  const rate = madd(f32x4.mul(near, near), at(GELU_SLOPE, 1), at(GELU_SLOPE));
  return madd(f32x4.mul(near, slope), rate, s);
}

const QUARTER: usize = memory.data<f64>([1.5707963267948966, 0.6366197723675814]); // π/2 and 2/π
// The polynomials of sine and cosine from the highest power down, and the largest |x| that one f64 π/2 can reduce.
const SINE: usize = memory.data<f32>([-1.9516976e-4, 0.008332176, -0.16666655]);
const COSINE: usize = memory.data<f32>([2.4438088e-5, -0.0013887364, 0.041666646]);
const REDUCIBLE: usize = memory.data<f32>([1e8]);
const FIRST_BITS: usize = memory.data<i32>([1, 2]);

/** Two lanes of x − k·π/2. */
// @ts-ignore: decorator
@inline
function reduceQuarter2(x: v128, k: v128): v128 {
  return f64x2.sub(x, f64x2.mul(k, wide(QUARTER)));
}

/** The nearest multiple of π/2 to two lanes of x, as a count. */
// @ts-ignore: decorator
@inline
function quarters2(x: v128): v128 {
  return f64x2.nearest(f64x2.mul(x, wide(QUARTER, 1)));
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
  let s = madd(square, at(SINE), at(SINE, 1));
  s = madd(square, s, at(SINE, 2));
  const sine = madd(f32x4.mul(r, square), s, r);
  let c = madd(square, at(COSINE), at(COSINE, 1));
  c = madd(square, c, at(COSINE, 2));
  const cosine = madd(f32x4.mul(square, square), c, nmadd(square, at(HALF), at(ONE)));
  const odd = i32x4.eq(v128.and(quarter, at(FIRST_BITS)), at(FIRST_BITS));
  const sign = i32x4.shl(v128.and(quarter, at(FIRST_BITS, 1)), 30);
  return v128.xor(choose(odd, cosine, sine), sign);
}

/** True when some lane is too large for a reduction with one f64 π/2. */
// @ts-ignore: decorator
@inline
function anyHuge(x: v128): bool {
  return v128.any_true(f32x4.gt(f32x4.abs(x), at(REDUCIBLE)));
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
