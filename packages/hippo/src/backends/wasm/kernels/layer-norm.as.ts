// layerNorm: y = (x − mean)·d·weight + bias along each row, d = (variance + ε)^{−1/2}, the variance in a second pass over the
// differences. layerNormGradient: with n = (x − mean)·d and g = dy ⊙ weight, dx = d·(g − mean(g) − n·mean(g ⊙ n)),
// dWeight = Σ dy ⊙ n and dBias = Σ dy over the rows.
// Words: x, weight, bias, y, mean (0: not wanted), inverse deviation (0: not wanted), rows, width, ε (real);
// dy, x, weight, mean, inverse deviation, dx, weight sums, bias sums, rows, width, block.
// The gradient's sums are [⌈rows/block⌉, width], to be added up by reduceColumns: `block` rows a unit of work, so that the order of
// additions does not depend on the number of parts. Rows stay in the first cache between passes; bound by memory.
// Lost in the gradient, at 4096 × 256: two rows at a time, to halve the loads and stores of its sums (0.61 against 0.55 ms); a row's
// dx and the next row's sums in one loop, to overlap arithmetic and memory (0.68 against 0.50).
import { rowSum } from './reduce-row.as';
import { madd, nmadd, sumLanes, word, real } from './simd.as';

export function layerNorm(args: usize, part: i32, parts: i32): void {
  const means: usize = word(args, 4);
  const deviations: usize = word(args, 5);
  const rows = <i64>word(args, 6);
  const width = <i32>word(args, 7);
  const epsilon = <f64>real(args, 8);
  const last = <i32>((rows * (part + 1)) / parts);
  for (let row = <i32>((rows * part) / parts); row < last; row++) {
    const at = (<usize>row * width) << 2;
    const x = <usize>word(args, 0) + at;
    const mean = <f32>(<f64>rowSum(x, width) / <f64>width);
    const variance = <f64>squaredDifferences(x, width, mean) / <f64>width;
    const deviation = <f32>(1 / Math.sqrt(variance + epsilon));
    if (means) store<f32>(means + ((<usize>row) << 2), mean);
    if (deviations) store<f32>(deviations + ((<usize>row) << 2), deviation);
    normalise(x, word(args, 1), word(args, 2), <usize>word(args, 3) + at, width, mean, deviation);
  }
}

function squaredDifferences(x: usize, width: i32, mean: f32): f32 {
  const means = f32x4.splat(mean);
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const end = x + ((<usize>width) << 2);
  while (x + 64 <= end) {
    const u0 = f32x4.sub(v128.load(x), means);
    const u1 = f32x4.sub(v128.load(x, 16), means);
    const u2 = f32x4.sub(v128.load(x, 32), means);
    const u3 = f32x4.sub(v128.load(x, 48), means);
    a = madd(u0, u0, a);
    b = madd(u1, u1, b);
    c = madd(u2, u2, c);
    d = madd(u3, u3, d);
    x += 64;
  }
  while (x + 16 <= end) {
    const u = f32x4.sub(v128.load(x), means);
    a = madd(u, u, a);
    x += 16;
  }
  let total = sumLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
  while (x < end) {
    const u = load<f32>(x) - mean;
    total += u * u;
    x += 4;
  }
  return total;
}

function normalise(x: usize, weight: usize, bias: usize, y: usize, width: i32, mean: f32, deviation: f32): void {
  const means = f32x4.splat(mean);
  const deviations = f32x4.splat(deviation);
  const whole = (<usize>(width & ~3)) << 2;
  const bytes = (<usize>width) << 2;
  let i: usize = 0;
  for (; i + 16 < whole; i += 32) {
    const n = f32x4.mul(f32x4.sub(v128.load(x + i), means), deviations);
    const m = f32x4.mul(f32x4.sub(v128.load(x + i, 16), means), deviations);
    v128.store(y + i, madd(n, v128.load(weight + i), v128.load(bias + i)));
    v128.store(y + i, madd(m, v128.load(weight + i, 16), v128.load(bias + i, 16)), 16);
  }
  if (i < whole) {
    const n = f32x4.mul(f32x4.sub(v128.load(x + i), means), deviations);
    v128.store(y + i, madd(n, v128.load(weight + i), v128.load(bias + i)));
    i += 16;
  }
  for (; i < bytes; i += 4) {
    store<f32>(y + i, (load<f32>(x + i) - mean) * deviation * load<f32>(weight + i) + load<f32>(bias + i));
  }
}

