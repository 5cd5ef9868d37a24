// Products of few rows with quantised weights, C = X·Wᵀ (tensor/quantization.ts): each part rounds the rows of X to integers,
// then takes integer dot products with its columns of C, one row of W after another. Sums of integers have no order, so the same
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
// Words: 0 X, 1 W, 2 C, 3 bias of columns, 4 m, 5 n, 6 k, 7 bytes of a row of W, 8 bytes from a row's start to its scales,
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
  multiply(args, part, parts, scratch, false);
}

export function int4Dots(args: usize, part: i32, parts: i32): void {
  const m = <i32>word(args, 4);
  const k = <i32>word(args, 6);
  const scratch = <usize>word(args, 11) + <usize>part * <usize>word(args, 12);
  const rowX = <usize>word(args, 13);
  for (let i = 0; i < m; i++) {
    roundBytes(<usize>word(args, 0) + ((<usize>i * <usize>k) << 2), k, scratch + <usize>i * rowX);
  }
  multiply(args, part, parts, scratch, true);
}

// @ts-ignore: decorator
@inline
function multiply(args: usize, part: i32, parts: i32, x: usize, halves: bool): void {
  const m = <i32>word(args, 4);
  const n = <i32>word(args, 5);
  const rowX = <usize>word(args, 13);
  const rowW = <usize>word(args, 7);
  const scalesAt = <usize>word(args, 8);
  const rowC = <usize>n << 2;
  const units = <i64>((n + COLUMNS - 1) / COLUMNS);
  const first = <i32>((units * part) / parts) * COLUMNS;
  const last = min(n, <i32>((units * (part + 1)) / parts) * COLUMNS);
  const c = <usize>word(args, 2);
  for (let j = first; j < last; j++) {
    const w = <usize>word(args, 1) + <usize>j * rowW;
    let pc = c + (<usize>j << 2);
    let px = x;
    for (let i = 0; i < m; i++, px += rowX, pc += rowC) {
      store<f32>(pc, halves ? halfByteDot(w, w + scalesAt, px) : byteDot(w, w + scalesAt, px));
    }
  }
  if (first >= last) return;
  finishBlock(c, <usize>word(args, 10), rowC, <usize>word(args, 3), BIAS_OF_COLUMNS, word(args, 9), 0, m, first, last);
}

/** The sum of the four lanes. */
// @ts-ignore: decorator
@inline
function sumIntegers(v: v128): i32 {
  const pairs = i32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
}

/** A row of bytes times a row of 16-bit integers, which lie behind 16 bytes that begin with their scale. */
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

/** A row of half bytes times rounded blocks. */
function halfByteDot(w: usize, scales: usize, x: usize): f32 {
  let sum = f32x4.splat(0);
  // From memory: engines make constants anew wherever a loop uses them.
  const low = v128.load(x);
  x += 16;
  for (const end = scales; w < end; scales += 8) {
    let integers = i32x4.splat(0);
    if (ASC_FEATURE_RELAXED_SIMD) {
      // In halves: engines load all that a loop's body reads first, and a whole block's loads push the sums out of registers.
      let words = i16x8.splat(0);
      for (const half = x + 128; x < half; x += 64, w += 32) {
        words = i16x8.add(words, i16x8.add(pairs(v128.load(w), x, low), pairs(v128.load(w, 16), x + 32, low)));
      }
      integers = i32x4.extadd_pairwise_i16x8_s(words);
    } else {
      for (const next = x + 256; x < next; x += 64, w += 16) integers = i32x4.add(integers, plainPart(v128.load(w), x, low));
    }
    const scale = f32x4.mul(i32x4.shl(v128.load16x4_u(scales), 16), v128.load(x, 16));
    // Not fused, in either build: the same bits.
    sum = f32x4.add(sum, f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(integers, v128.load(x))), scale));
    x += 32;
  }
  return (f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 2)) + (f32x4.extract_lane(sum, 1) + f32x4.extract_lane(sum, 3));
}

/** Two vectors of 16 products' pair sums, of 16 bytes of weights. `low`: 15 in every byte. */
// @ts-ignore: decorator
@inline
function pairs(w: v128, x: usize, low: v128): v128 {
  return i16x8.add(
    v128.relaxed_dot<i16>(v128.load(x), v128.and(w, low)),
    v128.relaxed_dot<i16>(v128.load(x, 16), v128.and(i16x8.shr_u(w, 4), low)),
  );
}

/** The same sums of the same lanes; `low`: 15 in every other byte. */
// @ts-ignore: decorator
@inline
function plainPart(w: v128, x: usize, low: v128): v128 {
  const a = i32x4.dot_i16x8_s(v128.and(w, low), v128.load(x));
  const b = i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(w, 8), low), v128.load(x, 16));
  const c = i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(w, 4), low), v128.load(x, 32));
  const d = i32x4.dot_i16x8_s(i16x8.shr_u(w, 12), v128.load(x, 48));
  return i32x4.add(i32x4.add(a, b), i32x4.add(c, d));
}
