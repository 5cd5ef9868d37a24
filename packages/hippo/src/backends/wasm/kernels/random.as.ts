// randomUniform, randomNormal: counter-based numbers (Philox4x32-10, Salmon et al., SC 2011), the same bits as tensor/philox.ts.
// Element 4i + j is word j of philox([i, stream, counter, 0], key). Words: key, counter, out, count, stream.
// Four counters run in the lanes and give 16 elements, the unit that parts share. Normals are computed in double by Box and
// Muller on pairs of words and rounded once.
import { logarithm } from './exp.as';
import { word } from './simd.as';

const ROUND: f64 = 6755399441055744; // 1.5·2^52: adding it leaves round(x) in the low bits

export function randomUniform(args: usize, part: i32, parts: i32): void {
  draw(false, args, part, parts);
}

export function randomNormal(args: usize, part: i32, parts: i32): void {
  draw(true, args, part, parts);
}

// The two multipliers and the two steps of the key. In memory, since V8 builds vector constants anew in every round.
const PHILOX: usize = memory.data<u32>([0xd2511f53, 0xcd9e8d57, 0x9e3779b9, 0xbb67ae85]);

// @ts-ignore: decorator
@inline
function draw(normal: bool, args: usize, part: i32, parts: i32): void {
  const keys: usize = word(args, 0);
  const counter = load<i32>(word(args, 1));
  const out: usize = word(args, 2);
  const count = <i32>word(args, 3);
  const stream = <i32>word(args, 4);
  const multiplier0 = v128.load32_splat(PHILOX);
  const multiplier1 = v128.load32_splat(PHILOX, 4);
  const groups = <i64>((count + 15) / 16);
  const last = <i32>((groups * (part + 1)) / parts);
  // Two groups at a time: one alone waits for its own products, ten rounds in a row.
  for (let group = <i32>((groups * part) / parts); group < last; group += 2) {
    let a = i32x4.add(i32x4.splat(group * 4), i32x4(0, 1, 2, 3));
    let b = i32x4.splat(stream);
    let c = i32x4.splat(counter);
    let d = i32x4.splat(0);
    let e = i32x4.add(a, i32x4.splat(4));
    let f = b;
    let g = c;
    let h = d;
    let k0 = v128.load32_splat(keys);
    let k1 = v128.load32_splat(keys, 4);
    for (let round = 0; round < 10; round++) {
      // Upper and lower words come from the same four 64-bit products.
      const p = i64x2.extmul_low_i32x4_u(a, multiplier0);
      const P = i64x2.extmul_high_i32x4_u(a, multiplier0);
      const q = i64x2.extmul_low_i32x4_u(c, multiplier1);
      const Q = i64x2.extmul_high_i32x4_u(c, multiplier1);
      a = v128.xor(v128.xor(v128.shuffle<i32>(q, Q, 1, 3, 5, 7), b), k0);
      c = v128.xor(v128.xor(v128.shuffle<i32>(p, P, 1, 3, 5, 7), d), k1);
      b = v128.shuffle<i32>(q, Q, 0, 2, 4, 6);
      d = v128.shuffle<i32>(p, P, 0, 2, 4, 6);
      const r = i64x2.extmul_low_i32x4_u(e, multiplier0);
      const R = i64x2.extmul_high_i32x4_u(e, multiplier0);
      const s = i64x2.extmul_low_i32x4_u(g, multiplier1);
      const S = i64x2.extmul_high_i32x4_u(g, multiplier1);
      e = v128.xor(v128.xor(v128.shuffle<i32>(s, S, 1, 3, 5, 7), f), k0);
      g = v128.xor(v128.xor(v128.shuffle<i32>(r, R, 1, 3, 5, 7), h), k1);
      f = v128.shuffle<i32>(s, S, 0, 2, 4, 6);
      h = v128.shuffle<i32>(r, R, 0, 2, 4, 6);
      k0 = i32x4.add(k0, v128.load32_splat(PHILOX, 8));
      k1 = i32x4.add(k1, v128.load32_splat(PHILOX, 12));
    }
    const target = out + ((<usize>group) << 6);
    const left = count - group * 16;
    finish(normal, a, b, c, d, target, left);
    if (group + 1 < last) finish(normal, e, f, g, h, target + 64, left - 16);
  }
}

/** Stores the 16 numbers that four counters' words make. */
// @ts-ignore: decorator
@inline
function finish(normal: bool, a: v128, b: v128, c: v128, d: v128, target: usize, left: i32): void {
  const x = i32x4.shr_u(a, 8);
  const y = i32x4.shr_u(b, 8);
  const z = i32x4.shr_u(c, 8);
  const w = i32x4.shr_u(d, 8);
  if (normal) storeNormals(x, y, z, w, target, left);
  else storeUniforms(x, y, z, w, target, left);
}

