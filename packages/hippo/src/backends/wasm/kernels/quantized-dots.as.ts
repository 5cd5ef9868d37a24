// Products of few rows with quantised weights, C = X·Wᵀ (tensor/quantization.ts): each part rounds the rows of X to integers,
// then takes integer dot products with its columns of C, two rows of W at a time, which lie together. Sums of integers have no order, so the same
// bits come out of every build, engine and number of parts. Bound by reading W.
//
// 8 bits: X to 16-bit integers with a scale a row, as large as the 32-bit sums allow: |x| ≤ 2³¹/(127·k), at most 2¹⁵ − 1. One
// multiplication by both scales ends a dot product. 16 weights: two sign extensions, two multiply-and-add-pairs, two additions.
//
// 4 bits: X to 8-bit integers with a scale for each group of 32, laid out like the weights, so that a lane holds a group's sum.
// A block of 128 weights: 4 loads, 12 operations to take halves apart, 8 products with sums of pairs in 16 bits (15·127·2·8 < 2¹⁵,
// so that all 8 add up), one sum of pairs to 32 bits, and once for four groups: − 8·Σx for the offset, × both scales. The pair
// products are relaxed ones with a 7-bit operand, exact here on every engine; the plain build takes the bytes apart to 16 bits.
//
// Measured (Node 20, one core of a busy machine, weights from memory, weights a ns): 4 bits 31 to 36, 8 bits 26. Lost
// at 4 bits: rows one by one 26 to 31; scales behind the weights instead of before (a second stream, which begins
// with a miss in every row) 23 to 27; a whole block's 8 products in one loop body 25 (the sum goes through memory); four rows at once 14 to
// 30; reading ahead of use 13 to 24 (loads wait in order). At 8 bits: rows one by one 19 (k 768) to 23
// (3072), also with 32 weights a turn; rows side by side that do not lie in turn 8; four in turn 27, the same within the noise.
//
// Words: 0 X, 1 W, 2 C, 3 bias of columns, 4 m, 5 n, 6 k, 7 bytes of a row of W, 8 bytes from a row's start to its scale
// (8 bits) or blocks of a row (4),
// 9 activation, 10 residual, 11 scratch, 12 bytes of scratch a part, 13 bytes of a rounded row of X.
import { BIAS_OF_COLUMNS, finishBlock } from './matmul-finish.as';
import { roundBytes, roundWords } from './quantized-activations.as';
import { word } from './simd.as';

/** Columns of C that are finished together; parts begin at multiples of it. */
const COLUMNS: i32 = 16;

export function int8Dots(args: usize, part: i32, parts: i32): void {
  const m = <i32>word(args, 4);
  const k = <i32>word(args, 6);
  const scratch = <usize>word(args, 11) + <usize>part * <usize>word(args, 12);
  const rowX = <usize>word(args, 13);
  for (let i = 0; i < m; i++) {
    roundWords(<usize>word(args, 0) + ((<usize>i * <usize>k) << 2), k, scratch + <usize>i * rowX);
  }
  multiplyBytes(args, part, parts, scratch);
}

export function int4Dots(args: usize, part: i32, parts: i32): void {
  const m = <i32>word(args, 4);
  const k = <i32>word(args, 6);
  const scratch = <usize>word(args, 11) + <usize>part * <usize>word(args, 12);
  const rowX = <usize>word(args, 13);
  for (let i = 0; i < m; i++) {
    roundBytes(<usize>word(args, 0) + ((<usize>i * <usize>k) << 2), k, scratch + <usize>i * rowX);
  }
  multiplyHalfBytes(args, part, parts, scratch);
}

// @ts-ignore: decorator
@inline
function firstColumn(n: i32, part: i32, parts: i32): i32 {
  return min(n, <i32>((<i64>((n + COLUMNS - 1) / COLUMNS) * part) / parts) * COLUMNS);
}

function finishColumns(args: usize, first: i32, last: i32): void {
  if (first >= last) return;
  const rowC = <usize>word(args, 5) << 2;
  const m = <i32>word(args, 4);
  const residual = <usize>word(args, 10);
  finishBlock(<usize>word(args, 2), residual, rowC, <usize>word(args, 3), BIAS_OF_COLUMNS, word(args, 9), 0, m, first, last);
}

