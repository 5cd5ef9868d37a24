// The complex passes of the right-angle convolution (fft.as.ts): radix-4 decimation in frequency going in, decimation in
// time coming out, so that the spectrum stays in scrambled order and nothing is ever reordered. Data: vectors of four real
// parts and four imaginary parts alternate (32 bytes for four numbers), so that a butterfly touches four streams, not eight.
// The innermost 16 points (two forward passes, the product, two inverse passes) stay in registers.
import { madd, nmadd } from './simd.as';

/** What the innermost pass does with the spectrum: leave it, multiply by a filter or its conjugate, or start from it. */
export const FORWARD: i32 = 0;
export const MULTIPLY: i32 = 1;
export const CORRELATE: i32 = 2;
export const INVERSE: i32 = 3;

/** Blocks of at most this many points are finished pass by pass; larger ones are divided first, to stay in the cache. */
const FLAT: i32 = 1024;

// (a + ib)(c + is) and (a + ib)(c − is).
// @ts-ignore: decorator
@inline
export function timesRe(a: v128, b: v128, c: v128, s: v128): v128 {
  return nmadd(b, s, f32x4.mul(a, c));
}
// @ts-ignore: decorator
@inline
export function timesIm(a: v128, b: v128, c: v128, s: v128): v128 {
  return madd(a, s, f32x4.mul(b, c));
}
// @ts-ignore: decorator
@inline
export function conjTimesRe(a: v128, b: v128, c: v128, s: v128): v128 {
  return madd(b, s, f32x4.mul(a, c));
}
// @ts-ignore: decorator
@inline
export function conjTimesIm(a: v128, b: v128, c: v128, s: v128): v128 {
  return nmadd(a, s, f32x4.mul(b, c));
}

/** Radix-4 decimation in frequency over every block of n points in [data, data + 8·total). */
function forward4(data: usize, total: i32, n: i32, table: usize): void {
  const stride = <usize>n << 1;
  const end = data + (<usize>total << 3);
  for (let block = data; block < end; block += stride << 2) {
    let w = table;
    const stop = block + stride;
    for (let p0 = block; p0 < stop; p0 += 32, w += 96) {
      const p1 = p0 + stride;
      const p2 = p1 + stride;
      const p3 = p2 + stride;
      const ar = v128.load(p0);
      const ai = v128.load(p0, 16);
      const cr = v128.load(p2);
      const ci = v128.load(p2, 16);
      const s0r = f32x4.add(ar, cr);
      const s0i = f32x4.add(ai, ci);
      const d0r = f32x4.sub(ar, cr);
      const d0i = f32x4.sub(ai, ci);
      const br = v128.load(p1);
      const bi = v128.load(p1, 16);
      const dr = v128.load(p3);
      const di = v128.load(p3, 16);
      const s1r = f32x4.add(br, dr);
      const s1i = f32x4.add(bi, di);
      const d1r = f32x4.sub(br, dr);
      const d1i = f32x4.sub(bi, di);
      v128.store(p0, f32x4.add(s0r, s1r));
      v128.store(p0, f32x4.add(s0i, s1i), 16);
      const y1r = f32x4.add(d0r, d1i);
      const y1i = f32x4.sub(d0i, d1r);
      let c = v128.load(w);
      let s = v128.load(w, 16);
      v128.store(p1, timesRe(y1r, y1i, c, s));
      v128.store(p1, timesIm(y1r, y1i, c, s), 16);
      const y2r = f32x4.sub(s0r, s1r);
      const y2i = f32x4.sub(s0i, s1i);
      c = v128.load(w, 32);
      s = v128.load(w, 48);
      v128.store(p2, timesRe(y2r, y2i, c, s));
      v128.store(p2, timesIm(y2r, y2i, c, s), 16);
      const y3r = f32x4.sub(d0r, d1i);
      const y3i = f32x4.add(d0i, d1r);
      c = v128.load(w, 64);
      s = v128.load(w, 80);
      v128.store(p3, timesRe(y3r, y3i, c, s));
      v128.store(p3, timesIm(y3r, y3i, c, s), 16);
    }
  }
}

