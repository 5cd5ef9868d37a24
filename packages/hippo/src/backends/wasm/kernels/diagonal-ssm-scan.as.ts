// diagonalSsmScan: the plain recurrence x_t = λ x_{t−1} + u_t, y_t = 2 Re Σ_n c_n x_{n,t} + skip·u_t step by step (decoding, short rows).
// Same words as diagonalSsmChunked. λ = exp(re)·(cos im + i sin im) is recomputed in every call. Up to eight steps in f32, four states
// at a time: reductions by constants split so that the parts' products are exact, then polynomials; |error| < 2e-7 |λ| for
// |im| < 1e3. Longer calls, whose steps would add that up, take it from f64, rounded once.
// Work: per state 45 operations for λ (150 from f64), then 8 a step; memory: parameters once, states once in, once out.
import { copyFloats, zeroFloats } from './causal-fir-correlate.as';
import { narrow } from './diagonal-ssm-matrices.as';
import { loadState, storeState } from './diagonal-ssm-chunked.as';
import { cosineSine, exponential } from './fft-sine.as';
import { madd, nmadd, sumLanes, word } from './simd.as';

/** Up to this many steps the f32 poles are good enough. */
export const FEW: i32 = 8;

// @ts-ignore: decorator
@inline
function step(c: f32, x: v128, p: v128): v128 {
  return madd(p, x, f32x4.splat(c));
}

/** exp(x), |x| ≤ 80 (clamped). */
// @ts-ignore: decorator
@inline
function exponential4(x: v128): v128 {
  x = f32x4.min(f32x4.max(x, f32x4.splat(-80)), f32x4.splat(80));
  const k = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504)));
  let r = nmadd(k, f32x4.splat(0.693359375), x);
  r = nmadd(k, f32x4.splat(-2.12194440e-4), r);
  let p = f32x4.splat(1.9841270e-4);
  p = step(1.3888889e-3, r, p);
  p = step(8.3333333e-3, r, p);
  p = step(4.1666667e-2, r, p);
  p = step(0.16666667, r, p);
  p = step(0.5, r, p);
  p = madd(f32x4.mul(r, r), p, r); // e^r − 1
  p = f32x4.add(p, f32x4.splat(1));
  return i32x4.add(p, i32x4.shl(i32x4.trunc_sat_f32x4_s(k), 23));
}

/** λ of np states (a multiple of 4) from their logarithms, [re | im] at `poles`. */
function fillPoles(poles: usize, logRe: usize, logIm: usize, np: i32): void {
  const half = <usize>np << 2;
  for (let n: usize = 0; n < half; n += 16) {
    const size = exponential4(v128.load(logRe + n));
    const x = v128.load(logIm + n);
    const k = f32x4.nearest(f32x4.mul(x, f32x4.splat(0.63661977)));
    let r = nmadd(k, f32x4.splat(1.5703125), x);
    r = nmadd(k, f32x4.splat(4.837512969970703e-4), r);
    r = nmadd(k, f32x4.splat(7.549789948768648e-8), r);
    const z = f32x4.mul(r, r);
    let s = f32x4.splat(2.7557319e-6);
    s = step(-1.9841270e-4, z, s);
    s = step(8.3333333e-3, z, s);
    s = step(-0.16666667, z, s);
    s = madd(f32x4.mul(s, z), r, r);
    let c = f32x4.splat(-2.7557319e-7);
    c = step(2.4801587e-5, z, c);
    c = step(-1.3888889e-3, z, c);
    c = step(4.1666667e-2, z, c);
    c = madd(c, f32x4.mul(z, z), nmadd(z, f32x4.splat(0.5), f32x4.splat(1)));
    const turn = i32x4.trunc_sat_f32x4_s(k);
    const one = i32x4.splat(1);
    const two = i32x4.splat(2);
    const odd = i32x4.neg(v128.and(turn, one));
    const cosine = v128.xor(v128.bitselect(s, c, odd), i32x4.shl(v128.and(i32x4.add(turn, one), two), 30));
    const sine = v128.xor(v128.bitselect(c, s, odd), i32x4.shl(v128.and(turn, two), 30));
    v128.store(poles + n, f32x4.mul(size, cosine));
    v128.store(poles + n + half, f32x4.mul(size, sine));
  }
}

/** fillPoles from f64; `room` is 32 bytes. */
function fillExactPoles(poles: usize, logRe: usize, logIm: usize, np: i32, room: usize): void {
  const half = <usize>np << 2;
  for (let n: usize = 0; n < half; n += 16) {
    const x = v128.load(logRe + n);
    const low = exponential(f64x2.promote_low_f32x4(x));
    const high = exponential(f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 2, 3)));
    const z = v128.load(logIm + n);
    cosineSine(f64x2.promote_low_f32x4(z), room);
    const c = f64x2.mul(low, v128.load(room));
    const s = f64x2.mul(low, v128.load(room, 16));
    cosineSine(f64x2.promote_low_f32x4(v128.shuffle<f32>(z, z, 2, 3, 2, 3)), room);
    v128.store(poles + n, narrow(c, f64x2.mul(high, v128.load(room))));
    v128.store(poles + n + half, narrow(s, f64x2.mul(high, v128.load(room, 16))));
  }
}

