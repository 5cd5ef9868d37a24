// Sine, cosine and exponential of two doubles at a time: twiddle factors and poles, to about 1e-15 absolute for |x| < 1e5.
// Reduction to [−π/4, π/4] (to [−ln 2 / 2, ln 2 / 2]) by a constant split in parts, then the Taylor series, which at these
// radii ends below the rounding error; the host's scalar library is several times slower and differs between hosts.

const ROUND: f64 = 6755399441055744.0; // 1.5·2^52: adding it leaves round(x) in the low bits

// @ts-ignore: decorator
@inline
function step(c: f64, x: v128, p: v128): v128 {
  return f64x2.add(f64x2.mul(p, x), f64x2.splat(c));
}

/** Stores cos(x) at `out` and sin(x) at `out + 16`, two doubles each. */
export function cosineSine(x: v128, out: usize): void {
  const turned = f64x2.add(f64x2.mul(x, f64x2.splat(0.6366197723675814)), f64x2.splat(ROUND));
  const k = f64x2.sub(turned, f64x2.splat(ROUND));
  // π/2 in 33 bits + 33 bits + the rest: k times a part is exact for |k| < 2^20.
  let r = f64x2.sub(x, f64x2.mul(k, f64x2.splat(1.57079632673412561417)));
  r = f64x2.sub(r, f64x2.mul(k, f64x2.splat(6.07710050630396597660e-11)));
  r = f64x2.sub(r, f64x2.mul(k, f64x2.splat(2.02226624879595063154e-21)));
  const z = f64x2.mul(r, r);
  let s = f64x2.splat(-7.647163731819816e-13);
  s = step(1.6059043836821613e-10, z, s);
  s = step(-2.505210838544172e-8, z, s);
  s = step(2.7557319223985893e-6, z, s);
  s = step(-1.984126984126984e-4, z, s);
  s = step(8.333333333333333e-3, z, s);
  s = step(-0.16666666666666666, z, s);
  s = f64x2.add(r, f64x2.mul(f64x2.mul(s, z), r));
  let c = f64x2.splat(4.779477332387385e-14);
  c = step(-1.1470745597729725e-11, z, c);
  c = step(2.08767569878681e-9, z, c);
  c = step(-2.755731922398589e-7, z, c);
  c = step(2.48015873015873e-5, z, c);
  c = step(-1.388888888888889e-3, z, c);
  c = step(4.1666666666666664e-2, z, c);
  c = step(-0.5, z, c);
  c = step(1, z, c);
  const one = i64x2.splat(1);
  const odd = i64x2.neg(v128.and(turned, one)); // all ones where the quadrant is odd
  const cosine = v128.bitselect(s, c, odd);
  const sine = v128.bitselect(c, s, odd);
  // Sign bits: the sine is negative in quadrants 2 and 3, the cosine in 1 and 2.
  const two = i64x2.splat(2);
  const sineSign = i64x2.shl(v128.and(turned, two), 62);
  const cosineSign = i64x2.shl(v128.and(i64x2.add(turned, one), two), 62);
  v128.store(out, v128.xor(cosine, cosineSign));
  v128.store(out, v128.xor(sine, sineSign), 16);
}

/** exp(x) of two doubles, relative error about 2e-16; clamped to ±700. NaN stays NaN. */
export function exponential(x: v128): v128 {
  x = f64x2.min(f64x2.max(x, f64x2.splat(-700)), f64x2.splat(700));
  const turned = f64x2.add(f64x2.mul(x, f64x2.splat(1.4426950408889634)), f64x2.splat(ROUND));
  const k = f64x2.sub(turned, f64x2.splat(ROUND));
  let r = f64x2.sub(x, f64x2.mul(k, f64x2.splat(6.93147180369123816490e-1)));
  r = f64x2.sub(r, f64x2.mul(k, f64x2.splat(1.90821492927058770002e-10)));
  let p = f64x2.splat(1.6059043836821613e-10);
  p = step(2.08767569878681e-9, r, p);
  p = step(2.505210838544172e-8, r, p);
  p = step(2.755731922398589e-7, r, p);
  p = step(2.7557319223985893e-6, r, p);
  p = step(2.48015873015873e-5, r, p);
  p = step(1.984126984126984e-4, r, p);
  p = step(1.388888888888889e-3, r, p);
  p = step(8.333333333333333e-3, r, p);
  p = step(4.1666666666666664e-2, r, p);
  p = step(0.16666666666666666, r, p);
  p = step(0.5, r, p);
  p = step(1, r, p);
  p = step(1, r, p);
  return i64x2.add(p, i64x2.shl(turned, 52));
}
