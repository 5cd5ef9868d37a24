// The matrices of one channel of a diagonal state-space model in chunks of T = 16 steps (convolution by chunks with state
// passing): with rows X (state at a chunk's start, [re | im], each padded to Np = a multiple of 4) and U (its inputs),
//   X' = Λ X + INTO·U,   Y = OUT·X + toeplitz(k)·U,   Λ = λ^16,
//   INTO[n,j] = λ_n^(15−j),   OUT[i,n] = 2 Re(c_n λ_n^(i+1) ·),   k_l = 2 Re Σ_n c_n λ_n^l.
// Powers of λ come from exp(log λ) in f64 by at most 16 multiplications in f64; each entry is rounded once.
// Right operands of the tile product are stored as panels of 8 columns, so that a product reads one contiguous stream.
// Work: about 17·N/2 complex f64 pairs a channel, 1 µs at N = 32.
import { cosineSine, exponential } from './fft-sine.as';

/** Steps a chunk. */
export const T: i32 = 16;

// Byte offsets in a part's workspace, for np padded states; W = 2·np floats a state row, R = W + 16 a row with its chunk.
// @ts-ignore: decorator
@inline
export function powersAt(ws: usize): usize {
  return ws; // f64 [17][re | im][np]
}
// @ts-ignore: decorator
@inline
export function residuesAt(ws: usize, np: usize): usize {
  return ws + 272 * np; // f64 [re | im][np]
}
// @ts-ignore: decorator
@inline
export function leapAt(ws: usize, np: usize): usize {
  return ws + 288 * np; // f32 Λ [re | im][np]
}
// @ts-ignore: decorator
@inline
export function kernelAt(ws: usize, np: usize): usize {
  return ws + 296 * np; // f32 k[16], then 16 floats of room
}
// @ts-ignore: decorator
@inline
export function intoAt(ws: usize, np: usize): usize {
  return ws + 296 * np + 128; // f32 panels [W/8][16 steps][8]
}
// @ts-ignore: decorator
@inline
export function outAt(ws: usize, np: usize): usize {
  return ws + 424 * np + 128; // f32 panels [2][R][8 steps]: OUT over toeplitz(k)
}
// @ts-ignore: decorator
@inline
export function rowsAt(ws: usize, np: usize): usize {
  return ws + 552 * np + 1152; // f32 [36][R]: rows [X | U] of 32 chunks, one more state, tiles' overhang
}
// @ts-ignore: decorator
@inline
export function blockAt(ws: usize, np: usize): usize {
  return ws + 840 * np + 3456; // f32 [4][16]
}
/** Where the gradient's own parts begin. */
// @ts-ignore: decorator
@inline
export function restAt(ws: usize, np: usize): usize {
  return ws + 840 * np + 3712;
}

// @ts-ignore: decorator
@inline
function at8(base: usize, index: usize): usize {
  return base + (index << 3);
}

/** Four floats of four doubles. */
// @ts-ignore: decorator
@inline
export function narrow(low: v128, high: v128): v128 {
  return v128.shuffle<f32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

/** powers[l] = λ^l for l ≤ 16 and the residues c, padded with zeros, in f64. */
export function fillPowers(ws: usize, np: i32, n: i32, logRe: usize, logIm: usize, cRe: usize, cIm: usize): void {
  const powers = powersAt(ws);
  const residues = residuesAt(ws, np);
  const stride = <usize>np << 4; // bytes of one power
  const half = <usize>np << 3;
  for (let i = 0; i < np; i++) {
    const real = i < n;
    const at = (<usize>i) << 2;
    store<f64>(at8(residues, i), real ? <f64>load<f32>(cRe + at) : 0);
    store<f64>(at8(residues, np + i), real ? <f64>load<f32>(cIm + at) : 0);
    store<f64>(at8(powers, i), real ? 1 : 0);
    store<f64>(at8(powers, np + i), 0);
    // The logs wait in the place of λ; padding lanes become zero below because they start from zero.
    store<f64>(at8(powers + stride, i), real ? <f64>load<f32>(logRe + at) : 0);
    store<f64>(at8(powers + stride, np + i), real ? <f64>load<f32>(logIm + at) : 0);
  }
  const first = powers + stride;
  const place = residues + (<usize>np << 4); // 32 bytes that Λ and k fill later
  for (let i: usize = 0; i < half; i += 16) {
    const size = f64x2.mul(exponential(v128.load(first + i)), v128.load(powers + i));
    cosineSine(v128.load(first + half + i), place);
    v128.store(first + i, f64x2.mul(size, v128.load(place)));
    v128.store(first + half + i, f64x2.mul(size, v128.load(place, 16)));
  }
  // Two chains of products at a time, each waiting for itself.
  for (let i: usize = 0; i < half; i += 32) {
    let p = first + i;
    const ar = v128.load(p);
    const br = v128.load(p, 16);
    const ai = v128.load(p + half);
    const bi = v128.load(p + half, 16);
    let vr = ar;
    let vi = ai;
    let wr = br;
    let wi = bi;
    for (let l = 2; l <= T; l++) {
      p += stride;
      const s = f64x2.sub(f64x2.mul(vr, ar), f64x2.mul(vi, ai));
      const t = f64x2.sub(f64x2.mul(wr, br), f64x2.mul(wi, bi));
      vi = f64x2.add(f64x2.mul(vr, ai), f64x2.mul(vi, ar));
      wi = f64x2.add(f64x2.mul(wr, bi), f64x2.mul(wi, br));
      vr = s;
      wr = t;
      v128.store(p, vr);
      v128.store(p, wr, 16);
      v128.store(p + half, vi);
      v128.store(p + half, wi, 16);
    }
  }
}

/** Λ = λ^steps in f32 at `leap`, [re | im]. */
export function fillLeap(ws: usize, np: i32, leap: usize, steps: i32): void {
  let power = powersAt(ws) + ((<usize>steps * np) << 4);
  const end = leap + (<usize>np << 3);
  for (; leap < end; leap += 16, power += 32) v128.store(leap, narrow(v128.load(power), v128.load(power, 16)));
}

/** k[0..16) in f32. */
export function fillKernel(ws: usize, np: i32): void {
  const residues = residuesAt(ws, np);
  for (let l = 0; l < T; l++) {
    const power = powersAt(ws) + ((<usize>l * np) << 4);
    let sum = f64x2.splat(0);
    for (let i = 0; i < np; i += 2) {
      const re = f64x2.mul(v128.load(at8(residues, i)), v128.load(at8(power, i)));
      const im = f64x2.mul(v128.load(at8(residues, np + i)), v128.load(at8(power, np + i)));
      sum = f64x2.add(sum, f64x2.sub(re, im));
    }
    store<f32>(kernelAt(ws, np) + ((<usize>l) << 2), <f32>(2 * (f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1))));
  }
}

