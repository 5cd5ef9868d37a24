// Quantised weights back to f32 (tensor/quantization.ts), a number = integer × scale, exactly as the reference does it.
// quantizedGatherRows: out[i] = row ids[i] of the matrix, a row of NaN where the id lies outside. Words: 0 W, 1 ids, 2 out, 3 rows,
// 4 k, 5 bytes of a row of W, 6 bytes to its scale (8 bits) or blocks of a row (4), 7 count, 8 bits.
// quantizedPanels: panels of op(B) = Wᵀ for the tiles of the matrix product, as matmulPack makes them of f32 weights. Words:
// 0 W (its first row), 1 panels, 2 k, 3 columns, 4 bytes of a row of W, 5 as 6 above, 6 bits, 7 width.
// Parts take ranges of positions, and of panels. Panels are made of four rows at a time, a word of each in a lane of one vector: shifts
// bring the same input of all four to the end of their lanes, which is the order of the panel. An operation or two a number,
// next to the m multiply-adds that it serves.
import { word } from './simd.as';

/** Inputs i to i + 3 of row `row` of `rows`, i a multiple of 4. `place`: the bytes to its scale, or the blocks of a row. */
// @ts-ignore: decorator
@inline
function four(w: usize, rowW: usize, row: i32, rows: i32, place: usize, bits: u32, i: usize): v128 {
  const lane = <usize>(row & 1);
  const lanes: usize = row == rows - 1 && lane == 0 ? 1 : 2;
  w += (<usize>row - lane) * rowW;
  if (bits == 8) {
    const at = w + (((i >> 4) * lanes + lane) << 4) + (i & 15);
    const integers = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(at)));
    return f32x4.mul(f32x4.convert_i32x4_s(integers), v128.load32_splat(w + place * lanes + (lane << 2)));
  }
  const codes = w + (((place * lanes << 3) + 15) & ~15);
  const block = i >> 7;
  const group = (i >> 5) & 3;
  const piece = ((block << 2) + ((i >> 3) & 3)) * lanes + lane;
  const halves = v128.load32_zero(codes + (piece << 4) + (group << 2));
  const bytes = v128.and(i32x4.shr_u(halves, <i32>(i & 4)), i8x16.splat(15));
  const integers = i32x4.sub(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes)), i32x4.splat(8));
  const scale = reinterpret<f32>(<u32>load<u16>(w + ((block * lanes + lane) << 3) + (group << 1)) << 16);
  return f32x4.mul(f32x4.convert_i32x4_s(integers), f32x4.splat(scale));
}

/** The first `count` ≤ 4 lanes, `step` bytes apart. */
function scatter(target: usize, step: usize, v: v128, count: i32): void {
  for (let i = 0; i < count; i++, target += step) {
    v128.store_lane<u32>(target, v, 0);
    v = v128.shuffle<i32>(v, v, 1, 2, 3, 0);
  }
}

export function quantizedGatherRows(args: usize, part: i32, parts: i32): void {
  const rows = word(args, 3);
  const k = <i32>word(args, 4);
  const rowW = <usize>word(args, 5);
  const place = <usize>word(args, 6);
  const count = <i64>word(args, 7);
  const bits = word(args, 8);
  const last = <i32>((count * (part + 1)) / parts);
  for (let position = <i32>((count * part) / parts); position < last; position++) {
    const id = load<u32>(<usize>word(args, 1) + ((<usize>position) << 2)); // a negative id is a large unsigned one
    const target = <usize>word(args, 2) + ((<usize>position * <usize>k) << 2);
    const w = <usize>word(args, 0);
    for (let i = 0; i < k; i += 4) {
      const v = id < rows ? four(w, rowW, <i32>id, <i32>rows, place, bits, <usize>i) : f32x4.splat(f32.NaN);
      if (i + 4 <= k) v128.store(target + ((<usize>i) << 2), v);
      else scatter(target + ((<usize>i) << 2), 4, v, k - i);
    }
  }
}

export function quantizedPanels(args: usize, part: i32, parts: i32): void {
  const k = <i32>word(args, 2);
  const columns = <i32>word(args, 3);
  const width = <i32>word(args, 7);
  const panels = (columns + width - 1) / width;
  const panelBytes = (<usize>k * <usize>width) << 2;
  const last = <i32>((<i64>panels * (part + 1)) / parts);
  for (let panel = <i32>((<i64>panels * part) / parts); panel < last; panel++) {
    const column = panel * width;
    const target = <usize>word(args, 1) + <usize>panel * panelBytes;
    for (let j = 0; j < width; j += 4) panelColumns(args, column + j, target + ((<usize>j) << 2));
  }
}

/** One input of four rows: integers × scales. */
// @ts-ignore: decorator
@inline
function put(target: usize, integers: v128, scales: v128): void {
  v128.store(target, f32x4.mul(f32x4.convert_i32x4_s(integers), scales));
}

/** The word at `at` from each of four rows. */
// @ts-ignore: decorator
@inline
function words(r0: usize, r1: usize, r2: usize, r3: usize, at: usize): v128 {
  let v = v128.load32_zero(r0 + at);
  v = v128.load_lane<u32>(r1 + at, v, 1);
  v = v128.load_lane<u32>(r2 + at, v, 2);
  return v128.load_lane<u32>(r3 + at, v, 3);
}