// Turns words by counter into counters by word and scales to [0, 1).
// @ts-ignore: decorator
@inline
function storeUniforms(a: v128, b: v128, c: v128, d: v128, target: usize, left: i32): void {
  const unit = f32x4.splat(5.9604644775390625e-8); // 2^−24
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const AB = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const CD = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  storeSome(target, f32x4.mul(f32x4.convert_i32x4_s(v128.shuffle<i64>(ab, cd, 0, 2)), unit), left);
  storeSome(target + 16, f32x4.mul(f32x4.convert_i32x4_s(v128.shuffle<i64>(ab, cd, 1, 3)), unit), left - 4);
  storeSome(target + 32, f32x4.mul(f32x4.convert_i32x4_s(v128.shuffle<i64>(AB, CD, 0, 2)), unit), left - 8);
  storeSome(target + 48, f32x4.mul(f32x4.convert_i32x4_s(v128.shuffle<i64>(AB, CD, 1, 3)), unit), left - 12);
}

// @ts-ignore: decorator
@inline
function storeNormals(a: v128, b: v128, c: v128, d: v128, target: usize, left: i32): void {
  const ab = normalPairs(a, b);
  const cd = normalPairs(c, d);
  storeSome(target, v128.shuffle<i64>(ab, cd, 0, 2), left);
  storeSome(target + 16, v128.shuffle<i64>(ab, cd, 1, 3), left - 4);
  if (left <= 8) return;
  const AB = normalPairs(v128.shuffle<i64>(a, a, 1, 1), v128.shuffle<i64>(b, b, 1, 1));
  const CD = normalPairs(v128.shuffle<i64>(c, c, 1, 1), v128.shuffle<i64>(d, d, 1, 1));
  storeSome(target + 32, v128.shuffle<i64>(AB, CD, 0, 2), left - 8);
  storeSome(target + 48, v128.shuffle<i64>(AB, CD, 1, 3), left - 12);
}

/**
 * Two pairs [r·cos 2πu, r·sin 2πu], r = √(−2 ln((a + 1)·2^−24)), u = b·2^−24, of the low two lanes of a and b (24-bit integers).
 * The angle is split into quarter turns exactly; the Taylor series on the remaining ±π/4 end below 1e-16.
 */
function normalPairs(a: v128, b: v128): v128 {
  const one = f64x2.splat(1);
  const first = f64x2.mul(f64x2.add(f64x2.convert_low_i32x4_u(a), one), f64x2.splat(5.9604644775390625e-8));
  const r = f64x2.sqrt(f64x2.mul(logarithm(first), f64x2.splat(-2)));
  const quarters = f64x2.mul(f64x2.convert_low_i32x4_u(b), f64x2.splat(2.384185791015625e-7)); // 4·2^−24
  const turned = f64x2.add(quarters, f64x2.splat(ROUND));
  const t = f64x2.mul(f64x2.sub(quarters, f64x2.sub(turned, f64x2.splat(ROUND))), f64x2.splat(1.5707963267948966));
  const z = f64x2.mul(t, t);
  let s = f64x2.splat(-1.0 / 1307674368000.0); // 1/15!
  s = f64x2.add(f64x2.mul(s, z), f64x2.splat(1.0 / 6227020800.0));
  s = f64x2.add(f64x2.mul(s, z), f64x2.splat(-1.0 / 39916800.0));
  s = f64x2.add(f64x2.mul(s, z), f64x2.splat(1.0 / 362880.0));
  s = f64x2.add(f64x2.mul(s, z), f64x2.splat(-1.0 / 5040.0));
  s = f64x2.add(f64x2.mul(s, z), f64x2.splat(1.0 / 120.0));
  s = f64x2.add(f64x2.mul(s, z), f64x2.splat(-1.0 / 6.0));
  s = f64x2.add(f64x2.mul(f64x2.mul(s, z), t), t);
  let c = f64x2.splat(1.0 / 20922789888000.0); // 1/16!
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(-1.0 / 87178291200.0));
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(1.0 / 479001600.0));
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(-1.0 / 3628800.0));
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(1.0 / 40320.0));
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(-1.0 / 720.0));
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(1.0 / 24.0));
  c = f64x2.add(f64x2.mul(c, z), f64x2.splat(-0.5));
  c = f64x2.add(f64x2.mul(c, z), one);
  // Odd quarter turns swap the two; the cosine is negative after one and two of them, the sine after two and three.
  const unit = i64x2.splat(1);
  const odd = i64x2.neg(v128.and(turned, unit));
  const cosineSign = i64x2.shl(i64x2.shr_u(i64x2.add(turned, unit), 1), 63);
  const sineSign = i64x2.shl(i64x2.shr_u(turned, 1), 63);
  const cosine = f64x2.mul(r, v128.xor(v128.bitselect(s, c, odd), cosineSign));
  const sine = f64x2.mul(r, v128.xor(v128.bitselect(c, s, odd), sineSign));
  return v128.shuffle<i32>(f32x4.demote_f64x2_zero(cosine), f32x4.demote_f64x2_zero(sine), 0, 4, 1, 5);
}

/** Stores the first `left` lanes, at most four, of a group that may be cut off by the end of the tensor. */
// @ts-ignore: decorator
@inline
function storeSome(p: usize, v: v128, left: i32): void {
  if (left >= 4) {
    v128.store(p, v);
    return;
  }
  if (left > 0) store<f32>(p, f32x4.extract_lane(v, 0));
  if (left > 1) store<f32>(p, f32x4.extract_lane(v, 1), 4);
  if (left > 2) store<f32>(p, f32x4.extract_lane(v, 2), 8);
}
