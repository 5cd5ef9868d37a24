// reduceRows, reduceColumns: one level of a sum or maximum over the middle axis of [outer, extent, inner], by blocks of a fixed
// size: output [outer, ⌈extent/block⌉, inner]. The twin repeats levels until one block is left, so every order of additions
// follows from the sizes alone, long rows are shared between threads, and errors grow with the logarithm of the extent.
// Words of both: x, out, outer, extent, inner, block, kind (0 sum, 1 largest). Reads each element once; bound by memory.
import { join, joinOne, rowMax, rowSum } from './reduce-row.as';
import { word } from './simd.as';

const TILE: i32 = 512; // columns of a unit of work: eight rows of 2 KiB and the accumulators stay in the first cache

// @ts-ignore: decorator
@inline
function blockCount(extent: i32, block: i32): i32 {
  return max((extent + block - 1) / block, 1);
}

/** inner = 1. A unit of work is one block of one row. */
export function reduceRows(args: usize, part: i32, parts: i32): void {
  const x: usize = word(args, 0);
  const out: usize = word(args, 1);
  const extent = <i32>word(args, 3);
  const block = <i32>word(args, 5);
  const largest = word(args, 6) != 0;
  const blocks = blockCount(extent, block);
  const units = <i64>(<i32>word(args, 2) * blocks);
  const last = <i32>((units * (part + 1)) / parts);
  for (let unit = <i32>((units * part) / parts); unit < last; unit++) {
    const row = unit / blocks;
    const begin = (unit - row * blocks) * block;
    const p = x + ((<usize>row * extent + begin) << 2);
    const count = min(block, extent - begin);
    store<f32>(out + ((<usize>unit) << 2), largest ? rowMax(p, count) : rowSum(p, count));
  }
}

/** Any inner. A unit of work is one tile of columns of one block of rows. */
export function reduceColumns(args: usize, part: i32, parts: i32): void {
  if (word(args, 6) != 0) columns(true, args, part, parts);
  else columns(false, args, part, parts);
}

// @ts-ignore: decorator
@inline
function columns(largest: bool, args: usize, part: i32, parts: i32): void {
  const x: usize = word(args, 0);
  const out: usize = word(args, 1);
  const extent = <i32>word(args, 3);
  const inner = <i32>word(args, 4);
  const block = <i32>word(args, 5);
  const blocks = blockCount(extent, block);
  const tiles = (inner + TILE - 1) / TILE;
  const units = <i64>word(args, 2) * blocks * tiles;
  const last = <i32>((units * (part + 1)) / parts);
  const stride = (<usize>inner) << 2;
  for (let unit = <i32>((units * part) / parts); unit < last; unit++) {
    const line = unit / tiles; // outer · blocks + block
    const outer = line / blocks;
    const column = (unit - line * tiles) * TILE;
    const width = min(TILE, inner - column);
    const begin = (line - outer * blocks) * block;
    const end = min(begin + block, extent);
    const target = out + ((<usize>line * inner + column) << 2);
    let p = x + (((<usize>outer * extent + begin) * inner + column) << 2);
    for (let c = 0; c < width; c++) store<f32>(target + ((<usize>c) << 2), largest ? -Infinity : 0);
    let row = begin;
    for (; row + 8 <= end; row += 8) {
      addEight(largest, target, p, stride, width);
      p += stride << 3;
    }
    for (; row < end; row++) {
      addOne(largest, target, p, width);
      p += stride;
    }
  }
}

// Eight rows by pairs, so that the running totals are loaded and stored once for eight rows.
// @ts-ignore: decorator
@inline
function addEight(largest: bool, target: usize, p0: usize, stride: usize, width: i32): void {
  const p1 = p0 + stride;
  const p2 = p1 + stride;
  const p3 = p2 + stride;
  const p4 = p3 + stride;
  const p5 = p4 + stride;
  const p6 = p5 + stride;
  const p7 = p6 + stride;
  const whole = (<usize>(width & ~3)) << 2;
  const bytes = (<usize>width) << 2;
  let c: usize = 0;
  for (; c < whole; c += 16) {
    const a = join(largest, v128.load(p0 + c), v128.load(p1 + c));
    const b = join(largest, v128.load(p2 + c), v128.load(p3 + c));
    const d = join(largest, v128.load(p4 + c), v128.load(p5 + c));
    const e = join(largest, v128.load(p6 + c), v128.load(p7 + c));
    const sum = join(largest, join(largest, a, b), join(largest, d, e));
    v128.store(target + c, join(largest, v128.load(target + c), sum));
  }
  for (; c < bytes; c += 4) {
    const a = joinOne(largest, load<f32>(p0 + c), load<f32>(p1 + c));
    const b = joinOne(largest, load<f32>(p2 + c), load<f32>(p3 + c));
    const d = joinOne(largest, load<f32>(p4 + c), load<f32>(p5 + c));
    const e = joinOne(largest, load<f32>(p6 + c), load<f32>(p7 + c));
    const sum = joinOne(largest, joinOne(largest, a, b), joinOne(largest, d, e));
    store<f32>(target + c, joinOne(largest, load<f32>(target + c), sum));
  }
}

// @ts-ignore: decorator
@inline
function addOne(largest: bool, target: usize, p: usize, width: i32): void {
  const whole = (<usize>(width & ~3)) << 2;
  const bytes = (<usize>width) << 2;
  let c: usize = 0;
  for (; c < whole; c += 16) v128.store(target + c, join(largest, v128.load(target + c), v128.load(p + c)));
  for (; c < bytes; c += 4) store<f32>(target + c, joinOne(largest, load<f32>(target + c), load<f32>(p + c)));
}
