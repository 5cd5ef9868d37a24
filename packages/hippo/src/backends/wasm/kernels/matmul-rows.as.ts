// Matrix products with few rows, without packing B: every number of B is read once from memory, which is the limit.
// matmulDots: B lies transposed, so each element of C is a dot product of two rows. matmulCombine: B lies as it is, so each
// row of C is a combination of B's rows. Parts take ranges of columns of C; an element's sum depends neither on them nor, up to
// eight rows, on how many rows there are, so a sequence of a batch gets the bits it gets alone.
//
// Words of both: 0 A, 1 B, 2 C, 3 bias, 4 m, 5 n, 6 k, 7 batches, 8 to 10 batch strides of A, B, C, 11 bytes from row to
// row and 12 from column to column of op(A), 13 row stride of B in memory, 14 of C (bytes), 15 accumulate, 16 activation,
// 17 columns of a unit of work, 18 kind of bias, 19 residual, laid out like C. matmulDots also has: 20 bytes from column to column
// of C (C lies transposed where it is not 4, and word 18 is of C as it lies), 21 scratch, 22 its bytes a part: 512 for the sums of
// each pair of rows, then the rows of A where they do not lie close and are gathered first (23: 1).
import { finishBlock } from './matmul-finish.as';
import { madd, word } from './simd.as';

/** The four lane sums of four vectors. */
// @ts-ignore: decorator
@inline
function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** The products past the last full vector, for one row of A and four of B. */
function rest(a: usize, b0: usize, b1: usize, b2: usize, b3: usize, from: i32, k: i32): v128 {
  let sum = f32x4.splat(0);
  for (let i = from; i < k; i++) {
    const at = <usize>i << 2;
    let y = v128.load32_zero(b0 + at);
    y = v128.load_lane<f32>(b1 + at, y, 1);
    y = v128.load_lane<f32>(b2 + at, y, 2);
    y = v128.load_lane<f32>(b3 + at, y, 3);
    sum = madd(v128.load32_splat(a + at), y, sum);
  }
  return sum;
}

/** Lane sums of the products of two rows up to the last full vector of sixteen, in four chains. */
function dot(a: usize, b: usize, bytes: usize): v128 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (const end = a + bytes; a < end; a += 64, b += 64) {
    s0 = madd(v128.load(a), v128.load(b), s0);
    s1 = madd(v128.load(a, 16), v128.load(b, 16), s1);
    s2 = madd(v128.load(a, 32), v128.load(b, 32), s2);
    s3 = madd(v128.load(a, 48), v128.load(b, 48), s3);
  }
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}

/**
 * Dot products of a row of A with four rows of B, one row after the other: memory is read in one stream, which the processor
 * fetches ahead; four rows side by side took twice as long on rows that come from memory (12.6 against 25 GB/s).
 */
function dots1(a: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: i32): v128 {
  const full = k & ~15;
  const bytes = <usize>full << 2;
  const sum = sums(dot(a, b0, bytes), dot(a, b1, bytes), dot(a, b2, bytes), dot(a, b3, bytes));
  return full < k ? f32x4.add(sum, rest(a, b0, b1, b2, b3, full, k)) : sum;
}

/** What `dotPair` gives for its second row. */
let second: v128 = i32x4(0, 0, 0, 0);

/** As `dot`, for the rows a and e of A, which share the loads of b: the same sums in the same order. */
function dotPair(a: usize, e: usize, b: usize, bytes: usize): v128 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let t0 = s0;
  let t1 = s0;
  let t2 = s0;
  let t3 = s0;
  for (const end = a + bytes; a < end; a += 64, e += 64, b += 64) {
    const v0 = v128.load(b);
    s0 = madd(v128.load(a), v0, s0);
    t0 = madd(v128.load(e), v0, t0);
    const v1 = v128.load(b, 16);
    s1 = madd(v128.load(a, 16), v1, s1);
    t1 = madd(v128.load(e, 16), v1, t1);
    const v2 = v128.load(b, 32);
    s2 = madd(v128.load(a, 32), v2, s2);
    t2 = madd(v128.load(e, 32), v2, t2);
    const v3 = v128.load(b, 48);
    s3 = madd(v128.load(a, 48), v3, s3);
    t3 = madd(v128.load(e, 48), v3, t3);
  }
  second = f32x4.add(f32x4.add(t0, t1), f32x4.add(t2, t3));
  return f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
}

