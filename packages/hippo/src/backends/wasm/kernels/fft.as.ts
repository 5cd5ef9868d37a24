// Linear convolution of two real rows of up to H steps by ONE complex transform of size H (a power of two, at least 64).
// Weighting x_i by w_4H^i turns the transform's wrap-around z^H into −i: what a circular convolution would fold back onto
// step i lands in the imaginary part, so the real part is the linear convolution and no zero half is ever transformed.
// The conjugate product gives the correlation Σ_j k_j u_{t+j} the same way (negative lags become imaginary). Compared with
// pairing two rows in one transform of size 2H: the same work a row, half the memory, and a single row costs no more.
// The first pass takes real input and does the weighting, the last one undoes it and writes real output. Both are bound by their
// arithmetic, about 340 vector operations for 16 points in all passes; taking the constants of `leave` from memory gained nothing.
import { conjTimesIm, conjTimesRe, FORWARD, INVERSE, timesIm, timesRe, transforms } from './fft-passes.as';
import { madd, nmadd } from './simd.as';

const C: f32 = 0.9238795325112867; // cos π/8
const S: f32 = 0.3826834323650898; // sin π/8
const H: f32 = 0.7071067811865476; // sin π/4

/** Weighted radix-4 pass: real x[0..size) (scaled) to four complex blocks of size/4 at `data`. */
function enter(data: usize, x: usize, size: i32, table: usize, scale: f32): void {
  const step = <usize>size; // bytes of a quarter of the real row
  const block = <usize>size << 1; // bytes of a quarter of the complex data
  const stop = x + step;
  const cosine = f32x4.splat(C * scale);
  const sine = f32x4.splat(S * scale);
  const half = f32x4.splat(H * scale);
  const one = f32x4.splat(scale);
  for (; x < stop; x += 16, data += 32, table += 128) {
    const a0 = f32x4.mul(v128.load(x), one);
    const a1 = v128.load(x + step);
    const a2 = f32x4.mul(v128.load(x + 2 * step), half);
    const a3 = v128.load(x + 3 * step);
    const s0r = f32x4.add(a0, a2);
    const d0r = f32x4.sub(a0, a2);
    const s1r = madd(a3, sine, f32x4.mul(a1, cosine));
    const s1i = madd(a3, cosine, f32x4.mul(a1, sine)); // negated
    const d1r = nmadd(a3, sine, f32x4.mul(a1, cosine));
    const d1i = nmadd(a1, sine, f32x4.mul(a3, cosine));
    // s0 = (s0r, −a2), d0 = (d0r, a2), s1 = (s1r, −s1i), d1 = (d1r, d1i)
    let zr = f32x4.add(s0r, s1r);
    let zi = f32x4.neg(f32x4.add(a2, s1i));
    let c = v128.load(table);
    let s = v128.load(table, 16);
    v128.store(data, timesRe(zr, zi, c, s));
    v128.store(data, timesIm(zr, zi, c, s), 16);
    zr = f32x4.add(d0r, d1i);
    zi = f32x4.sub(a2, d1r);
    c = v128.load(table, 32);
    s = v128.load(table, 48);
    v128.store(data + block, timesRe(zr, zi, c, s));
    v128.store(data + block, timesIm(zr, zi, c, s), 16);
    zr = f32x4.sub(s0r, s1r);
    zi = f32x4.sub(s1i, a2);
    c = v128.load(table, 64);
    s = v128.load(table, 80);
    v128.store(data + 2 * block, timesRe(zr, zi, c, s));
    v128.store(data + 2 * block, timesIm(zr, zi, c, s), 16);
    zr = f32x4.sub(d0r, d1i);
    zi = f32x4.add(a2, d1r);
    c = v128.load(table, 96);
    s = v128.load(table, 112);
    v128.store(data + 3 * block, timesRe(zr, zi, c, s));
    v128.store(data + 3 * block, timesIm(zr, zi, c, s), 16);
  }
}

// @ts-ignore: decorator
@inline
function addSkip(y: v128, x: usize, weight: v128, skips: bool): v128 {
  return skips ? madd(v128.load(x), weight, y) : y;
}

