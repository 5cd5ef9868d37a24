// The twiddle factors of a right-angle convolution of size H (fft.as.ts), written once per operation by a call of its own.
// One vector of four cosines, then one of four sines, in the order in which the passes read them:
//   outer pass:      for i = 0, 4, … < H/4, for r < 4:          w_4H^(i(1+4r)),  w_n = exp(−2πi/n)    8·H bytes
//   radix 2 (odd log H only), n = H/4: for i < n/2:             w_n^i                                 4·n bytes
//   radix 4, n down to 16 by fours: for i < n/4, for r = 1..3:  w_n^(i·r)                             6·n bytes
// Words: H, table. Every part writes a share of every level.
import { cosineSine } from './fft-sine.as';
import { word } from './simd.as';

/** Four cosines, then four sines, of −2π·m/n at m = start, start + step, start + 2·step, start + 3·step (n a power of two). */
function writeFour(out: usize, start: i32, step: i32, n: i32): void {
  const scale = f64x2.splat(-6.283185307179586 / <f64>n);
  const mask = n - 1;
  const low = f64x2.replace_lane(f64x2.splat(<f64>(start & mask)), 1, <f64>((start + step) & mask));
  const high = f64x2.replace_lane(
    f64x2.splat(<f64>((start + 2 * step) & mask)), 1, <f64>((start + 3 * step) & mask),
  );
  // The target holds the doubles until they are narrowed in place.
  cosineSine(f64x2.mul(low, scale), out);
  const c0 = f32x4.demote_f64x2_zero(v128.load(out));
  const s0 = f32x4.demote_f64x2_zero(v128.load(out, 16));
  cosineSine(f64x2.mul(high, scale), out);
  const c1 = f32x4.demote_f64x2_zero(v128.load(out));
  const s1 = f32x4.demote_f64x2_zero(v128.load(out, 16));
  v128.store(out, v128.shuffle<f32>(c0, c1, 0, 1, 4, 5));
  v128.store(out, v128.shuffle<f32>(s0, s1, 0, 1, 4, 5), 16);
}

export function fftTable(args: usize, part: i32, parts: i32): void {
  const size = <i32>word(args, 0);
  let table = <usize>word(args, 1);
  let count = size >> 4;
  let last = <i32>((<i64>count * (part + 1)) / parts);
  for (let v = <i32>((<i64>count * part) / parts); v < last; v++) {
    for (let r = 0; r < 4; r++) {
      const multiple = 1 + 4 * r;
      writeFour(table + ((<usize>(v * 4 + r)) << 5), 4 * v * multiple, multiple, 4 * size);
    }
  }
  table += <usize>size << 3;
  let n = size >> 2;
  if (ctz(n) & 1) {
    count = n >> 3;
    last = <i32>((<i64>count * (part + 1)) / parts);
    for (let v = <i32>((<i64>count * part) / parts); v < last; v++) writeFour(table + ((<usize>v) << 5), 4 * v, 1, n);
    table += <usize>n << 2;
    n >>= 1;
  }
  while (n >= 16) {
    count = n >> 4;
    last = <i32>((<i64>count * (part + 1)) / parts);
    for (let v = <i32>((<i64>count * part) / parts); v < last; v++) {
      for (let r = 1; r < 4; r++) writeFour(table + ((<usize>(v * 3 + r - 1)) << 5), 4 * v * r, r, n);
    }
    table += <usize>n * 6;
    n >>= 2;
  }
}
