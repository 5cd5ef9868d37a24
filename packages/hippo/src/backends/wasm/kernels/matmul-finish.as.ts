// What follows a matrix product while its result is still in cache: bias, activation (0 none, 1 GELU by tanh), residual.
import { gelu4 } from './math.as';

export const BIAS_OF_COLUMNS: u32 = 1;
export const BIAS_OF_ROWS: u32 = 2;

// @ts-ignore: decorator
@inline
function finish(x: v128, bias: v128, activation: u32): v128 {
  const y = f32x4.add(x, bias);
  return activation ? gelu4(y) : y;
}

/**
 * row[j] = activation(row[j] + bias[j]) + residual[j] for `count` numbers. `step` is the bytes from one bias to the next:
 * 4 for a bias of columns, 0 for one number for the whole row. bias 0, residual 0: none.
 */
export function finishRow(row: usize, bias: usize, step: usize, residual: usize, count: i32, activation: u32): void {
  let b = f32x4.splat(-0.0); // x + (−0) is x, also for x = −0
  if (bias && step == 0) b = v128.load32_splat(bias);
  const varies = bias != 0 && step != 0;
  for (; count >= 4; count -= 4, row += 16) {
    if (varies) {
      b = v128.load(bias);
      bias += 16;
    }
    let y = finish(v128.load(row), b, activation);
    if (residual) {
      y = f32x4.add(y, v128.load(residual));
      residual += 16;
    }
    v128.store(row, y);
  }
  for (; count > 0; count--, row += 4) {
    if (varies) {
      b = v128.load32_zero(bias);
      bias += 4;
    }
    let y = finish(v128.load32_zero(row), b, activation);
    if (residual) {
      y = f32x4.add(y, v128.load32_zero(residual));
      residual += 4;
    }
    v128.store_lane<f32>(row, y, 0);
  }
}

/**
 * Finishes rows [row, rowEnd), columns [column, columnEnd) of a batch whose result starts at c and residual at r (0: none),
 * rows `rowC` bytes apart.
 */
export function finishBlock(
  c: usize, r: usize, rowC: usize, bias: usize, biasKind: u32, activation: u32,
  row: i32, rowEnd: i32, column: i32, columnEnd: i32,
): void {
  if (activation == 0 && bias == 0 && r == 0) return;
  const at = <usize>column << 2;
  for (let i = row; i < rowEnd; i++) {
    const offset = <usize>i * rowC + at;
    const rowBias = bias == 0 ? 0 : biasKind == BIAS_OF_ROWS ? bias + (<usize>i << 2) : bias + at;
    const step: usize = biasKind == BIAS_OF_ROWS ? 0 : 4;
    finishRow(c + offset, rowBias, step, r ? r + offset : 0, columnEnd - column, activation);
  }
}