/** INTO as panels over the states: into[(row >> 3)·16 + j][row & 7] = λ_row^(15−j). */
export function fillInto(ws: usize, np: i32): void {
  let out = intoAt(ws, np);
  const stride = <usize>np << 4;
  for (let row = 0; row < 2 * np; row += 8) {
    let p = powersAt(ws) + <usize>T * stride + ((<usize>row) << 3);
    for (let j = 0; j < T; j++, out += 32) {
      p -= stride;
      v128.store(out, narrow(v128.load(p), v128.load(p, 16)));
      v128.store(out, narrow(v128.load(p, 32), v128.load(p, 48)), 16);
    }
  }
}

/** OUT over toeplitz(k) + skip as panels over the steps: out[(i >> 3)·R + row][i & 7]. */
export function fillOut(ws: usize, np: i32, skip: f32): void {
  const out = outAt(ws, np);
  const residues = residuesAt(ws, np);
  const rows = <usize>(2 * np + T) << 5; // bytes of a panel
  const stride = <usize>np << 4;
  const half = <usize>np << 3;
  for (let n: usize = 0; n < <usize>np; n += 2) {
    let power = powersAt(ws) + (n << 3);
    const cr = f64x2.mul(v128.load(at8(residues, n)), f64x2.splat(2));
    const ci = f64x2.mul(v128.load(at8(residues, np + n)), f64x2.splat(2));
    for (let i = 0; i < T; i++) {
      power += stride;
      const wr = v128.load(power);
      const wi = v128.load(power + half);
      const re = f32x4.demote_f64x2_zero(f64x2.sub(f64x2.mul(cr, wr), f64x2.mul(ci, wi)));
      const im = f32x4.neg(f32x4.demote_f64x2_zero(f64x2.add(f64x2.mul(cr, wi), f64x2.mul(ci, wr))));
      const entry = out + (i < 8 ? 0 : rows) + (<usize>(i & 7) << 2) + (n << 5);
      v128.store32_lane(entry, re, 0);
      v128.store32_lane(entry, re, 1, 32);
      v128.store32_lane(entry + (half << 2), im, 0);
      v128.store32_lane(entry + (half << 2), im, 1, 32);
    }
  }
  for (let i = 0; i < T; i++) {
    const column = out + (i < 8 ? 0 : rows) + (<usize>(i & 7) << 2) + ((<usize>np) << 6);
    for (let j = 0; j < T; j++) store<f32>(column + ((<usize>j) << 5), toeplitz(ws, np, i - j, skip));
  }
}

/** k[l], with skip on the diagonal and zero above it. */
// @ts-ignore: decorator
@inline
export function toeplitz(ws: usize, np: i32, l: i32, skip: f32): f32 {
  if (l < 0) return 0;
  const k = load<f32>(kernelAt(ws, np) + ((<usize>l) << 2));
  return l == 0 ? k + skip : k;
}
