// The one sliding product behind every short filter: out[t] = Σ_{i<taps} w[i]·x[t+i]. A causal filter is this with its taps
// reversed, its input gradient is this with the taps as they are, and its tap gradient is this with dy in the place of w.
// Work: 48 outputs stand in 12 registers, each tap is broadcast and meets 12 unaligned loads: bound by the load ports at three
// quarters of the multiply-add limit. Tried and lost: loading x once for two or four taps (15 loads for 32 multiply-adds, but
// the engine spills: 0.6 of the limit), unrolling the taps (0.4), 10 or 14 registers (0.5).
import { madd, sumLanes } from './simd.as';

/** dst[0..count) = src[0..count) in floats, ascending: safe in place when dst lies before src. */
export function copyFloats(dst: usize, src: usize, count: i32): void {
  let left = count;
  while (left >= 4) {
    v128.store(dst, v128.load(src));
    dst += 16;
    src += 16;
    left -= 4;
  }
  while (left > 0) {
    store<f32>(dst, load<f32>(src));
    dst += 4;
    src += 4;
    left--;
  }
}

/** dst[0..count) = 0. */
export function zeroFloats(dst: usize, count: i32): void {
  const zero = f32x4.splat(0);
  let left = count;
  while (left >= 4) {
    v128.store(dst, zero);
    dst += 16;
    left -= 4;
  }
  while (left > 0) {
    store<f32>(dst, 0);
    dst += 4;
    left--;
  }
}

/** dst = x[begin .. begin + count) of x = [lead floats of `state` (zeros when 0) | length floats of `row` | zeros without end]. */
export function gather(dst: usize, begin: i32, count: i32, state: usize, lead: i32, row: usize, length: i32): void {
  const end = begin + count;
  let at = begin;
  if (at < lead) {
    const n = min(end, lead) - at;
    if (state) copyFloats(dst, state + ((<usize>at) << 2), n);
    else zeroFloats(dst, n);
    at += n;
  }
  if (at < end && at < lead + length) {
    const n = min(end, lead + length) - at;
    copyFloats(dst + ((<usize>(at - begin)) << 2), row + ((<usize>(at - lead)) << 2), n);
    at += n;
  }
  if (at < end) zeroFloats(dst + ((<usize>(at - begin)) << 2), end - at);
}

/** out[i] = a[i]·b[i]. */
export function multiplyFloats(out: usize, a: usize, b: usize, count: i32): void {
  let left = count;
  while (left >= 4) {
    v128.store(out, f32x4.mul(v128.load(a), v128.load(b)));
    out += 16;
    a += 16;
    b += 16;
    left -= 4;
  }
  while (left > 0) {
    store<f32>(out, load<f32>(a) * load<f32>(b));
    out += 4;
    a += 4;
    b += 4;
    left--;
  }
}

/** dst[i] = src[count − 1 − i]. */
export function reverseFloats(dst: usize, src: usize, count: i32): void {
  let from = src + ((<usize>count) << 2);
  let left = count;
  while (left >= 4) {
    from -= 16;
    const v = v128.load(from);
    v128.store(dst, v128.shuffle<f32>(v, v, 3, 2, 1, 0));
    dst += 16;
    left -= 4;
  }
  while (left > 0) {
    from -= 4;
    store<f32>(dst, load<f32>(from));
    dst += 4;
    left--;
  }
}

/** Σ_{i<count} a[i]·b[i]. */
export function dot(a: usize, b: usize, count: i32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let left = count;
  while (left >= 16) {
    s0 = madd(v128.load(a), v128.load(b), s0);
    s1 = madd(v128.load(a, 16), v128.load(b, 16), s1);
    s2 = madd(v128.load(a, 32), v128.load(b, 32), s2);
    s3 = madd(v128.load(a, 48), v128.load(b, 48), s3);
    a += 64;
    b += 64;
    left -= 16;
  }
  while (left >= 4) {
    s0 = madd(v128.load(a), v128.load(b), s0);
    a += 16;
    b += 16;
    left -= 4;
  }
  let sum = sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  while (left > 0) {
    sum += load<f32>(a) * load<f32>(b);
    a += 4;
    b += 4;
    left--;
  }
  return sum;
}