/** Radix-4 decimation in time over every block of n points: the transpose of forward4 with conjugate twiddles. */
function inverse4(data: usize, total: i32, n: i32, table: usize): void {
  const stride = <usize>n << 1;
  const end = data + (<usize>total << 3);
  for (let block = data; block < end; block += stride << 2) {
    let w = table;
    const stop = block + stride;
    for (let p0 = block; p0 < stop; p0 += 32, w += 96) {
      const p1 = p0 + stride;
      const p2 = p1 + stride;
      const p3 = p2 + stride;
      let xr = v128.load(p2);
      let xi = v128.load(p2, 16);
      let c = v128.load(w, 32);
      let s = v128.load(w, 48);
      const v2r = conjTimesRe(xr, xi, c, s);
      const v2i = conjTimesIm(xr, xi, c, s);
      const v0r = v128.load(p0);
      const v0i = v128.load(p0, 16);
      const s0r = f32x4.add(v0r, v2r);
      const s0i = f32x4.add(v0i, v2i);
      const d0r = f32x4.sub(v0r, v2r);
      const d0i = f32x4.sub(v0i, v2i);
      xr = v128.load(p1);
      xi = v128.load(p1, 16);
      c = v128.load(w);
      s = v128.load(w, 16);
      const v1r = conjTimesRe(xr, xi, c, s);
      const v1i = conjTimesIm(xr, xi, c, s);
      xr = v128.load(p3);
      xi = v128.load(p3, 16);
      c = v128.load(w, 64);
      s = v128.load(w, 80);
      const v3r = conjTimesRe(xr, xi, c, s);
      const v3i = conjTimesIm(xr, xi, c, s);
      const s1r = f32x4.add(v1r, v3r);
      const s1i = f32x4.add(v1i, v3i);
      const d1r = f32x4.sub(v1r, v3r);
      const d1i = f32x4.sub(v1i, v3i);
      v128.store(p0, f32x4.add(s0r, s1r));
      v128.store(p0, f32x4.add(s0i, s1i), 16);
      v128.store(p1, f32x4.sub(d0r, d1i));
      v128.store(p1, f32x4.add(d0i, d1r), 16);
      v128.store(p2, f32x4.sub(s0r, s1r));
      v128.store(p2, f32x4.sub(s0i, s1i), 16);
      v128.store(p3, f32x4.add(d0r, d1i));
      v128.store(p3, f32x4.sub(d0i, d1r), 16);
    }
  }
}

function forward2(data: usize, n: i32, table: usize): void {
  const stride = <usize>n << 2;
  const stop = data + stride;
  for (let p0 = data; p0 < stop; p0 += 32, table += 32) {
    const p1 = p0 + stride;
    const ar = v128.load(p0);
    const ai = v128.load(p0, 16);
    const br = v128.load(p1);
    const bi = v128.load(p1, 16);
    const dr = f32x4.sub(ar, br);
    const di = f32x4.sub(ai, bi);
    const c = v128.load(table);
    const s = v128.load(table, 16);
    v128.store(p0, f32x4.add(ar, br));
    v128.store(p0, f32x4.add(ai, bi), 16);
    v128.store(p1, timesRe(dr, di, c, s));
    v128.store(p1, timesIm(dr, di, c, s), 16);
  }
}

function inverse2(data: usize, n: i32, table: usize): void {
  const stride = <usize>n << 2;
  const stop = data + stride;
  for (let p0 = data; p0 < stop; p0 += 32, table += 32) {
    const p1 = p0 + stride;
    const xr = v128.load(p1);
    const xi = v128.load(p1, 16);
    const c = v128.load(table);
    const s = v128.load(table, 16);
    const br = conjTimesRe(xr, xi, c, s);
    const bi = conjTimesIm(xr, xi, c, s);
    const ar = v128.load(p0);
    const ai = v128.load(p0, 16);
    v128.store(p0, f32x4.add(ar, br));
    v128.store(p0, f32x4.add(ai, bi), 16);
    v128.store(p1, f32x4.sub(ar, br));
    v128.store(p1, f32x4.sub(ai, bi), 16);
  }
}

