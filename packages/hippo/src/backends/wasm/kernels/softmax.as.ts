// softmax: y = e^{x − max}/Σ e^{x − max} along each row; softmaxGradient: dx = y ⊙ (dy − Σ dy ⊙ y). A row of −∞ only gives NaN.
// Words: x, y, rows, width; y, dy, dx, rows, width. Both may write over their last input. Rows are shared out among the parts;
// a row is read three times (twice for the gradient), all but the first from cache.
import { rowMax } from './reduce-row.as';
import { madd, sumLanes, word } from './simd.as';
import { scaleRow, storeExponentials } from './softmax-row.as';

export function softmax(args: usize, part: i32, parts: i32): void {
  const rows = <i64>word(args, 2);
  const width = <i32>word(args, 3);
  const last = <i32>((rows * (part + 1)) / parts);
  for (let row = <i32>((rows * part) / parts); row < last; row++) {
    const at = (<usize>row * width) << 2;
    const x = <usize>word(args, 0) + at;
    const y = <usize>word(args, 1) + at;
    const total = storeExponentials(x, y, width, rowMax(x, width));
    scaleRow(y, y, width, <f32>(1 / total));
  }
}

export function softmaxGradient(args: usize, part: i32, parts: i32): void {
  const rows = <i64>word(args, 3);
  const width = <i32>word(args, 4);
  const last = <i32>((rows * (part + 1)) / parts);
  for (let row = <i32>((rows * part) / parts); row < last; row++) {
    const at = (<usize>row * width) << 2;
    gradientRow(<usize>word(args, 0) + at, <usize>word(args, 1) + at, <usize>word(args, 2) + at, width);
  }
}

function gradientRow(y: usize, dy: usize, dx: usize, width: i32): void {
  const whole = (<usize>(width & ~3)) << 2;
  const bytes = (<usize>width) << 2;
  let a = f32x4.splat(0);
  let b = a;
  let i: usize = 0;
  for (; i + 16 < whole; i += 32) {
    a = madd(v128.load(y + i), v128.load(dy + i), a);
    b = madd(v128.load(y + i, 16), v128.load(dy + i, 16), b);
  }
  if (i < whole) a = madd(v128.load(y + i), v128.load(dy + i), a);
  let dot = sumLanes(f32x4.add(a, b));
  for (i = whole; i < bytes; i += 4) dot += load<f32>(y + i) * load<f32>(dy + i);
  const dots = f32x4.splat(dot);
  for (i = 0; i < whole; i += 16) {
    v128.store(dx + i, f32x4.mul(v128.load(y + i), f32x4.sub(v128.load(dy + i), dots)));
  }
  for (; i < bytes; i += 4) store<f32>(dx + i, load<f32>(y + i) * (load<f32>(dy + i) - dot));
}
