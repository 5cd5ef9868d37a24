// matmulTiles and matmulWideTiles: C = op(A)·op(B) for packed B, by tiles of 8 columns (matmul-tile.as.ts) or of 16
// (matmul-wide-tile.as.ts). A unit of work is a block of rows and columns of one batch; parts take ranges of units. Inside a
// unit k runs in steps of 256, so that a panel of B (8 or 16 KiB) stays in the first cache while the rows pass over it, and
// those rows' piece of A, packed first, in the second.
//
// Each element of C is one chain of multiply-adds over a k step, added to what the steps before left in C: the same numbers
// whatever the blocks and tiles are.
import { finishBlock } from './matmul-finish.as';
import { packAcross, packAlong } from './matmul-pack.as';
import { TILE_ROWS, tile8 } from './matmul-tile.as';
import { wideTile } from './matmul-wide-tile.as';
import { word } from './simd.as';

const K_STEP: i32 = 256;
const RIM_BYTES: usize = 384; // a tile of either size

/** Copies a tile's valid part between C and a buffer of a tile. */
function copyTile(target: usize, targetRow: usize, source: usize, sourceRow: usize, rows: i32, columns: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const at = <usize>j << 2;
      store<f32>(target + at, load<f32>(source + at));
    }
    target += targetRow;
    source += sourceRow;
  }
}

/**
 * Words: 0 A, 1 packed B, 2 C, 3 bias, 4 m, 5 n, 6 k, 7 batches, 8 to 10 batch strides of A, packed B and C (bytes),
 * 11 row stride of A in memory, 12 row stride of C (bytes), 13 A transposed, 14 accumulate, 15 activation,
 * 16 rows and 17 columns of a unit (multiples of 12, or of 1 tile), 18 scratch, 19 bytes of scratch a part, 20 kind of bias,
 * 21 residual, laid out like C.
 */
export function matmulTiles(args: usize, part: i32, parts: i32): void {
  multiply(args, part, parts, false);
}

/** The same with tiles of 6×16 and panels of 16 columns. */
export function matmulWideTiles(args: usize, part: i32, parts: i32): void {
  multiply(args, part, parts, true);
}

// @ts-ignore: decorator
@inline
function multiply(args: usize, part: i32, parts: i32, wide: bool): void {
  const m = <i32>word(args, 4);
  const n = <i32>word(args, 5);
  const rowStep = <i32>word(args, 16);
  const columnStep = <i32>word(args, 17);
  const rowUnits = (m + rowStep - 1) / rowStep;
  const columnUnits = (n + columnStep - 1) / columnStep;
  const units = <i64>word(args, 7) * rowUnits * columnUnits;
  const last = <i32>((units * (part + 1)) / parts);
  const scratch = <usize>word(args, 18) + <usize>part * <usize>word(args, 19);
  const rowC = <usize>word(args, 12);
  const residual = <usize>word(args, 21);
  for (let unit = <i32>((units * part) / parts); unit < last; unit++) {
    const column = (unit % columnUnits) * columnStep;
    const rest = unit / columnUnits;
    const row = (rest % rowUnits) * rowStep;
    const batch = <usize>(rest / rowUnits);
    const rowEnd = min(m, row + rowStep);
    const columnEnd = min(n, column + columnStep);
    const c = <usize>word(args, 2) + batch * <usize>word(args, 10);
    const r = residual ? residual + batch * <usize>word(args, 10) : 0;
    if (wide) wideUnit(args, batch, c, row, rowEnd, column, columnEnd, scratch);
    else unitOf8(args, batch, c, row, rowEnd, column, columnEnd, scratch);
    const bias = <usize>word(args, 3);
    finishBlock(c, r, rowC, bias, word(args, 20), word(args, 15), row, rowEnd, column, columnEnd);
  }
}

function unitOf8(args: usize, batch: usize, c: usize, row: i32, rowEnd: i32, column: i32, columnEnd: i32, scratch: usize): void {
  multiplyUnit(args, batch, c, row, rowEnd, column, columnEnd, scratch, TILE_ROWS, 8);
}

function wideUnit(args: usize, batch: usize, c: usize, row: i32, rowEnd: i32, column: i32, columnEnd: i32, scratch: usize): void {
  multiplyUnit(args, batch, c, row, rowEnd, column, columnEnd, scratch, 6, 16);
}

/** Steps of a strip that are packed before the next strip's, so that the lines that strips share stay in the first cache. */
const STRIP_STEPS: i32 = 16;

/** Strips of `height` rows of op(A), each steps × height, for `steps` steps from `from`. */
// @ts-ignore: decorator
@inline
function packRows(
  a: usize, rowA: usize, transposed: bool, row: i32, rowEnd: i32, from: i32, steps: i32, target: usize, height: i32,
): void {
  const strip = (<usize>steps * <usize>height) << 2;
  if (!transposed) {
    for (let i = row; i < rowEnd; i += height, target += strip) {
      packAcross(a + <usize>i * rowA + (<usize>from << 2), rowA, steps, target, min(height, rowEnd - i), height);
    }
    return;
  }
  for (let step = 0; step < steps; step += STRIP_STEPS) {
    const source = a + <usize>(from + step) * rowA;
    const count = min(STRIP_STEPS, steps - step);
    let to = target + ((<usize>step * <usize>height) << 2);
    for (let i = row; i < rowEnd; i += height, to += strip) {
      packAlong(source + (<usize>i << 2), rowA, count, to, min(height, rowEnd - i), height);
    }
  }
}

/** `height`×`width`: the tile, literals. */
// @ts-ignore: decorator
@inline
function multiplyUnit(
  args: usize, batch: usize, c: usize, row: i32, rowEnd: i32, column: i32, columnEnd: i32, scratch: usize,
  height: i32, width: i32,
): void {
  const k = <i32>word(args, 6);
  const rowA = <usize>word(args, 11);
  const rowC = <usize>word(args, 12);
  const transposed = word(args, 13) != 0;
  const a = <usize>word(args, 0) + batch * <usize>word(args, 8);
  const b = <usize>word(args, 1) + batch * <usize>word(args, 9);
  const packed = scratch + RIM_BYTES;
  const rimRow = <usize>width << 2;
  let add = word(args, 14) != 0;
  for (let from = 0; from < k; from += K_STEP) {
    const steps = min(K_STEP, k - from);
    const tileBytes = (<usize>steps * <usize>height) << 2;
    packRows(a, rowA, transposed, row, rowEnd, from, steps, packed, height);
    for (let j = column; j < columnEnd; j += width) {
      const panel = b + ((<usize>(j / width) * <usize>k + <usize>from) * <usize>width << 2);
      const columns = min(width, columnEnd - j);
      let pa = packed;
      let pc = c + <usize>row * rowC + (<usize>j << 2);
      for (let i = row; i < rowEnd; i += height) {
        const rows = min(height, rowEnd - i);
        const rim = rows < height || columns < width;
        const target = rim ? scratch : pc;
        const targetRow = rim ? rimRow : rowC;
        if (rim && add) copyTile(scratch, rimRow, pc, rowC, rows, columns);
        if (width == 16) wideTile(pa, panel, steps, target, targetRow, add);
        else tile8(pa, panel, steps, target, targetRow, add);
        if (rim) copyTile(pc, rowC, scratch, rimRow, rows, columns);
        pa += tileBytes;
        pc += <usize>height * rowC;
      }
    }
    add = true;
  }
}