/** Sixteen points a block: radix 4 across vectors, 4×4 transpose, radix 4 across vectors, product, and all of it back. */
// @ts-ignore: decorator
@inline
function innermost(data: usize, total: i32, table: usize, filter: usize, mode: i32): void {
  const end = data + (<usize>total << 3);
  for (let p = data; p < end; p += 128, filter += 128) {
    let z0r: v128, z0i: v128, z1r: v128, z1i: v128, z2r: v128, z2i: v128, z3r: v128, z3i: v128;
    if (mode != INVERSE) {
      const ar = v128.load(p);
      const ai = v128.load(p, 16);
      const br = v128.load(p, 32);
      const bi = v128.load(p, 48);
      const cr = v128.load(p, 64);
      const ci = v128.load(p, 80);
      const dr = v128.load(p, 96);
      const di = v128.load(p, 112);
      let s0r = f32x4.add(ar, cr);
      let s0i = f32x4.add(ai, ci);
      let d0r = f32x4.sub(ar, cr);
      let d0i = f32x4.sub(ai, ci);
      let s1r = f32x4.add(br, dr);
      let s1i = f32x4.add(bi, di);
      let d1r = f32x4.sub(br, dr);
      let d1i = f32x4.sub(bi, di);
      const y0r = f32x4.add(s0r, s1r);
      const y0i = f32x4.add(s0i, s1i);
      let xr = f32x4.add(d0r, d1i);
      let xi = f32x4.sub(d0i, d1r);
      let c = v128.load(table);
      let s = v128.load(table, 16);
      const y1r = timesRe(xr, xi, c, s);
      const y1i = timesIm(xr, xi, c, s);
      xr = f32x4.sub(s0r, s1r);
      xi = f32x4.sub(s0i, s1i);
      c = v128.load(table, 32);
      s = v128.load(table, 48);
      const y2r = timesRe(xr, xi, c, s);
      const y2i = timesIm(xr, xi, c, s);
      xr = f32x4.sub(d0r, d1i);
      xi = f32x4.add(d0i, d1r);
      c = v128.load(table, 64);
      s = v128.load(table, 80);
      const y3r = timesRe(xr, xi, c, s);
      const y3i = timesIm(xr, xi, c, s);
      let t0 = v128.shuffle<f32>(y0r, y1r, 0, 4, 1, 5);
      let t1 = v128.shuffle<f32>(y0r, y1r, 2, 6, 3, 7);
      let t2 = v128.shuffle<f32>(y2r, y3r, 0, 4, 1, 5);
      let t3 = v128.shuffle<f32>(y2r, y3r, 2, 6, 3, 7);
      const er = v128.shuffle<f32>(t0, t2, 0, 1, 4, 5);
      const fr = v128.shuffle<f32>(t0, t2, 2, 3, 6, 7);
      const gr = v128.shuffle<f32>(t1, t3, 0, 1, 4, 5);
      const hr = v128.shuffle<f32>(t1, t3, 2, 3, 6, 7);
      t0 = v128.shuffle<f32>(y0i, y1i, 0, 4, 1, 5);
      t1 = v128.shuffle<f32>(y0i, y1i, 2, 6, 3, 7);
      t2 = v128.shuffle<f32>(y2i, y3i, 0, 4, 1, 5);
      t3 = v128.shuffle<f32>(y2i, y3i, 2, 6, 3, 7);
      const ei = v128.shuffle<f32>(t0, t2, 0, 1, 4, 5);
      const fi = v128.shuffle<f32>(t0, t2, 2, 3, 6, 7);
      const gi = v128.shuffle<f32>(t1, t3, 0, 1, 4, 5);
      const hi = v128.shuffle<f32>(t1, t3, 2, 3, 6, 7);
      s0r = f32x4.add(er, gr);
      s0i = f32x4.add(ei, gi);
      d0r = f32x4.sub(er, gr);
      d0i = f32x4.sub(ei, gi);
      s1r = f32x4.add(fr, hr);
      s1i = f32x4.add(fi, hi);
      d1r = f32x4.sub(fr, hr);
      d1i = f32x4.sub(fi, hi);
      z0r = f32x4.add(s0r, s1r);
      z0i = f32x4.add(s0i, s1i);
      z1r = f32x4.add(d0r, d1i);
      z1i = f32x4.sub(d0i, d1r);
      z2r = f32x4.sub(s0r, s1r);
      z2i = f32x4.sub(s0i, s1i);
      z3r = f32x4.sub(d0r, d1i);
      z3i = f32x4.add(d0i, d1r);
    } else {
      z0r = v128.load(p);
      z0i = v128.load(p, 16);
      z1r = v128.load(p, 32);
      z1i = v128.load(p, 48);
      z2r = v128.load(p, 64);
      z2i = v128.load(p, 80);
      z3r = v128.load(p, 96);
      z3i = v128.load(p, 112);
    }
    if (mode == FORWARD) {
      v128.store(p, z0r);
      v128.store(p, z0i, 16);
      v128.store(p, z1r, 32);
      v128.store(p, z1i, 48);
      v128.store(p, z2r, 64);
      v128.store(p, z2i, 80);
      v128.store(p, z3r, 96);
      v128.store(p, z3i, 112);
      continue;
    }
    if (mode == MULTIPLY) {
      let c = v128.load(filter);
      let s = v128.load(filter, 16);
      let t = timesRe(z0r, z0i, c, s);
      z0i = timesIm(z0r, z0i, c, s);
      z0r = t;
      c = v128.load(filter, 32);
      s = v128.load(filter, 48);
      t = timesRe(z1r, z1i, c, s);
      z1i = timesIm(z1r, z1i, c, s);
      z1r = t;
      c = v128.load(filter, 64);
      s = v128.load(filter, 80);
      t = timesRe(z2r, z2i, c, s);
      z2i = timesIm(z2r, z2i, c, s);
      z2r = t;
      c = v128.load(filter, 96);
      s = v128.load(filter, 112);
      t = timesRe(z3r, z3i, c, s);
      z3i = timesIm(z3r, z3i, c, s);
      z3r = t;
    } else if (mode == CORRELATE) {
      let c = v128.load(filter);
      let s = v128.load(filter, 16);
      let t = conjTimesRe(z0r, z0i, c, s);
      z0i = conjTimesIm(z0r, z0i, c, s);
      z0r = t;
      c = v128.load(filter, 32);
      s = v128.load(filter, 48);
      t = conjTimesRe(z1r, z1i, c, s);
      z1i = conjTimesIm(z1r, z1i, c, s);
      z1r = t;
      c = v128.load(filter, 64);
      s = v128.load(filter, 80);
      t = conjTimesRe(z2r, z2i, c, s);
      z2i = conjTimesIm(z2r, z2i, c, s);
      z2r = t;
      c = v128.load(filter, 96);
      s = v128.load(filter, 112);
      t = conjTimesRe(z3r, z3i, c, s);
      z3i = conjTimesIm(z3r, z3i, c, s);
      z3r = t;
    }
    let s0r = f32x4.add(z0r, z2r);
    let s0i = f32x4.add(z0i, z2i);
    let d0r = f32x4.sub(z0r, z2r);
    let d0i = f32x4.sub(z0i, z2i);
    let s1r = f32x4.add(z1r, z3r);
    let s1i = f32x4.add(z1i, z3i);
    let d1r = f32x4.sub(z1r, z3r);
    let d1i = f32x4.sub(z1i, z3i);
    const er = f32x4.add(s0r, s1r);
    const ei = f32x4.add(s0i, s1i);
    const fr = f32x4.sub(d0r, d1i);
    const fi = f32x4.add(d0i, d1r);
    const gr = f32x4.sub(s0r, s1r);
    const gi = f32x4.sub(s0i, s1i);
    const hr = f32x4.add(d0r, d1i);
    const hi = f32x4.sub(d0i, d1r);
    let t0 = v128.shuffle<f32>(er, fr, 0, 4, 1, 5);
    let t1 = v128.shuffle<f32>(er, fr, 2, 6, 3, 7);
    let t2 = v128.shuffle<f32>(gr, hr, 0, 4, 1, 5);
    let t3 = v128.shuffle<f32>(gr, hr, 2, 6, 3, 7);
    const y0r = v128.shuffle<f32>(t0, t2, 0, 1, 4, 5);
    const y1r = v128.shuffle<f32>(t0, t2, 2, 3, 6, 7);
    const y2r = v128.shuffle<f32>(t1, t3, 0, 1, 4, 5);
    const y3r = v128.shuffle<f32>(t1, t3, 2, 3, 6, 7);
    t0 = v128.shuffle<f32>(ei, fi, 0, 4, 1, 5);
    t1 = v128.shuffle<f32>(ei, fi, 2, 6, 3, 7);
    t2 = v128.shuffle<f32>(gi, hi, 0, 4, 1, 5);
    t3 = v128.shuffle<f32>(gi, hi, 2, 6, 3, 7);
    const y0i = v128.shuffle<f32>(t0, t2, 0, 1, 4, 5);
    const y1i = v128.shuffle<f32>(t0, t2, 2, 3, 6, 7);
    const y2i = v128.shuffle<f32>(t1, t3, 0, 1, 4, 5);
    const y3i = v128.shuffle<f32>(t1, t3, 2, 3, 6, 7);
    let c = v128.load(table);
    let s = v128.load(table, 16);
    const v1r = conjTimesRe(y1r, y1i, c, s);
    const v1i = conjTimesIm(y1r, y1i, c, s);
    c = v128.load(table, 32);
    s = v128.load(table, 48);
    const v2r = conjTimesRe(y2r, y2i, c, s);
    const v2i = conjTimesIm(y2r, y2i, c, s);
    c = v128.load(table, 64);
    s = v128.load(table, 80);
    const v3r = conjTimesRe(y3r, y3i, c, s);
    const v3i = conjTimesIm(y3r, y3i, c, s);
    s0r = f32x4.add(y0r, v2r);
    s0i = f32x4.add(y0i, v2i);
    d0r = f32x4.sub(y0r, v2r);
    d0i = f32x4.sub(y0i, v2i);
    s1r = f32x4.add(v1r, v3r);
    s1i = f32x4.add(v1i, v3i);
    d1r = f32x4.sub(v1r, v3r);
    d1i = f32x4.sub(v1i, v3i);
    v128.store(p, f32x4.add(s0r, s1r));
    v128.store(p, f32x4.add(s0i, s1i), 16);
    v128.store(p, f32x4.sub(d0r, d1i), 32);
    v128.store(p, f32x4.add(d0i, d1r), 48);
    v128.store(p, f32x4.sub(s0r, s1r), 64);
    v128.store(p, f32x4.sub(s0i, s1i), 80);
    v128.store(p, f32x4.add(d0r, d1i), 96);
    v128.store(p, f32x4.sub(d0i, d1r), 112);
  }
}

