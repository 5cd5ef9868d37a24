// Rounds a row of activations to integers for the products of quantized-dots.as.ts. A NaN or an infinity makes the scale NaN or
// infinite and with it every product that reads it NaN; numbers below 1e-30 count as zero.

/** Smaller rows or groups have no inverse scale in f32. */
const TINY: f32 = 1e-30;

/** The largest absolute value of `count` numbers; NaN when one is. */
function largest(x: usize, count: i32): f32 {
  let most = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= count; i += 4, x += 16) most = f32x4.max(most, f32x4.abs(v128.load(x)));
  let result = max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
  for (; i < count; i++, x += 4) result = max(result, abs(load<f32>(x)));
  return result;
}

/** Four numbers, of which `count` lie at x; zeros beyond. */
// @ts-ignore: decorator
@inline
function upTo4(x: usize, count: i32): v128 {
  if (count >= 4) return v128.load(x);
  let v = f32x4.splat(0);
  if (count > 0) v = v128.load32_zero(x);
  if (count > 1) v = v128.load_lane<f32>(x + 4, v, 1);
  if (count > 2) v = v128.load_lane<f32>(x + 8, v, 2);
  return v;
}

/** Nearest integers of x·inverse. */
// @ts-ignore: decorator
@inline
function rounded(v: v128, inverse: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v, inverse)));
}

/** 16 bytes that begin with the scale, then 16-bit integers, zeros up to a multiple of 16 of them. */
export function roundWords(x: usize, k: i32, target: usize): void {
  const limit = <f32>min(32767, <i32>(<i64>0x7fffffff / (<i64>127 * k)));
  const most = largest(x, k);
  store<f32>(target, most / limit);
  const inverse = f32x4.splat(most < TINY ? 0 : limit / most);
  target += 16;
  for (let i = 0; i < k; i += 16, x += 64, target += 32) {
    const left = k - i;
    const a = i16x8.narrow_i32x4_s(rounded(upTo4(x, left), inverse), rounded(upTo4(x + 16, left - 4), inverse));
    const b = i16x8.narrow_i32x4_s(rounded(upTo4(x + 32, left - 8), inverse), rounded(upTo4(x + 48, left - 12), inverse));
    v128.store(target, a);
    v128.store(target, b, 16);
  }
}

/**
 * A mask of half bytes (16 bytes), then for each block of 128 numbers: their 8-bit integers, as 8 vectors with four bytes of each
 * group; 8·Σ of each group; the four scales. In the plain build every vector becomes two, of its even and of its odd bytes
 * as 16-bit integers, for low and then for high halves.
 */
export function roundBytes(x: usize, k: i32, target: usize): void {
  v128.store(target, ASC_FEATURE_RELAXED_SIMD ? i8x16.splat(15) : i16x8.splat(15));
  target += 16;
  const vectors: usize = ASC_FEATURE_RELAXED_SIMD ? 128 : 256;
  for (let from = 0; from < k; from += 128, target += vectors + 32) {
    for (let group = 0; group < 4; group++) {
      const left = k - from - 32 * group;
      roundGroup(x + ((<usize>from + 32 * <usize>group) << 2), max(0, min(32, left)), target, <usize>group, vectors);
    }
    if (!ASC_FEATURE_RELAXED_SIMD) widen(target);
  }
}

function roundGroup(x: usize, count: i32, target: usize, group: usize, vectors: usize): void {
  const most = largest(x, count);
  const scales = target + vectors + (group << 2);
  store<f32>(scales, most / 127, 16);
  const inverse = f32x4.splat(most < TINY ? 0 : <f32>127 / most);
  let sum = i32x4.splat(0);
  for (let i = 0; i < 32; i += 4) {
    const v = rounded(upTo4(x + (<usize>i << 2), count - i), inverse);
    sum = i32x4.add(sum, v);
    const words = i16x8.narrow_i32x4_s(v, v);
    v128.store_lane<u32>(target + (<usize>i << 2) + (group << 2), i8x16.narrow_i16x8_s(words, words), 0);
  }
  const all = (i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1)) + (i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3));
  store<i32>(scales, all << 3);
}

/** Eight vectors of bytes become sixteen of 16-bit integers, in place, from the last on. */
function widen(target: usize): void {
  for (let v: i32 = 7; v >= 0; v--) {
    const bytes = v128.load(target + (<usize>v << 4));
    v128.store(target + (<usize>v << 5), i16x8.shr_s(i16x8.shl(bytes, 8), 8));
    v128.store(target + (<usize>v << 5), i16x8.shr_s(bytes, 8), 16);
  }
}
