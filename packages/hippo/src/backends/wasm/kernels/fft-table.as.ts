// The twiddle factors of a right-angle convolution of size H (fft.as.ts), written once, when a plan is prepared.
// One vector of four cosines, then one of four sines, in the order in which the passes read them:
//   outer pass:      for i = 0, 4, … < H/4, for r < 4:          w_4H^(i(1+4r)),  w_n = exp(−2πi/n)    8·H bytes
//   radix 2 (odd log H only), n = H/4: for i < n/2:             w_n^i                                 4·n bytes
//   radix 4, n down to 16 by fours: for i < n/4, for r = 1..3:  w_n^(i·r)                             6·n bytes
// Words: H, table. Every part writes a share of every level.
import { cosineSine } from './fft-sine.as';
import { word } from './simd.as';

/** Narrows two doubles into half `half` of four floats. */
// @ts-ignore: decorator
@inline
function storeHalf(out: usize, half: usize, v: v128): void {
  v128.store64_lane(out + (half << 3), f32x4.demote_f64x2_zero(v), 0);
}

/** Two lanes of w, w·z, w·z², …: `count` of them, 32 bytes apart, into half `half` of each vector. */
// @ts-ignore: decorator
@inline
function writeSeries(out: usize, half: usize, wr: v128, wi: v128, fourth: bool, count: i32): void {
  let zr = wr;
  let zi = wi;
  if (fourth) {
    for (let twice = 0; twice < 2; twice++) {
      const t = f64x2.sub(f64x2.mul(zr, zr), f64x2.mul(zi, zi));
      zi = f64x2.mul(f64x2.add(zr, zr), zi);
      zr = t;
    }
  }
  for (let r = 0; r < count; r++, out += 32) {
    storeHalf(out, half, wr);
    storeHalf(out + 16, half, wi);
    const t = f64x2.sub(f64x2.mul(wr, zr), f64x2.mul(wi, zi));
    wi = f64x2.add(f64x2.mul(wr, zi), f64x2.mul(wi, zr));
    wr = t;
  }
}

/** Four cosines, then four sines, of −2π·i·m/n for i = start … start + 3, one pair of vectors for each multiple m: 1, 5, 9, … when
 *  `fourth`, else 1, 2, 3, …, by products in f64: sine and cosine are computed for the first only. */
function writeFour(out: usize, start: i32, n: i32, fourth: bool, count: i32): void {
  const scale = -6.283185307179586 / <f64>n;
  const low = f64x2.replace_lane(f64x2.splat(<f64>start * scale), 1, <f64>(start + 1) * scale);
  const high = f64x2.replace_lane(f64x2.splat(<f64>(start + 2) * scale), 1, <f64>(start + 3) * scale);
  // The target holds the doubles until they are narrowed.
  cosineSine(low, out);
  const c0 = v128.load(out);
  const s0 = v128.load(out, 16);
  cosineSine(high, out);
  const c1 = v128.load(out);
  const s1 = v128.load(out, 16);
  writeSeries(out, 0, c0, s0, fourth, count);
  writeSeries(out, 1, c1, s1, fourth, count);
}

export function fftTable(args: usize, part: i32, parts: i32): void {
  const size = <i32>word(args, 0);
  let table = <usize>word(args, 1);
  let count = size >> 4;
  let last = <i32>((<i64>count * (part + 1)) / parts);
  for (let v = <i32>((<i64>count * part) / parts); v < last; v++) {
    writeFour(table + ((<usize>v) << 7), 4 * v, 4 * size, true, 4);
  }
  table += <usize>size << 3;
  let n = size >> 2;
  if (ctz(n) & 1) {
    count = n >> 3;
    last = <i32>((<i64>count * (part + 1)) / parts);
    for (let v = <i32>((<i64>count * part) / parts); v < last; v++) {
      writeFour(table + ((<usize>v) << 5), 4 * v, n, false, 1);
    }
    table += <usize>n << 2;
    n >>= 1;
  }
  while (n >= 16) {
    count = n >> 4;
    last = <i32>((<i64>count * (part + 1)) / parts);
    for (let v = <i32>((<i64>count * part) / parts); v < last; v++) {
      writeFour(table + <usize>v * 96, 4 * v, n, false, 3);
    }
    table += <usize>n * 6;
    n >>= 2;
  }
}
