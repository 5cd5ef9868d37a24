// matmulTiles: C = op(A)·op(B) for packed B, by tiles of 4×8 (matmul-tile.as.ts). A unit of work is a block of rows and
// columns of one batch; parts take ranges of units. Inside a unit k runs in steps of 256, so that a panel of B (8 KiB) stays
// in the first cache while the rows pass over it, and those rows' piece of A in the second.
//
// Each element of C is one chain of multiply-adds over a k step, added to what the steps before left in C: the same numbers
// whatever the blocks are.
import { packAlong } from './matmul-pack.as';
import { tilePacked, tileRows } from './matmul-tile.as';
import { finishRow } from './matmul-finish.as';
import { word } from './simd.as';

const K_STEP: i32 = 256;
const NO_FINISH: u32 = 0;

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
 * 16 rows and 17 columns of a unit (multiples of 4 and 8), 18 scratch, 19 bytes of scratch a part.
 */
export function matmulTiles(args: usize, part: i32, parts: i32): void {
  const m = <i32>word(args, 4);
  const n = <i32>word(args, 5);
  const rowStep = <i32>word(args, 16);
  const columnStep = <i32>word(args, 17);
  const rowUnits = (m + rowStep - 1) / rowStep;
  const columnUnits = (n + columnStep - 1) / columnStep;
  const units = <i64>word(args, 7) * rowUnits * columnUnits;
  const last = <i32>((units * (part + 1)) / parts);
  const scratch = <usize>word(args, 18) + <usize>part * <usize>word(args, 19);
  for (let unit = <i32>((units * part) / parts); unit < last; unit++) {
    const column = (unit % columnUnits) * columnStep;
    const rest = unit / columnUnits;
    const row = (rest % rowUnits) * rowStep;
    const batch = <usize>(rest / rowUnits);
    multiplyUnit(args, batch, row, min(m, row + rowStep), column, min(n, column + columnStep), scratch);
  }
}

function multiplyUnit(args: usize, batch: usize, row: i32, rowEnd: i32, column: i32, columnEnd: i32, scratch: usize): void {
  const k = <i32>word(args, 6);
  const rowA = <usize>word(args, 11);
  const rowC = <usize>word(args, 12);
  const packsA = word(args, 13) != 0;
  const a = <usize>word(args, 0) + batch * <usize>word(args, 8);
  const b = <usize>word(args, 1) + batch * <usize>word(args, 9);
  const c = <usize>word(args, 2) + batch * <usize>word(args, 10);
  const packed = scratch + 128; // after a 4×8 buffer for tiles at the rim
  let add = word(args, 14) != 0;
  for (let from = 0; from < k; from += K_STEP) {
    const steps = min(K_STEP, k - from);
    if (packsA) {
      for (let i = row, to = packed; i < rowEnd; i += 4, to += <usize>steps << 4) {
        packAlong(a + <usize>from * rowA + (<usize>i << 2), rowA, steps, to, min(4, rowEnd - i), 4);
      }
    }
    for (let j = column; j < columnEnd; j += 8) {
      const panel = b + (<usize>(j >> 3) * <usize>k << 5) + (<usize>from << 5);
      const columns = min(8, columnEnd - j);
      let pa = packsA ? packed : a + <usize>row * rowA + (<usize>from << 2);
      let pc = c + <usize>row * rowC + (<usize>j << 2);
      for (let i = row; i < rowEnd; i += 4) {
        const rows = min(4, rowEnd - i);
        const rim = rows < 4 || columns < 8;
        const target = rim ? scratch : pc;
        const targetRow = rim ? 32 : rowC;
        if (rim && add) copyTile(scratch, 32, pc, rowC, rows, columns);
        if (packsA) {
          tilePacked(pa, panel, steps, target, targetRow, add);
          pa += <usize>steps << 4;
        } else {
          // Rows past the end repeat the last one.
          const a1 = rows > 1 ? pa + rowA : pa;
          const a2 = rows > 2 ? a1 + rowA : a1;
          const a3 = rows > 3 ? a2 + rowA : a2;
          tileRows(pa, a1, a2, a3, panel, steps, target, targetRow, add);
          pa = a3 + rowA;
        }
        if (rim) copyTile(pc, rowC, scratch, 32, rows, columns);
        pc += 4 * rowC;
      }
    }
    add = true;
  }
  const activation = word(args, 15);
  const bias = <usize>word(args, 3);
  if (activation == NO_FINISH && bias == 0) return;
  for (let i = row; i < rowEnd; i++) {
    const at = <usize>column << 2;
    finishRow(c + <usize>i * rowC + at, bias ? bias + at : 0, columnEnd - column, activation);
  }
}
