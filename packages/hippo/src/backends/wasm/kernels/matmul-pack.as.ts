// Packing for the matrix product: panels of 8 or 16 columns of op(B), and of 4 or 6 rows of op(A), laid out in the order in which the tiles read them. Missing columns and rows are zeros, so that tiles need no cases.
import { word } from './simd.as';

/** Turns a 4×4 tile of words: rows `step` bytes apart become columns, `stepTo` bytes apart. */
// @ts-ignore: decorator
@inline
function turn4(source: usize, step: usize, target: usize, stepTo: usize): void {
  const r0 = v128.load(source);
  const r1 = v128.load(source + step);
  const r2 = v128.load(source + 2 * step);
  const r3 = v128.load(source + 3 * step);
  const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
  const high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<i64>(low01, low23, 0, 2));
  v128.store(target + stepTo, v128.shuffle<i64>(low01, low23, 1, 3));
  v128.store(target + 2 * stepTo, v128.shuffle<i64>(high01, high23, 0, 2));
  v128.store(target + 3 * stepTo, v128.shuffle<i64>(high01, high23, 1, 3));
}

/** Packs `count` ≤ `width` neighbouring columns that lie along memory: `k` steps, `step` bytes apart. */
export function packAlong(source: usize, step: usize, k: i32, target: usize, count: i32, width: i32): void {
  const targetStep = <usize>width << 2;
  const end = target + <usize>k * targetStep;
  if (count == 16) {
    for (; target < end; target += 64, source += step) {
      v128.store(target, v128.load(source));
      v128.store(target, v128.load(source, 16), 16);
      v128.store(target, v128.load(source, 32), 32);
      v128.store(target, v128.load(source, 48), 48);
    }
    return;
  }
  if (count == 8 && width == 8) {
    for (; target < end; target += 32, source += step) {
      v128.store(target, v128.load(source));
      v128.store(target, v128.load(source, 16), 16);
    }
    return;
  }
  if (count == 6 && width == 6) {
    for (; target < end; target += 24, source += step) {
      v128.store(target, v128.load(source));
      store<u64>(target, load<u64>(source, 16), 16);
    }
    return;
  }
  if (count == 4 && width == 4) {
    for (; target < end; target += 16, source += step) v128.store(target, v128.load(source));
    return;
  }
  for (; target < end; target += targetStep, source += step) {
    for (let j = 0; j < width; j++) {
      const at = <usize>j << 2;
      store<f32>(target + at, j < count ? load<f32>(source + at) : 0);
    }
  }
}

/** Two rows of four words, `step` bytes apart, become four rows of two, `stepTo` bytes apart. */
// @ts-ignore: decorator
@inline
function turn2(source: usize, step: usize, target: usize, stepTo: usize): void {
  const r0 = v128.load(source);
  const r1 = v128.load(source + step);
  const low = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
  const high = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  v128.store_lane<u64>(target, low, 0);
  v128.store_lane<u64>(target + stepTo, low, 1);
  v128.store_lane<u64>(target + 2 * stepTo, high, 0);
  v128.store_lane<u64>(target + 3 * stepTo, high, 1);
}

/**
 * Packs `count` ≤ `width` columns that lie across memory: column j starts `j·step` bytes on, its steps follow each other.
 * `width` is 4, 6, 8 or 16.
 */
export function packAcross(source: usize, step: usize, k: i32, target: usize, count: i32, width: i32): void {
  let i = 0;
  const targetStep = <usize>width << 2;
  if (count == width) {
    for (; i + 4 <= k; i += 4, source += 16, target += 4 * targetStep) {
      turn4(source, step, target, targetStep);
      if (width == 4) continue;
      if (width == 6) {
        turn2(source + 4 * step, step, target + 16, targetStep);
        continue;
      }
      turn4(source + 4 * step, step, target + 16, targetStep);
      if (width == 8) continue;
      turn4(source + 8 * step, step, target + 32, targetStep);
      turn4(source + 12 * step, step, target + 48, targetStep);
    }
  }
  for (; i < k; i++, source += 4, target += targetStep) {
    for (let j = 0; j < width; j++) {
      store<f32>(target + (<usize>j << 2), j < count ? load<f32>(source + <usize>j * step) : 0);
    }
  }
}

/**
 * matmulPack: panels of `width` columns of op(B), each k × width, for batches and columns given. Words: 0 B (of the first
 * batch and column), 1 target, 2 k, 3 columns, 4 batches, 5 batch stride of B, 6 row stride of B in memory (bytes),
 * 7 transposed, 8 width.
 */
export function matmulPack(args: usize, part: i32, parts: i32): void {
  const k = <i32>word(args, 2);
  const columns = <i32>word(args, 3);
  const batches = <i32>word(args, 4);
  const step = <usize>word(args, 6);
  const transposed = word(args, 7) != 0;
  const width = <i32>word(args, 8);
  const panels = (columns + width - 1) / width;
  const panelBytes = (<usize>k * <usize>width) << 2;
  const last = <i32>((<i64>batches * panels * (part + 1)) / parts);
  for (let unit = <i32>((<i64>batches * panels * part) / parts); unit < last; unit++) {
    const column = (unit % panels) * width;
    const source = <usize>word(args, 0) + <usize>(unit / panels) * <usize>word(args, 5);
    const target = <usize>word(args, 1) + <usize>unit * panelBytes;
    const count = min(width, columns - column);
    if (transposed) packAcross(source + <usize>column * step, step, k, target, count, width);
    else packAlong(source + (<usize>column << 2), step, k, target, count, width);
  }
}
