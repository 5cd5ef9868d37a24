// matmulTiles and matmulWideTiles: C = op(A)·op(B) for packed B, by tiles of 4×8 (matmul-tile.as.ts) or 6×16
// (matmul-wide-tile.as.ts). A unit of work is a block of rows and columns of one batch; parts take ranges of units. Inside a
// unit k runs in steps of 256, so that a panel of B (8 or 16 KiB) stays in the first cache while the rows pass over it, and
// those rows' piece of A in the second.
//
// Each element of C is one chain of multiply-adds over a k step, added to what the steps before left in C: the same numbers
// whatever the blocks and tiles are.
import { finishBlock } from './matmul-finish.as';
import { packAlong } from './matmul-pack.as';
import { tilePacked, tileRows } from './matmul-tile.as';
import { wideTilePacked, wideTileRows } from './matmul-wide-tile.as';
import { word } from './simd.as';

const K_STEP: i32 = 256;
const RIM_BYTES: usize = 384; // a tile of either size

/** Copies a tile's valid part between C and a 4×8 buffer. */
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
 * 16 rows and 17 columns of a unit (multiples of the tile's), 18 scratch, 19 bytes of scratch a part, 20 kind of bias,
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
    else unitOf4(args, batch, c, row, rowEnd, column, columnEnd, scratch);
    const bias = <usize>word(args, 3);
    finishBlock(c, r, rowC, bias, word(args, 20), word(args, 15), row, rowEnd, column, columnEnd);
  }
}

function unitOf4(args: usize, batch: usize, c: usize, row: i32, rowEnd: i32, column: i32, columnEnd: i32, scratch: usize): void {
  multiplyUnit(args, batch, c, row, rowEnd, column, columnEnd, scratch, 4, 8);
}

function wideUnit(args: usize, batch: usize, c: usize, row: i32, rowEnd: i32, column: i32, columnEnd: i32, scratch: usize): void {
  multiplyUnit(args, batch, c, row, rowEnd, column, columnEnd, scratch, 6, 16);
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
  const packsA = word(args, 13) != 0;
  const a = <usize>word(args, 0) + batch * <usize>word(args, 8);
  const b = <usize>word(args, 1) + batch * <usize>word(args, 9);
  const packed = scratch + RIM_BYTES;
  const rimRow = <usize>width << 2;
  let add = word(args, 14) != 0;
  for (let from = 0; from < k; from += K_STEP) {
    const steps = min(K_STEP, k - from);
    const tileBytes = (<usize>steps * <usize>height) << 2;
    if (packsA) {
      for (let i = row, to = packed; i < rowEnd; i += height, to += tileBytes) {
        packAlong(a + <usize>from * rowA + (<usize>i << 2), rowA, steps, to, min(height, rowEnd - i), height);
      }
    }
    for (let j = column; j < columnEnd; j += width) {
      const panel = b + ((<usize>(j / width) * <usize>k + <usize>from) * <usize>width << 2);
      const columns = min(width, columnEnd - j);
      let pa = packsA ? packed : a + <usize>row * rowA + (<usize>from << 2);
      let pc = c + <usize>row * rowC + (<usize>j << 2);
      for (let i = row; i < rowEnd; i += height) {
        const rows = min(height, rowEnd - i);
        const rim = rows < height || columns < width;
        const target = rim ? scratch : pc;
        const targetRow = rim ? rimRow : rowC;
        if (rim && add) copyTile(scratch, rimRow, pc, rowC, rows, columns);
        if (packsA) {
          if (height == 6) wideTilePacked(pa, panel, steps, target, targetRow, add);
          else tilePacked(pa, panel, steps, target, targetRow, add);
          pa += tileBytes;
        } else {
          // Rows past the end repeat the last one.
          const a1 = rows > 1 ? pa + rowA : pa;
          const a2 = rows > 2 ? a1 + rowA : a1;
          const a3 = rows > 3 ? a2 + rowA : a2;
          if (height == 6) {
            const a4 = rows > 4 ? a3 + rowA : a3;
            const a5 = rows > 5 ? a4 + rowA : a4;
            wideTileRows(pa, a1, a2, a3, a4, a5, panel, steps, target, targetRow, add);
          } else tileRows(pa, a1, a2, a3, panel, steps, target, targetRow, add);
          pa += <usize>height * rowA;
        }
        if (rim) copyTile(pc, rowC, scratch, rimRow, rows, columns);
        pc += <usize>height * rowC;
      }
    }
    add = true;
  }
}