function multiplyBytes(args: usize, part: i32, parts: i32, x: usize): void {
  const m = <i32>word(args, 4);
  const n = <i32>word(args, 5);
  const rowX = <usize>word(args, 13);
  const rowW = <usize>word(args, 7);
  const scaleAt = <usize>word(args, 8);
  const rowC = <usize>n << 2;
  const first = firstColumn(n, part, parts);
  const last = firstColumn(n, part + 1, parts);
  for (let j = first; j < last; j += 2) {
    const w = <usize>word(args, 1) + <usize>j * rowW;
    let pc = <usize>word(args, 2) + (<usize>j << 2);
    let px = x;
    for (let i = 0; i < m; i++, px += rowX, pc += rowC) {
      if (j + 1 < n) pairOfByteDots(w, w + 2 * scaleAt, px, pc);
      else store<f32>(pc, byteDot(w, w + scaleAt, px));
    }
  }
  finishColumns(args, first, last);
}

function multiplyHalfBytes(args: usize, part: i32, parts: i32, x: usize): void {
  const m = <i32>word(args, 4);
  const n = <i32>word(args, 5);
  const rowX = <usize>word(args, 13);
  const rowW = <usize>word(args, 7);
  const blocks = <usize>word(args, 8);
  const rowC = <usize>n << 2;
  const first = firstColumn(n, part, parts);
  const last = firstColumn(n, part + 1, parts);
  for (let j = first; j < last; j += 2) {
    const w = <usize>word(args, 1) + <usize>j * rowW;
    let pc = <usize>word(args, 2) + (<usize>j << 2);
    let px = x;
    for (let i = 0; i < m; i++, px += rowX, pc += rowC) {
      if (j + 1 < n) pairOfDots(w, blocks, px, pc);
      else loneDot(w, blocks, px, pc);
    }
  }
  finishColumns(args, first, last);
}

/** The sum of the four lanes. */
// @ts-ignore: decorator
@inline
function sumIntegers(v: v128): i32 {
  const pairs = i32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
}

/** Two rows of bytes that lie as a pair times a row of 16-bit integers, which lie behind 16 bytes that begin with their scale. */
function pairOfByteDots(w: usize, scales: usize, x: usize, c: usize): void {
  const scaleX = load<f32>(x);
  let s0 = i32x4.splat(0);
  let s1 = s0;
  let t0 = s0;
  let t1 = s0;
  x += 16;
  for (; w < scales; w += 32, x += 32) {
    const a = v128.load(x);
    const b = v128.load(x, 16);
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(w), a));
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(w, 8), b));
    t0 = i32x4.add(t0, i32x4.dot_i16x8_s(v128.load8x8_s(w, 16), a));
    t1 = i32x4.add(t1, i32x4.dot_i16x8_s(v128.load8x8_s(w, 24), b));
  }
  store<f32>(c, <f32>sumIntegers(i32x4.add(s0, s1)) * (load<f32>(scales) * scaleX));
  store<f32>(c, <f32>sumIntegers(i32x4.add(t0, t1)) * (load<f32>(scales, 4) * scaleX), 4);
}

/** The same for an odd last row: a row of bytes times a row of 16-bit integers, behind their scale. */
function byteDot(w: usize, scale: usize, x: usize): f32 {
  const scaleX = load<f32>(x);
  let s0 = i32x4.splat(0);
  let s1 = s0;
  x += 16;
  for (; w < scale; w += 16, x += 32) {
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(w), v128.load(x)));
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(w, 8), v128.load(x, 16)));
  }
  return <f32>sumIntegers(i32x4.add(s0, s1)) * (load<f32>(scale) * scaleX);
}

/** The sum of four lanes, in an order of its own. */
// @ts-ignore: decorator
@inline
function sumFloats(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 2)) + (f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 3));
}

