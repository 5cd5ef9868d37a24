// What causal attention and its gradient share: tiles of scores that hold queries in their columns and keys in their rows, so that
// keys and values are read as they lie and every sum over keys runs down a register. `QUERIES` queries at a time are
// transposed into panels of eight; a tile's row is `ROW` bytes whatever part of it is in use.
import { wideAddFour, wideProducts8 } from './causal-attention-wide.as';
import { madd } from './simd.as';

/** Queries of a tile. */
export const QUERIES: i32 = 32;
/** Bytes from one key's scores to the next. */
export const ROW: usize = 128;

/** Four columns of four rows, transposed and scaled, at `out`, `out` + 32, … */
// @ts-ignore: decorator
@inline
function packFour(a0: usize, a1: usize, a2: usize, a3: usize, out: usize, factor: v128): void {
  const r0 = f32x4.mul(v128.load(a0), factor);
  const r1 = f32x4.mul(v128.load(a1), factor);
  const r2 = f32x4.mul(v128.load(a2), factor);
  const r3 = f32x4.mul(v128.load(a3), factor);
  const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
  const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<i64>(low01, low23, 0, 2));
  v128.store(out, v128.shuffle<i64>(low01, low23, 1, 3), 32);
  v128.store(out, v128.shuffle<i64>(high01, high23, 0, 2), 64);
  v128.store(out, v128.shuffle<i64>(high01, high23, 1, 3), 96);
}

/**
 * Panels of eight rows of x [count, width], scaled: out[panel][column][8]. Lanes past the last row repeat it: what they make is
 * never stored.
 */
export function packPanels(x: usize, count: i32, width: i32, out: usize, scale: f32): void {
  const factor = f32x4.splat(scale);
  const bytes = (<usize>width) << 2;
  for (let first = 0; first < count; first += 8) {
    for (let half = 0; half < 8; half += 4) {
      const row = first + half;
      const a0 = x + <usize>min(row, count - 1) * bytes;
      const a1 = x + <usize>min(row + 1, count - 1) * bytes;
      const a2 = x + <usize>min(row + 2, count - 1) * bytes;
      const a3 = x + <usize>min(row + 3, count - 1) * bytes;
      let to = out + <usize>first * bytes + ((<usize>half) << 2);
      let at: usize = 0;
      while (at + 16 <= bytes) {
        packFour(a0 + at, a1 + at, a2 + at, a3 + at, to, factor);
        at += 16;
        to += 128;
      }
      while (at < bytes) {
        store<f32>(to, load<f32>(a0 + at) * scale);
        store<f32>(to, load<f32>(a1 + at) * scale, 4);
        store<f32>(to, load<f32>(a2 + at) * scale, 8);
        store<f32>(to, load<f32>(a3 + at) * scale, 12);
        at += 4;
        to += 32;
      }
    }
  }
}

/**
 * C[4, 8] = A[4, k]·panel[k, 8]. Row i of A starts at a_i; C's rows are `ROW` bytes apart. Two steps a turn halve the time spent
 * on the five addresses; the way out between them keeps engines from loading both steps first, which needs more registers than
 * there are.
 */
function productsOfFour(a0: usize, a1: usize, a2: usize, a3: usize, panel: usize, k: i32, c: usize): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  const end = panel + (<usize>k << 5);
  const last = end - 32;
  while (panel < end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = v128.load32_splat(a1);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = v128.load32_splat(a2);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = v128.load32_splat(a3);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    if (panel == last) break;
    const b2 = v128.load(panel, 32);
    const b3 = v128.load(panel, 48);
    const x4 = v128.load32_splat(a0, 4);
    c00 = madd(x4, b2, c00);
    c01 = madd(x4, b3, c01);
    const x5 = v128.load32_splat(a1, 4);
    c10 = madd(x5, b2, c10);
    c11 = madd(x5, b3, c11);
    const x6 = v128.load32_splat(a2, 4);
    c20 = madd(x6, b2, c20);
    c21 = madd(x6, b3, c21);
    const x7 = v128.load32_splat(a3, 4);
    c30 = madd(x7, b2, c30);
    c31 = madd(x7, b3, c31);
    panel += 64;
    a0 += 8;
    a1 += 8;
    a2 += 8;
    a3 += 8;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  c += ROW;
  v128.store(c, c10);
  v128.store(c, c11, 16);
  c += ROW;
  v128.store(c, c20);
  v128.store(c, c21, 16);
  c += ROW;
  v128.store(c, c30);
  v128.store(c, c31, 16);
}

/**
 * tile[key][0..8) = x[key]·panel for `count` rows of x [·, width]. Rows up to the next multiple of four (of eight where `wide`)
 * are written too, repeating the last.
 */
