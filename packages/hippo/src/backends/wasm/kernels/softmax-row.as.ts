// Exponentials of one row relative to a shift, and their sum: what softmax and cross-entropy have in common.
import { exponential } from './exp.as';
import { sumLanes } from './simd.as';

const BLOCK: i32 = 1024; // floats added in single precision before the sum moves to double

// Σ e^{x − shift} over `count` ≤ BLOCK floats, kept at `y` where `keep` (a literal, resolved at build time).
// @ts-ignore: decorator
@inline
function blockExponentials(keep: bool, x: usize, y: usize, count: i32, shift: f32): f32 {
  const shifts = f32x4.splat(shift);
  let a = f32x4.splat(0);
  let b = a;
  const end = x + ((<usize>count) << 2);
  while (x + 32 <= end) {
    const e = exponential(f32x4.sub(v128.load(x), shifts));
    const f = exponential(f32x4.sub(v128.load(x, 16), shifts));
    a = f32x4.add(a, e);
    b = f32x4.add(b, f);
    if (keep) {
      v128.store(y, e);
      v128.store(y, f, 16);
    }
    x += 32;
    y += 32;
  }
  let total = sumLanes(f32x4.add(a, b));
  while (x < end) {
    const e = f32x4.extract_lane(exponential(f32x4.splat(load<f32>(x) - shift)), 0);
    total += e;
    if (keep) store<f32>(y, e);
    x += 4;
    y += 4;
  }
  return total;
}

/** Stores e^{x − shift} of `count` floats at `y`, which may be x, and returns their sum. */
export function storeExponentials(x: usize, y: usize, count: i32, shift: f32): f64 {
  let total: f64 = 0;
  for (let i = 0; i < count; i += BLOCK) {
    const at = (<usize>i) << 2;
    total += <f64>blockExponentials(true, x + at, y + at, min(BLOCK, count - i), shift);
  }
  return total;
}

/** Σ e^{x − shift} over `count` floats. */
export function sumExponentials(x: usize, count: i32, shift: f32): f64 {
  let total: f64 = 0;
  for (let i = 0; i < count; i += BLOCK) {
    total += <f64>blockExponentials(false, x + ((<usize>i) << 2), 0, min(BLOCK, count - i), shift);
  }
  return total;
}

/** y = x·factor over `count` floats; y may be x. */
export function scaleRow(x: usize, y: usize, count: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  const end = x + ((<usize>count) << 2);
  while (x + 16 <= end) {
    v128.store(y, f32x4.mul(v128.load(x), factors));
    x += 16;
    y += 16;
  }
  while (x < end) {
    store<f32>(y, load<f32>(x) * factor);
    x += 4;
    y += 4;
  }
}