export function layerNormGradient(args: usize, part: i32, parts: i32): void {
  const rows = <i32>word(args, 8);
  const width = <i32>word(args, 9);
  const block = <i32>word(args, 10);
  const bytes = (<usize>width) << 2;
  const units = <i64>((rows + block - 1) / block);
  const last = <i32>((units * (part + 1)) / parts);
  for (let unit = <i32>((units * part) / parts); unit < last; unit++) {
    const weightSums = <usize>word(args, 6) + <usize>unit * bytes;
    const biasSums = <usize>word(args, 7) + <usize>unit * bytes;
    memory.fill(weightSums, 0, bytes);
    memory.fill(biasSums, 0, bytes);
    const end = min((unit + 1) * block, rows);
    for (let row = unit * block; row < end; row++) {
      const at = <usize>row * bytes;
      const mean = load<f32>(<usize>word(args, 3) + ((<usize>row) << 2));
      const deviation = load<f32>(<usize>word(args, 4) + ((<usize>row) << 2));
      const dy = <usize>word(args, 0) + at;
      gradientRow(dy, <usize>word(args, 1) + at, word(args, 2), <usize>word(args, 5) + at, weightSums, biasSums, width, mean, deviation);
    }
  }
}

/** dx = d·(dy ⊙ weight) − d·sum − (x − mean)·d²·product. */
// @ts-ignore: decorator
@inline
function inputGradient(dy: usize, x: usize, weight: usize, dx: usize, width: i32, mean: f32, d: f32, sum: f32, product: f32): void {
  const whole = (<usize>(width & ~3)) << 2;
  const bytes = (<usize>width) << 2;
  const shift = -d * sum;
  const factor = d * d * product;
  const means = f32x4.splat(mean);
  const deviations = f32x4.splat(d);
  const shifts = f32x4.splat(shift);
  const factors = f32x4.splat(factor);
  let i: usize = 0;
  for (; i + 16 < whole; i += 32) {
    const p = dy + i;
    const u = x + i;
    const c = weight + i;
    const g = madd(f32x4.mul(v128.load(p), deviations), v128.load(c), shifts);
    const h = madd(f32x4.mul(v128.load(p, 16), deviations), v128.load(c, 16), shifts);
    const r = nmadd(f32x4.sub(v128.load(u), means), factors, g);
    const t = nmadd(f32x4.sub(v128.load(u, 16), means), factors, h);
    v128.store(dx + i, r);
    v128.store(dx + i, t, 16);
  }
  if (i < whole) {
    const g = madd(f32x4.mul(v128.load(dy + i), deviations), v128.load(weight + i), shifts);
    v128.store(dx + i, nmadd(f32x4.sub(v128.load(x + i), means), factors, g));
    i += 16;
  }
  for (; i < bytes; i += 4) {
    const g = load<f32>(dy + i) * d * load<f32>(weight + i) + shift;
    store<f32>(dx + i, g - (load<f32>(x + i) - mean) * factor);
  }
}

function gradientRow(dy: usize, x: usize, weight: usize, dx: usize, dWeight: usize, dBias: usize, width: i32, mean: f32, deviation: f32): void {
  const means = f32x4.splat(mean);
  const deviations = f32x4.splat(deviation);
  const whole = (<usize>(width & ~3)) << 2;
  const bytes = (<usize>width) << 2;
  let sums = f32x4.splat(0);
  let products = sums;
  let sums2 = sums;
  let products2 = sums;
  let i: usize = 0;
  for (; i + 16 < whole; i += 32) {
    const slope = v128.load(dy + i);
    const n = f32x4.mul(f32x4.sub(v128.load(x + i), means), deviations);
    v128.store(dWeight + i, madd(slope, n, v128.load(dWeight + i)));
    v128.store(dBias + i, f32x4.add(slope, v128.load(dBias + i)));
    const g = f32x4.mul(slope, v128.load(weight + i));
    sums = f32x4.add(sums, g);
    products = madd(g, n, products);
    const slope2 = v128.load(dy + i, 16);
    const n2 = f32x4.mul(f32x4.sub(v128.load(x + i, 16), means), deviations);
    v128.store(dWeight + i, madd(slope2, n2, v128.load(dWeight + i, 16)), 16);
    v128.store(dBias + i, f32x4.add(slope2, v128.load(dBias + i, 16)), 16);
    const g2 = f32x4.mul(slope2, v128.load(weight + i, 16));
    sums2 = f32x4.add(sums2, g2);
    products2 = madd(g2, n2, products2);
  }
  if (i < whole) {
    const slope = v128.load(dy + i);
    const n = f32x4.mul(f32x4.sub(v128.load(x + i), means), deviations);
    v128.store(dWeight + i, madd(slope, n, v128.load(dWeight + i)));
    v128.store(dBias + i, f32x4.add(slope, v128.load(dBias + i)));
    const g = f32x4.mul(slope, v128.load(weight + i));
    sums = f32x4.add(sums, g);
    products = madd(g, n, products);
    i += 16;
  }
  let sum = sumLanes(f32x4.add(sums, sums2));
  let product = sumLanes(f32x4.add(products, products2));
  for (; i < bytes; i += 4) {
    const slope = load<f32>(dy + i);
    const n = (load<f32>(x + i) - mean) * deviation;
    store<f32>(dWeight + i, load<f32>(dWeight + i) + slope * n);
    store<f32>(dBias + i, load<f32>(dBias + i) + slope);
    const g = slope * load<f32>(weight + i);
    sum += g;
    product += g * n;
  }
  inputGradient(dy, x, weight, dx, width, mean, deviation, sum / <f32>width, product / <f32>width);
}