export function products(x: usize, count: i32, width: i32, panel: usize, tile: usize, wide: bool): void {
  const bytes = (<usize>width) << 2;
  const last = x + <usize>(count - 1) * bytes;
  if (wide) {
    for (let key = 0; key < count; key += 8) {
      const a1 = min(x + bytes, last);
      const a2 = min(a1 + bytes, last);
      const a3 = min(a2 + bytes, last);
      const a4 = min(a3 + bytes, last);
      const a5 = min(a4 + bytes, last);
      const a6 = min(a5 + bytes, last);
      const a7 = min(a6 + bytes, last);
      wideProducts8(x, a1, a2, a3, a4, a5, a6, a7, panel, width, tile, ROW);
      x = min(a7 + bytes, last);
      tile += 8 * ROW;
    }
    return;
  }
  for (let key = 0; key < count; key += 4) {
    const a1 = min(x + bytes, last);
    const a2 = min(a1 + bytes, last);
    const a3 = min(a2 + bytes, last);
    productsOfFour(x, a1, a2, a3, panel, width, tile);
    x = min(a3 + bytes, last);
    tile += 4 * ROW;
  }
}

// C[4, 8] += A·B; row i of A starts rowA·i bytes on, a step is stepA (literals); B's and C's rows are `row` bytes apart.
// @ts-ignore: decorator
@inline
function addFour(rowA: usize, stepA: usize, a: usize, b: usize, k: i32, c: usize, row: usize): void {
  const p1 = c + row;
  const p2 = p1 + row;
  const p3 = p2 + row;
  let c00 = v128.load(c);
  let c01 = v128.load(c, 16);
  let c10 = v128.load(p1);
  let c11 = v128.load(p1, 16);
  let c20 = v128.load(p2);
  let c21 = v128.load(p2, 16);
  let c30 = v128.load(p3);
  let c31 = v128.load(p3, 16);
  const end = a + <usize>k * stepA;
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = rowA == 4 ? v128.load32_splat(a, 4) : v128.load32_splat(a, ROW);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = rowA == 4 ? v128.load32_splat(a, 8) : v128.load32_splat(a, 2 * ROW);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = rowA == 4 ? v128.load32_splat(a, 12) : v128.load32_splat(a, 3 * ROW);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    a += stepA;
    b += row;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(p1, c10);
  v128.store(p1, c11, 16);
  v128.store(p2, c20);
  v128.store(p2, c21, 16);
  v128.store(p3, c30);
  v128.store(p3, c31, 16);
}

// C[1, 8] += A·B, for the last rows.
function addRow(stepA: usize, a: usize, b: usize, k: i32, c: usize, row: usize): void {
  let c0 = v128.load(c);
  let c1 = v128.load(c, 16);
  for (let i = 0; i < k; i++) {
    const x = v128.load32_splat(a);
    c0 = madd(x, v128.load(b), c0);
    c1 = madd(x, v128.load(b, 16), c1);
    a += stepA;
    b += row;
  }
  v128.store(c, c0);
  v128.store(c, c1, 16);
}

// C[1, 1] += A·B, for the columns past the last multiple of eight.
function addOne(stepA: usize, a: usize, b: usize, k: i32, c: usize, row: usize): void {
  let sum = load<f32>(c);
  for (let i = 0; i < k; i++) {
    sum += load<f32>(a) * load<f32>(b);
    a += stepA;
    b += row;
  }
  store<f32>(c, sum);
}

// @ts-ignore: decorator
@inline
function addProduct(
  rowA: usize, stepA: usize, rows: i32, a: usize, b: usize, k: i32, c: usize, width: i32, wide: bool,
): void {
  const bytes = (<usize>width) << 2;
  const whole = bytes & ~31;
  let at: usize = 0;
  if (wide && rows == 4) for (; at + 64 <= whole; at += 64) wideAddFour(rowA, stepA, a, b + at, k, c + at, bytes);
  for (; at < whole; at += 32) {
    if (rows == 4) {
      addFour(rowA, stepA, a, b + at, k, c + at, bytes);
    } else {
      for (let i: usize = 0; i < <usize>rows; i++) addRow(stepA, a + i * rowA, b + at, k, c + i * bytes + at, bytes);
    }
  }
  for (at = whole; at < bytes; at += 4) {
    for (let i: usize = 0; i < <usize>rows; i++) addOne(stepA, a + i * rowA, b + at, k, c + i * bytes + at, bytes);
  }
}

/** c[query, ·] += Σ_key tile[key][query]·b[key, ·] for `rows` ≤ 4 queries and `k` keys; b and c have rows of `width`. */
export function addOverKeys(rows: i32, tile: usize, b: usize, k: i32, c: usize, width: i32, wide: bool): void {
  addProduct(4, ROW, rows, tile, b, k, c, width, wide);
}

/** c[key, ·] += Σ_query tile[key][query]·b[query, ·] for `rows` ≤ 4 keys and `k` queries; b and c have rows of `width`. */
export function addOverQueries(rows: i32, tile: usize, b: usize, k: i32, c: usize, width: i32, wide: bool): void {
  addProduct(ROW, 4, rows, tile, b, k, c, width, wide);
}

/** All ones in the lanes of four queries from `query` on that may see `key`. */
// @ts-ignore: decorator
@inline
export function visible(key: i32, query: i32): v128 {
  return i32x4.le_s(i32x4.splat(key), i32x4.add(i32x4.splat(query), i32x4(0, 1, 2, 3)));
}
