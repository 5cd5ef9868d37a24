// What follows a matrix product while its result is still in cache: the bias, and the activation (0 none, 1 GELU by tanh).
import { gelu4 } from './math.as';

// @ts-ignore: decorator
@inline
function finish(x: v128, bias: v128, activation: u32): v128 {
  const y = f32x4.add(x, bias);
  return activation ? gelu4(y) : y;
}

/** row[j] = activation(row[j] + bias[j]) for `count` numbers; bias 0: none. */
export function finishRow(row: usize, bias: usize, count: i32, activation: u32): void {
  const nothing = f32x4.splat(-0.0); // x + (−0) is x, also for x = −0
  for (; count >= 4; count -= 4, row += 16) {
    v128.store(row, finish(v128.load(row), bias ? v128.load(bias) : nothing, activation));
    if (bias) bias += 16;
  }
  for (; count > 0; count--, row += 4) {
    const y = finish(v128.load32_zero(row), bias ? v128.load32_zero(bias) : nothing, activation);
    v128.store_lane<f32>(row, y, 0);
    if (bias) bias += 4;
  }
}