function innermostForward(data: usize, total: i32, table: usize): void {
  innermost(data, total, table, 0, FORWARD);
}
function innermostMultiply(data: usize, total: i32, table: usize, filter: usize): void {
  innermost(data, total, table, filter, MULTIPLY);
}
function innermostCorrelate(data: usize, total: i32, table: usize, filter: usize): void {
  innermost(data, total, table, filter, CORRELATE);
}
function innermostInverse(data: usize, total: i32, table: usize): void {
  innermost(data, total, table, 0, INVERSE);
}

/** All passes over every block of n = 4^k ≥ 16 points in `total` points at `data`, by `mode`; `filter` is their spectrum. */
function transform4(data: usize, total: i32, n: i32, table: usize, filter: usize, mode: i32): void {
  if (n > FLAT) {
    if (mode != INVERSE) forward4(data, n, n, table);
    const quarter = n >> 2;
    const next = table + <usize>n * 6;
    for (let q = 0; q < 4; q++) {
      const offset = (<usize>q * quarter) << 3;
      transform4(data + offset, quarter, quarter, next, filter + offset, mode);
    }
    if (mode != FORWARD) inverse4(data, n, n, table);
    return;
  }
  let m = n;
  let level = table;
  while (m > 16) {
    if (mode != INVERSE) forward4(data, total, m, level);
    level += <usize>m * 6;
    m >>= 2;
  }
  if (mode == FORWARD) innermostForward(data, total, level);
  else if (mode == MULTIPLY) innermostMultiply(data, total, level, filter);
  else if (mode == CORRELATE) innermostCorrelate(data, total, level, filter);
  else innermostInverse(data, total, level);
  if (mode == FORWARD) return;
  while (m < n) {
    m <<= 2;
    level -= <usize>m * 6;
    inverse4(data, total, m, level);
  }
}

/** The complex passes of size n (a power of two, at least 16); `table` begins at the level of n. */
function transform(data: usize, n: i32, table: usize, filter: usize, mode: i32): void {
  if ((ctz(n) & 1) == 0) return transform4(data, n, n, table, filter, mode);
  const next = table + (<usize>n << 2);
  const half = n >> 1;
  const offset = <usize>half << 3;
  if (mode != INVERSE) forward2(data, n, table);
  transform4(data, half, half, next, filter, mode);
  transform4(data + offset, half, half, next, filter + offset, mode);
  if (mode != FORWARD) inverse2(data, n, table);
}

/**
 * The complex passes of four neighbouring blocks of size n. Short blocks take each pass together, which saves starting it four
 * times (0.05 of the whole convolution at 4·256 points).
 */
export function transforms(data: usize, n: i32, table: usize, filter: usize, mode: i32): void {
  const total = n << 2;
  if (total <= FLAT && (ctz(n) & 1) == 0) return transform4(data, total, n, table, filter, mode);
  for (let r = 0; r < 4; r++) {
    const offset = (<usize>r * <usize>n) << 3;
    transform(data + offset, n, table, filter + offset, mode);
  }
}