/** As `dots1`, for the rows `a` and `a + rowA`; stores both. For rows of B that come from memory, like `dots1`. */
function dots2(
  a: usize, rowA: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: i32,
  c: usize, rowC: usize, stepC: usize, columns: i32, add: bool,
): void {
  const e = a + rowA;
  const full = k & ~15;
  const bytes = <usize>full << 2;
  const s0 = dotPair(a, e, b0, bytes);
  const t0 = second;
  const s1 = dotPair(a, e, b1, bytes);
  const t1 = second;
  const s2 = dotPair(a, e, b2, bytes);
  const t2 = second;
  const s3 = dotPair(a, e, b3, bytes);
  const s = sums(s0, s1, s2, s3);
  const t = sums(t0, t1, t2, second);
  finishDots(s, t, a, e, b0, b1, b2, b3, full, k, c, rowC, stepC, columns, add);
}

/** Adds the products past the last full vectors, and stores four columns of two rows. */
function finishDots(
  s: v128, t: v128, a: usize, e: usize, b0: usize, b1: usize, b2: usize, b3: usize, full: i32, k: i32,
  c: usize, rowC: usize, stepC: usize, columns: i32, add: bool,
): void {
  if (full < k) {
    s = f32x4.add(s, rest(a, b0, b1, b2, b3, full, k));
    t = f32x4.add(t, rest(e, b0, b1, b2, b3, full, k));
  }
  put(c, s, stepC, columns, add);
  put(c + rowC, t, stepC, columns, add);
}

/** Up to so many rows a row's bits do not depend on the others. */
const FEW: i32 = 8;

/**
 * As `dots2` for more rows than that: eight sums of one chain each, 1.3 times as fast as `dotsCached` on rows of 3072 numbers,
 * and as fast on rows of 768.
 */
function dots2Many(
  a: usize, rowA: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: i32,
  c: usize, rowC: usize, stepC: usize, columns: i32, add: bool,
): void {
  const e = a + rowA;
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let t0 = s0;
  let t1 = s0;
  let t2 = s0;
  let t3 = s0;
  const full = k & ~3;
  for (let i: usize = 0; i < <usize>full << 2; i += 16) {
    const x = v128.load(a + i);
    const y = v128.load(e + i);
    const v0 = v128.load(b0 + i);
    s0 = madd(x, v0, s0);
    t0 = madd(y, v0, t0);
    const v1 = v128.load(b1 + i);
    s1 = madd(x, v1, s1);
    t1 = madd(y, v1, t1);
    const v2 = v128.load(b2 + i);
    s2 = madd(x, v2, s2);
    t2 = madd(y, v2, t2);
    const v3 = v128.load(b3 + i);
    s3 = madd(x, v3, s3);
    t3 = madd(y, v3, t3);
  }
  const s = sums(s0, s1, s2, s3);
  const t = sums(t0, t1, t2, t3);
  finishDots(s, t, a, e, b0, b1, b2, b3, full, k, c, rowC, stepC, columns, add);
}

// Lost, up to eight rows: `dotPair` for all pairs, half as fast as `dotsCached` on cached rows; four chains without blocks, as slow
// again on rows of 3072, which push each other out of the first-level cache.

/** Numbers of a row that are walked four times: six rows of them fit the first-level cache. */
const BLOCK: i32 = 1024;