/** The inverse of `enter`, real part only: out[i] = Re(…)_i + skip·x[i]. `skips`, a literal: whether there is a skip. */
// @ts-ignore: decorator
@inline
function leave(out: usize, x: usize, skip: f32, data: usize, size: i32, table: usize, skips: bool): void {
  const step = <usize>size;
  const block = <usize>size << 1;
  const stop = out + step;
  const cosine = f32x4.splat(C);
  const sine = f32x4.splat(S);
  const half = f32x4.splat(H);
  const weight = f32x4.splat(skip);
  for (; out < stop; out += 16, x += 16, data += 32, table += 128) {
    let zr = v128.load(data);
    let zi = v128.load(data, 16);
    let c = v128.load(table);
    let s = v128.load(table, 16);
    const v0r = conjTimesRe(zr, zi, c, s);
    const v0i = conjTimesIm(zr, zi, c, s);
    zr = v128.load(data + 2 * block);
    zi = v128.load(data + 2 * block, 16);
    c = v128.load(table, 64);
    s = v128.load(table, 80);
    const v2r = conjTimesRe(zr, zi, c, s);
    const v2i = conjTimesIm(zr, zi, c, s);
    const s0r = f32x4.add(v0r, v2r);
    const s0i = f32x4.add(v0i, v2i);
    const d0r = f32x4.sub(v0r, v2r);
    const d0i = f32x4.sub(v0i, v2i);
    zr = v128.load(data + block);
    zi = v128.load(data + block, 16);
    c = v128.load(table, 32);
    s = v128.load(table, 48);
    const v1r = conjTimesRe(zr, zi, c, s);
    const v1i = conjTimesIm(zr, zi, c, s);
    zr = v128.load(data + 3 * block);
    zi = v128.load(data + 3 * block, 16);
    c = v128.load(table, 96);
    s = v128.load(table, 112);
    const v3r = conjTimesRe(zr, zi, c, s);
    const v3i = conjTimesIm(zr, zi, c, s);
    const s1r = f32x4.add(v1r, v3r);
    const s1i = f32x4.add(v1i, v3i);
    const d1r = f32x4.sub(v1r, v3r);
    const d1i = f32x4.sub(v1i, v3i);
    v128.store(out, addSkip(f32x4.add(s0r, s1r), x, weight, skips));
    const b1 = nmadd(f32x4.add(d0i, d1r), sine, f32x4.mul(f32x4.sub(d0r, d1i), cosine));
    v128.store(out + step, addSkip(b1, x + step, weight, skips));
    const b2 = f32x4.mul(f32x4.sub(f32x4.sub(s0r, s1r), f32x4.sub(s0i, s1i)), half);
    v128.store(out + 2 * step, addSkip(b2, x + 2 * step, weight, skips));
    const b3 = nmadd(f32x4.sub(d0i, d1r), cosine, f32x4.mul(f32x4.add(d0r, d1i), sine));
    v128.store(out + 3 * step, addSkip(b3, x + 3 * step, weight, skips));
  }
}

function leavePlain(out: usize, data: usize, size: i32, table: usize): void {
  leave(out, 0, 0, data, size, table, false);
}
function leaveAdding(out: usize, x: usize, skip: f32, data: usize, size: i32, table: usize): void {
  leave(out, x, skip, data, size, table, true);
}

/** The weighted spectrum of the real row x[0..size), times `scale`, in the passes' own order: 8·size bytes at `data`. */
export function spectrum(data: usize, x: usize, size: i32, table: usize, scale: f32): void {
  enter(data, x, size, table, scale);
  transforms(data, size >> 2, table + (<usize>size << 3), 0, FORWARD);
}

/** out = skip·x + (row x filtered by a spectrum that holds 1/size), causal (mode MULTIPLY) or anticausal (CORRELATE). */
export function filterRow(
  out: usize, x: usize, skip: f32, size: i32, table: usize, filter: usize, mode: i32, data: usize,
): void {
  enter(data, x, size, table, 1);
  transforms(data, size >> 2, table + (<usize>size << 3), filter, mode);
  if (skip == 0) leavePlain(out, data, size, table);
  else leaveAdding(out, x, skip, data, size, table);
}

/** out = skip·x + the real row of a spectrum (which is destroyed). x is not read where skip is 0; out may lie over it. */
export function inverseRow(out: usize, x: usize, skip: f32, data: usize, size: i32, table: usize): void {
  transforms(data, size >> 2, table + (<usize>size << 3), 0, INVERSE);
  if (skip == 0) leavePlain(out, data, size, table);
  else leaveAdding(out, x, skip, data, size, table);
}

/** sum += a·conj(b) over a spectrum of `size` points; then, where asked, a ← a·conj(filter) and b ← b·filter. */
// @ts-ignore: decorator
@inline
function correlateSpectra(
  sum: usize, a: usize, b: usize, filter: usize, size: i32, filterA: bool, filterB: bool,
): void {
  const stop = a + (<usize>size << 3);
  for (; a < stop; a += 32, b += 32, sum += 32, filter += 32) {
    const ar = v128.load(a);
    const ai = v128.load(a, 16);
    const br = v128.load(b);
    const bi = v128.load(b, 16);
    v128.store(sum, madd(ar, br, madd(ai, bi, v128.load(sum))));
    v128.store(sum, madd(ai, br, nmadd(ar, bi, v128.load(sum, 16))), 16);
    const c = v128.load(filter);
    const s = v128.load(filter, 16);
    if (filterA) {
      v128.store(a, conjTimesRe(ar, ai, c, s));
      v128.store(a, conjTimesIm(ar, ai, c, s), 16);
    }
    if (filterB) {
      v128.store(b, timesRe(br, bi, c, s));
      v128.store(b, timesIm(br, bi, c, s), 16);
    }
  }
}

/** The products behind the gradient of y = filter∗u: sum += dy·conj(u), then dy ← dy·conj(filter) (du) and u ← u·filter (y). */
export function adjointSpectra(sum: usize, dy: usize, u: usize, filter: usize, size: i32): void {
  correlateSpectra(sum, dy, u, filter, size, true, true);
}

/** The same without y. */
export function causalAdjoint(sum: usize, dy: usize, u: usize, filter: usize, size: i32): void {
  correlateSpectra(sum, dy, u, filter, size, true, false);
}

/** The same for an anticausal filter: sum += u·conj(dy), dy ← dy·filter. */
export function anticausalAdjoint(sum: usize, dy: usize, u: usize, filter: usize, size: i32): void {
  correlateSpectra(sum, u, dy, filter, size, false, true);
}