/** `source` itself, or its zero-padded copy at `room` where n is no multiple of four. */
// @ts-ignore: decorator
@inline
function padded(source: usize, room: usize, n: i32, np: i32): usize {
  if (n == np) return source;
  zeroFloats(room, np);
  copyFloats(room, source, n);
  return room;
}

/** One step of all states: to = λ·from + u; returns Re Σ c·to. */
// @ts-ignore: decorator
@inline
function stepRow(
  to: usize, from: usize, poleRe: usize, poleIm: usize, cRe: usize, cIm: usize, np: i32, u: f32,
): f32 {
  const half = <usize>np << 2;
  const v = f32x4.splat(u);
  let even = f32x4.splat(0);
  let odd = f32x4.splat(0);
  for (let n: usize = 0; n < half; n += 16) {
    const xr = v128.load(from + n);
    const xi = v128.load(from + n + half);
    const lr = v128.load(poleRe + n);
    const li = v128.load(poleIm + n);
    const yr = nmadd(li, xi, madd(lr, xr, v));
    const yi = madd(li, xr, f32x4.mul(lr, xi));
    v128.store(to + n, yr);
    v128.store(to + n + half, yi);
    even = madd(v128.load(cRe + n), yr, even);
    odd = nmadd(v128.load(cIm + n), yi, odd);
  }
  return sumLanes(f32x4.add(even, odd));
}

/** λ and the padded parameters of one channel; `short` allows the f32 poles. Workspace: 32·np bytes, see the getters below. */
export function fillScan(
  ws: usize, np: i32, n: i32, logRe: usize, logIm: usize, cRe: usize, cIm: usize, short: bool,
): void {
  const quarter = <usize>np << 2;
  const rooms = ws + 2 * quarter;
  const re = padded(logRe, rooms, n, np);
  const im = padded(logIm, rooms + quarter, n, np);
  if (short) fillPoles(ws, re, im, np);
  else fillExactPoles(ws, re, im, np, ws + 6 * quarter);
  padded(cRe, rooms + 2 * quarter, n, np);
  padded(cIm, rooms + 3 * quarter, n, np);
}

/** As `fillScan` where λ is given: it is copied only to be padded, to where `fillScan` leaves it. */
export function fillGiven(ws: usize, np: i32, n: i32, re: usize, im: usize, cRe: usize, cIm: usize): void {
  const quarter = <usize>np << 2;
  padded(re, ws, n, np);
  padded(im, ws + quarter, n, np);
  padded(cRe, ws + 4 * quarter, n, np);
  padded(cIm, ws + 5 * quarter, n, np);
}

/** One row through the recurrence with λ at poleRe and poleIm, its states [re | im] of n each at `state` and `end` (0: zeros; not wanted). */
export function scanSteps(
  ws: usize, np: i32, n: i32, length: i32, poleRe: usize, poleIm: usize, cRe: usize, cIm: usize, skip: f32, u: usize, y: usize, state: usize, end: usize,
): void {
  const quarter = <usize>np << 2;
  const own = ws + 6 * quarter;
  const exact = n == np;
  if (!exact) {
    cRe = ws + 4 * quarter;
    cIm = ws + 5 * quarter;
  }
  // States that need no padding go straight from the old place to the new.
  const to = exact && end ? end : own;
  let from = to;
  if (exact && state) from = state;
  else loadState(to, state, np, n);
  for (let t = 0; t < length; t++, u += 4, y += 4) {
    const v = load<f32>(u);
    store<f32>(y, 2 * stepRow(to, from, poleRe, poleIm, cRe, cIm, np, v) + skip * v);
    from = to;
  }
  if (end && !exact) storeState(end, own, np, n);
}

export function diagonalSsmScan(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const n = <i32>word(args, 3);
  const np = (n + 3) & ~3;
  const skip = <usize>word(args, 9);
  const states = <usize>word(args, 10);
  const ends = <usize>word(args, 12);
  const ws = <usize>word(args, 13) + <usize>part * <usize>word(args, 14);
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    const at = (<usize>d * n) << 2;
    const cRe = <usize>word(args, 7) + at;
    const cIm = <usize>word(args, 8) + at;
    fillScan(ws, np, n, <usize>word(args, 5) + at, <usize>word(args, 6) + at, cRe, cIm, length <= FEW);
    const s: f32 = skip ? load<f32>(skip + ((<usize>d) << 2)) : 0;
    for (let b = 0; b < batch; b++) {
      const row = <usize>d * batch + b;
      const time = (row * length) << 2;
      const place = (row * n) << 3;
      scanSteps(
        ws, np, n, length, ws, ws + (<usize>np << 2), cRe, cIm, s, <usize>word(args, 4) + time, <usize>word(args, 11) + time,
        states ? states + place : 0, ends ? ends + place : 0,
      );
    }
  }
}