/** Eight sums of two rows and four columns, along every fourth vector from i to `end`, added to those at `space`. */
function addChain(a: usize, e: usize, b0: usize, b1: usize, b2: usize, b3: usize, i: usize, end: usize, space: usize): void {
  let s0 = v128.load(space);
  let s1 = v128.load(space, 16);
  let s2 = v128.load(space, 32);
  let s3 = v128.load(space, 48);
  let t0 = v128.load(space, 64);
  let t1 = v128.load(space, 80);
  let t2 = v128.load(space, 96);
  let t3 = v128.load(space, 112);
  for (; i < end; i += 64) {
    const x = v128.load(a + i);
    const y = v128.load(e + i);
    const v0 = v128.load(b0 + i);
    s0 = madd(x, v0, s0);
    t0 = madd(y, v0, t0);
    const v1 = v128.load(b1 + i);
    s1 = madd(x, v1, s1);
    t1 = madd(y, v1, t1);
    const v2 = v128.load(b2 + i);
    s2 = madd(x, v2, s2);
    t2 = madd(y, v2, t2);
    const v3 = v128.load(b3 + i);
    s3 = madd(x, v3, s3);
    t3 = madd(y, v3, t3);
  }
  v128.store(space, s0);
  v128.store(space, s1, 16);
  v128.store(space, s2, 32);
  v128.store(space, s3, 48);
  v128.store(space, t0, 64);
  v128.store(space, t1, 80);
  v128.store(space, t2, 96);
  v128.store(space, t3, 112);
}

/** The sum of the four chains of one of the eight dot products. */
// @ts-ignore: decorator
@inline
function chains(space: usize): v128 {
  return f32x4.add(
    f32x4.add(v128.load(space), v128.load(space, 128)),
    f32x4.add(v128.load(space, 256), v128.load(space, 384)),
  );
}

/**
 * Pairs of rows from the one numbered `pair` on, once the rows of B are in cache, or where they are too long for two of A's to
 * stay there: the four chains of each sum one after the other, two rows and four columns side by side. That takes 6 loads for 8
 * products where `dotPair` takes 12. `space` has 512 bytes a pair; the block of B stays in the first-level cache for all pairs.
 */
function dotsCached(
  a: usize, rowA: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: i32,
  c: usize, rowC: usize, stepC: usize, columns: i32, add: bool, space: usize, pair: i32, pairs: i32,
): void {
  const full = k & ~15;
  memory.fill(space, 0, 512 * pairs);
  for (let from = 0; from < full; from += BLOCK) {
    const first = <usize>from << 2;
    const end = <usize>min(full, from + BLOCK) << 2;
    for (let p = pair; p < pairs; p++) {
      const x = a + 2 * <usize>p * rowA;
      const e = x + rowA;
      const at = space + 512 * <usize>p;
      addChain(x, e, b0, b1, b2, b3, first, end, at);
      addChain(x, e, b0, b1, b2, b3, first + 16, end, at + 128);
      addChain(x, e, b0, b1, b2, b3, first + 32, end, at + 256);
      addChain(x, e, b0, b1, b2, b3, first + 48, end, at + 384);
    }
  }
  for (let p = pair; p < pairs; p++) {
    const x = a + 2 * <usize>p * rowA;
    const at = space + 512 * <usize>p;
    const s = sums(chains(at), chains(at + 16), chains(at + 32), chains(at + 48));
    const t = sums(chains(at + 64), chains(at + 80), chains(at + 96), chains(at + 112));
    const pc = c + 2 * <usize>p * rowC;
    finishDots(s, t, x, x + rowA, b0, b1, b2, b3, full, k, pc, rowC, stepC, columns, add);
  }
}

/** Stores the first `columns` lanes, `step` bytes apart, added to what is there when `add`. */
function put(c: usize, sum: v128, step: usize, columns: i32, add: bool): void {
  if (columns == 4 && step == 4) {
    v128.store(c, add ? f32x4.add(v128.load(c), sum) : sum);
    return;
  }
  for (let j = 0; j < columns; j++, c += step) {
    store<f32>(c, add ? load<f32>(c) + f32x4.extract_lane(sum, 0) : f32x4.extract_lane(sum, 0));
    sum = v128.shuffle<i32>(sum, sum, 1, 2, 3, 0);
  }
}

/** The rows of op(A) of a batch, close to each other. */
function gatherRows(args: usize, batch: usize, target: usize): void {
  const m = <i32>word(args, 4);
  const k = <i32>word(args, 6);
  const rowA = <usize>word(args, 11);
  const stepA = <usize>word(args, 12);
  for (let i = 0; i < m; i++) {
    let from = <usize>word(args, 0) + batch * <usize>word(args, 8) + <usize>i * rowA;
    for (let l = 0; l < k; l++, from += stepA, target += 4) store<f32>(target, load<f32>(from));
  }
}