/** 32 outputs: out[t] = Σ_{i<taps} w[i]·x[t+i], t < 32. Reads x up to 31 + taps − 1; a lane sees only its own window. */
function correlate32(out: usize, x: usize, w: usize, taps: i32): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let s4 = s0;
  let s5 = s0;
  let s6 = s0;
  let s7 = s0;
  for (let i = 0; i < taps; i++, x += 4, w += 4) {
    const a = v128.load32_splat(w);
    s0 = madd(a, v128.load(x), s0);
    s1 = madd(a, v128.load(x, 16), s1);
    s2 = madd(a, v128.load(x, 32), s2);
    s3 = madd(a, v128.load(x, 48), s3);
    s4 = madd(a, v128.load(x, 64), s4);
    s5 = madd(a, v128.load(x, 80), s5);
    s6 = madd(a, v128.load(x, 96), s6);
    s7 = madd(a, v128.load(x, 112), s7);
  }
  v128.store(out, s0);
  v128.store(out, s1, 16);
  v128.store(out, s2, 32);
  v128.store(out, s3, 48);
  v128.store(out, s4, 64);
  v128.store(out, s5, 80);
  v128.store(out, s6, 96);
  v128.store(out, s7, 112);
}

/** 48 outputs in 12 registers. */
function correlate48(out: usize, x: usize, w: usize, taps: i32): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let s4 = s0;
  let s5 = s0;
  let s6 = s0;
  let s7 = s0;
  let s8 = s0;
  let s9 = s0;
  let s10 = s0;
  let s11 = s0;
  for (let i = 0; i < taps; i++, x += 4, w += 4) {
    const a = v128.load32_splat(w);
    s0 = madd(a, v128.load(x), s0);
    s1 = madd(a, v128.load(x, 16), s1);
    s2 = madd(a, v128.load(x, 32), s2);
    s3 = madd(a, v128.load(x, 48), s3);
    s4 = madd(a, v128.load(x, 64), s4);
    s5 = madd(a, v128.load(x, 80), s5);
    s6 = madd(a, v128.load(x, 96), s6);
    s7 = madd(a, v128.load(x, 112), s7);
    s8 = madd(a, v128.load(x, 128), s8);
    s9 = madd(a, v128.load(x, 144), s9);
    s10 = madd(a, v128.load(x, 160), s10);
    s11 = madd(a, v128.load(x, 176), s11);
  }
  v128.store(out, s0);
  v128.store(out, s1, 16);
  v128.store(out, s2, 32);
  v128.store(out, s3, 48);
  v128.store(out, s4, 64);
  v128.store(out, s5, 80);
  v128.store(out, s6, 96);
  v128.store(out, s7, 112);
  v128.store(out, s8, 128);
  v128.store(out, s9, 144);
  v128.store(out, s10, 160);
  v128.store(out, s11, 176);
}

/** out[t] = Σ_{i<taps} w[i]·x[t+i], t < count. x must be readable, whatever it
 *  holds, for count + 32 + taps floats; `scratch` is 128 bytes. Few outputs at the end are single dot products. */
export function correlate(out: usize, count: i32, x: usize, w: usize, taps: i32, scratch: usize): void {
  let left = count;
  while (left >= 96 || left == 80 || left == 48) {
    correlate48(out, x, w, taps);
    out += 192;
    x += 192;
    left -= 48;
  }
  while (left >= 32) {
    correlate32(out, x, w, taps);
    out += 128;
    x += 128;
    left -= 32;
  }
  if (left > 4) {
    correlate32(scratch, x, w, taps);
    copyFloats(out, scratch, left);
    return;
  }
  while (left > 0) {
    store<f32>(out, dot(w, x, taps));
    out += 4;
    x += 4;
    left--;
  }
}