/** Four whole columns at 8 bits: the two pairs of rows from w on. */
function byteColumns(w: usize, rowW: usize, scaleAt: usize, k: i32, target: usize, step: usize): void {
  const q = w + 2 * rowW;
  const scales = words(w, w + 4, q, q + 4, 2 * scaleAt);
  for (let i = 0; i < k; i += 4, target += 4 * step) {
    const v = words(w, w + 16, q, q + 16, (<usize>(i >> 4) << 5) + <usize>(i & 15));
    put(target, i32x4.shr_s(i32x4.shl(v, 24), 24), scales);
    if (i + 1 < k) put(target + step, i32x4.shr_s(i32x4.shl(v, 16), 24), scales);
    if (i + 2 < k) put(target + 2 * step, i32x4.shr_s(i32x4.shl(v, 8), 24), scales);
    if (i + 3 < k) put(target + 3 * step, i32x4.shr_s(v, 24), scales);
  }
}

/** Four inputs of four rows at 4 bits; `v`: their half bytes, one a byte. */
// @ts-ignore: decorator
@inline
function halfBytes(v: v128, scales: v128, count: i32, target: usize, step: usize): void {
  const eight = i32x4.splat(8);
  const low = i32x4.splat(15);
  put(target, i32x4.sub(v128.and(v, low), eight), scales);
  if (count > 1) put(target + step, i32x4.sub(v128.and(i32x4.shr_u(v, 8), low), eight), scales);
  if (count > 2) put(target + 2 * step, i32x4.sub(v128.and(i32x4.shr_u(v, 16), low), eight), scales);
  if (count > 3) put(target + 3 * step, i32x4.sub(i32x4.shr_u(v, 24), eight), scales);
}

/** The bf16 numbers at `at` of two pairs of rows, as f32. */
// @ts-ignore: decorator
@inline
function pairScales(p: usize, q: usize, at: usize): v128 {
  let v = i32x4.splat(load<u16>(p + at));
  v = i32x4.replace_lane(v, 1, load<u16>(p + at, 8));
  v = i32x4.replace_lane(v, 2, load<u16>(q + at));
  return i32x4.shl(i32x4.replace_lane(v, 3, load<u16>(q + at, 8)), 16);
}

/** Four whole columns at 4 bits: the two pairs of rows from w on. */
function halfByteColumns(w: usize, rowW: usize, blocks: usize, k: i32, target: usize, step: usize): void {
  const q = w + 2 * rowW;
  const codes = blocks << 4;
  for (let from = 0; from < k; from += 32) {
    const block = <usize>(from >> 7);
    const group = <usize>((from >> 5) & 3);
    const scales = pairScales(w, q, (block << 4) + (group << 1));
    const at = codes + (block << 7) + (group << 2);
    for (let i = 0; i < 32 && from + i < k; i += 8, target += 8 * step) {
      const first = w + at + (<usize>i << 2);
      const third = q + at + (<usize>i << 2);
      const v = words(first, first + 16, third, third + 16, 0);
      const low = i8x16.splat(15);
      halfBytes(v128.and(v, low), scales, k - from - i, target, step);
      const left = k - from - i - 4;
      if (left > 0) halfBytes(v128.and(i32x4.shr_u(v, 4), low), scales, left, target + 4 * step, step);
    }
  }
}

/** Four columns of a panel from `column` on; those beyond the last are zero. */
function panelColumns(args: usize, column: i32, target: usize): void {
  const w = <usize>word(args, 0);
  const k = <i32>word(args, 2);
  const columns = <i32>word(args, 3);
  const count = columns - column;
  const rowW = <usize>word(args, 4);
  const place = <usize>word(args, 5);
  const bits = word(args, 6);
  const step = <usize>word(args, 7) << 2;
  const first = w + <usize>column * rowW;
  if (count >= 4 && bits == 8) return byteColumns(first, rowW, place, k, target, step);
  if (count >= 4) return halfByteColumns(first, rowW, place, k, target, step);
  const zero = f32x4.splat(0);
  for (let i = 0; i < k; i += 4, target += 4 * step) {
    const at = <usize>i;
    const r0 = count > 0 ? four(w, rowW, column + 0, columns, place, bits, at) : zero;
    const r1 = count > 1 ? four(w, rowW, column + 1, columns, place, bits, at) : zero;
    const r2 = count > 2 ? four(w, rowW, column + 2, columns, place, bits, at) : zero;
    const r3 = count > 3 ? four(w, rowW, column + 3, columns, place, bits, at) : zero;
    const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
    const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
    const high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
    v128.store(target, v128.shuffle<i64>(low01, low23, 0, 2));
    if (i + 1 < k) v128.store(target + step, v128.shuffle<i64>(low01, low23, 1, 3));
    if (i + 2 < k) v128.store(target + 2 * step, v128.shuffle<i64>(high01, high23, 0, 2));
    if (i + 3 < k) v128.store(target + 3 * step, v128.shuffle<i64>(high01, high23, 1, 3));
  }
}