export function matmulDots(args: usize, part: i32, parts: i32): void {
  const n = <i32>word(args, 5);
  const width = <i32>word(args, 17);
  const perBatch = (n + width - 1) / width;
  const units = <i64>word(args, 7) * perBatch;
  const last = <i32>((units * (part + 1)) / parts);
  const space = <usize>word(args, 21) + <usize>part * word(args, 22);
  const sumBytes = <usize>(<i32>word(args, 4) >> 1) * 512;
  const inPlace = word(args, 23) == 0;
  let gathered = -1;
  for (let unit = <i32>((units * part) / parts); unit < last; unit++) {
    const batch = unit / perBatch;
    const column = (unit % perBatch) * width;
    if (inPlace) {
      const a = <usize>word(args, 0) + <usize>batch * <usize>word(args, 8);
      dotsUnit(args, <usize>batch, a, <usize>word(args, 11), column, min(n, column + width), space);
      continue;
    }
    if (batch != gathered) gatherRows(args, <usize>batch, space + sumBytes);
    gathered = batch;
    dotsUnit(args, <usize>batch, space + sumBytes, <usize>word(args, 6) << 2, column, min(n, column + width), space);
  }
}

/** Columns of C from the rows of A at a, `rowA` bytes apart. */
function dotsUnit(
  args: usize, batch: usize, a: usize, rowA: usize, column: i32, columnEnd: i32, space: usize,
): void {
  const m = <i32>word(args, 4);
  const k = <i32>word(args, 6);
  const b = <usize>word(args, 1) + batch * <usize>word(args, 9);
  const c = <usize>word(args, 2) + batch * <usize>word(args, 10);
  const rowB = <usize>word(args, 13);
  const rowC = <usize>word(args, 14);
  const stepC = <usize>word(args, 20);
  const add = word(args, 15) != 0;
  const pairs = m >> 1;
  for (let j = column; j < columnEnd; j += 4) {
    const columns = min(4, columnEnd - j);
    // Rows past the end repeat the last one.
    const b0 = b + <usize>j * rowB;
    const b1 = columns > 1 ? b0 + rowB : b0;
    const b2 = columns > 2 ? b1 + rowB : b1;
    const b3 = columns > 3 ? b2 + rowB : b2;
    const pc = c + <usize>j * stepC;
    if (m > FEW) {
      for (let p = 0; p < pairs; p++) {
        const at = 2 * <usize>p;
        dots2Many(a + at * rowA, rowA, b0, b1, b2, b3, k, pc + at * rowC, rowC, stepC, columns, add);
      }
    } else {
      // The first pair brings the rows of B into the cache for the others.
      const streamed = pairs > 0 && k <= BLOCK ? 1 : 0;
      if (streamed) dots2(a, rowA, b0, b1, b2, b3, k, pc, rowC, stepC, columns, add);
      if (streamed < pairs) {
        dotsCached(a, rowA, b0, b1, b2, b3, k, pc, rowC, stepC, columns, add, space, streamed, pairs);
      }
    }
    if (m & 1) {
      const row = <usize>(m - 1);
      put(pc + row * rowC, dots1(a + row * rowA, b0, b1, b2, b3, k), stepC, columns, add);
    }
  }
  if (stepC == 4) finishUnit(args, batch, column, columnEnd);
  else finishTransposed(args, batch, column, columnEnd);
}

/** As `finishUnit` where C lies transposed: what are columns here are rows there. */
function finishTransposed(args: usize, batch: usize, row: i32, rowEnd: i32): void {
  const at = batch * <usize>word(args, 10);
  const residual = <usize>word(args, 19);
  const c = <usize>word(args, 2) + at;
  const r = residual ? residual + at : 0;
  const m = <i32>word(args, 4);
  finishBlock(c, r, <usize>word(args, 20), <usize>word(args, 3), word(args, 18), word(args, 16), row, rowEnd, 0, m);
}