/** A block's sums of four groups as numbers. `x`: 8·Σx and the scales of the block. Not fused, in either build: the same bits. */
// @ts-ignore: decorator
@inline
function scaled(integers: v128, scales: usize, x: usize): v128 {
  const scale = f32x4.mul(i32x4.shl(v128.load16x4_u(scales), 16), v128.load(x, 16));
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(integers, v128.load(x))), scale);
}

/** Two rows of half bytes that lie as a pair, times rounded blocks. */
function pairOfDots(scales: usize, blocks: usize, x: usize, c: usize): void {
  let sum = f32x4.splat(0);
  let other = sum;
  // From memory: engines make constants anew wherever a loop uses them.
  const low = v128.load(x);
  x += 16;
  let w = scales + (blocks << 4);
  for (const end = w; scales < end; scales += 16, x += 32) {
    let integers = i32x4.splat(0);
    let others = integers;
    if (ASC_FEATURE_RELAXED_SIMD) {
      // In halves: engines load all that a loop's body reads first, and a whole block's loads push the sums out of registers.
      for (const half = x + 128; x < half; x += 64, w += 64) {
        const a = v128.load(x);
        const b = v128.load(x, 16);
        integers = i16x8.add(integers, pairs(v128.load(w), a, b, low));
        others = i16x8.add(others, pairs(v128.load(w, 16), a, b, low));
        const d = v128.load(x, 32);
        const e = v128.load(x, 48);
        integers = i16x8.add(integers, pairs(v128.load(w, 32), d, e, low));
        others = i16x8.add(others, pairs(v128.load(w, 48), d, e, low));
      }
      integers = i32x4.extadd_pairwise_i16x8_s(integers);
      others = i32x4.extadd_pairwise_i16x8_s(others);
    } else {
      for (const next = x + 256; x < next; x += 64, w += 32) {
        integers = i32x4.add(integers, quads(v128.load(w), x, low));
        others = i32x4.add(others, quads(v128.load(w, 16), x, low));
      }
    }
    sum = f32x4.add(sum, scaled(integers, scales, x));
    other = f32x4.add(other, scaled(others, scales + 8, x));
  }
  store<f32>(c, sumFloats(sum));
  store<f32>(c, sumFloats(other), 4);
}

/** The same for an odd last row. */
function loneDot(scales: usize, blocks: usize, x: usize, c: usize): void {
  let sum = f32x4.splat(0);
  const low = v128.load(x);
  x += 16;
  let w = scales + (((blocks << 3) + 15) & ~15);
  for (const end = scales + (blocks << 3); scales < end; scales += 8, x += 32) {
    let integers = i32x4.splat(0);
    if (ASC_FEATURE_RELAXED_SIMD) {
      for (const next = x + 128; x < next; x += 32, w += 16) {
        integers = i16x8.add(integers, pairs(v128.load(w), v128.load(x), v128.load(x, 16), low));
      }
      integers = i32x4.extadd_pairwise_i16x8_s(integers);
    } else {
      for (const next = x + 256; x < next; x += 64, w += 16) integers = i32x4.add(integers, quads(v128.load(w), x, low));
    }
    sum = f32x4.add(sum, scaled(integers, scales, x));
  }
  store<f32>(c, sumFloats(sum));
}

/** 32 products, summed in twos in 16 bits, of 16 bytes of weights. `low`: 15 in every byte. */
// @ts-ignore: decorator
@inline
function pairs(w: v128, a: v128, b: v128, low: v128): v128 {
  return i16x8.add(
    v128.relaxed_dot<i16>(a, v128.and(w, low)),
    v128.relaxed_dot<i16>(b, v128.and(i16x8.shr_u(w, 4), low)),
  );
}

/** The same products, summed by lanes of 32 bits; `low`: 15 in every other byte. */
// @ts-ignore: decorator
@inline
function quads(w: v128, x: usize, low: v128): v128 {
  const a = i32x4.dot_i16x8_s(v128.and(w, low), v128.load(x));
  const b = i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(w, 8), low), v128.load(x, 16));
  const c = i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(w, 4), low), v128.load(x, 32));
  const d = i32x4.dot_i16x8_s(i16x8.shr_u(w, 12), v128.load(x, 48));
  return i32x4.add(i32x4.add(a, b), i32x4.add(c, d));
}