function finishUnit(args: usize, batch: usize, column: i32, columnEnd: i32): void {
  const at = batch * <usize>word(args, 10);
  const residual = <usize>word(args, 19);
  const c = <usize>word(args, 2) + at;
  const r = residual ? residual + at : 0;
  const m = <i32>word(args, 4);
  finishBlock(c, r, <usize>word(args, 14), <usize>word(args, 3), word(args, 18), word(args, 16), 0, m, column, columnEnd);
}

/** row[j] += Σ_l x_l·B[l, j] for the four rows of B at b, `rowB` bytes apart; x at a, `step` bytes apart. */
function combine4(row: usize, count: i32, a: usize, step: usize, b: usize, rowB: usize, add: bool): void {
  const x0 = v128.load32_splat(a);
  const x1 = v128.load32_splat(a + step);
  const x2 = v128.load32_splat(a + 2 * step);
  const x3 = v128.load32_splat(a + 3 * step);
  let b1 = b + rowB;
  let b2 = b1 + rowB;
  let b3 = b2 + rowB;
  for (; count >= 4; count -= 4, row += 16, b += 16, b1 += 16, b2 += 16, b3 += 16) {
    let y = add ? v128.load(row) : f32x4.splat(0);
    y = madd(x0, v128.load(b), y);
    y = madd(x1, v128.load(b1), y);
    y = madd(x2, v128.load(b2), y);
    v128.store(row, madd(x3, v128.load(b3), y));
  }
  for (; count > 0; count--, row += 4, b += 4, b1 += 4, b2 += 4, b3 += 4) {
    let y = add ? v128.load32_zero(row) : f32x4.splat(0);
    y = madd(x0, v128.load32_zero(b), y);
    y = madd(x1, v128.load32_zero(b1), y);
    y = madd(x2, v128.load32_zero(b2), y);
    v128.store_lane<f32>(row, madd(x3, v128.load32_zero(b3), y), 0);
  }
}

/** The same for one row of B. */
function combine1(row: usize, count: i32, a: usize, b: usize, add: bool): void {
  const x = v128.load32_splat(a);
  for (; count >= 4; count -= 4, row += 16, b += 16) {
    v128.store(row, madd(x, v128.load(b), add ? v128.load(row) : f32x4.splat(0)));
  }
  for (; count > 0; count--, row += 4, b += 4) {
    v128.store_lane<f32>(row, madd(x, v128.load32_zero(b), add ? v128.load32_zero(row) : f32x4.splat(0)), 0);
  }
}

export function matmulCombine(args: usize, part: i32, parts: i32): void {
  const n = <i32>word(args, 5);
  const width = <i32>word(args, 17);
  const perBatch = (n + width - 1) / width;
  const units = <i64>word(args, 7) * perBatch;
  const last = <i32>((units * (part + 1)) / parts);
  for (let unit = <i32>((units * part) / parts); unit < last; unit++) {
    const column = (unit % perBatch) * width;
    combineUnit(args, <usize>(unit / perBatch), column, min(n, column + width));
  }
}

function combineUnit(args: usize, batch: usize, column: i32, columnEnd: i32): void {
  const m = <i32>word(args, 4);
  const k = <i32>word(args, 6);
  const a = <usize>word(args, 0) + batch * <usize>word(args, 8);
  const c = <usize>word(args, 2) + batch * <usize>word(args, 10);
  const rowA = <usize>word(args, 11);
  const stepA = <usize>word(args, 12);
  const rowB = <usize>word(args, 13);
  const rowC = <usize>word(args, 14);
  const at = <usize>column << 2;
  const count = columnEnd - column;
  let b = <usize>word(args, 1) + batch * <usize>word(args, 9) + at;
  let add = word(args, 15) != 0;
  let l = 0;
  for (; l + 4 <= k; l += 4, b += 4 * rowB) {
    for (let i = 0; i < m; i++) {
      const x = a + <usize>i * rowA + <usize>l * stepA;
      combine4(c + <usize>i * rowC + at, count, x, stepA, b, rowB, add);
    }
    add = true;
  }
  for (; l < k; l++, b += rowB) {
    for (let i = 0; i < m; i++) combine1(c + <usize>i * rowC + at, count, a + <usize>i * rowA + <usize>l * stepA, b, add);
    add = true;
  }
  finishUnit(args, batch, column, columnEnd);
}
