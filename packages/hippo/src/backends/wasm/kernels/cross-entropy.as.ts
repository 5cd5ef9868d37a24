// crossEntropy: loss[row] = logsumexp(row) − row[target] over the first `classes` columns; crossEntropyGradient:
// dLogits = (softmax − onehot)·dLoss. Rows whose target is `ignoreIndex` have loss 0 and gradient 0; a target outside the classes
// has loss NaN. Words: logits, targets, loss, logSumExp (0: not wanted), rows, vocabulary, classes, ignoreIndex;
// dLoss, logits, targets, logSumExp, dLogits (may be the logits), rows, vocabulary, classes, ignoreIndex.
// crossEntropyInPlace: both at once, the logits replaced by their gradient, a row at a time while it is in the second cache, and
// one exponential an element: e^{x − largest} is kept and then scaled by dLoss over their sum.
// Words: dLoss, logits, targets, loss (0: not wanted), rows, vocabulary, classes, ignoreIndex.
// Rows are shared out among the parts. No probability is stored: the forward pass reads a row twice, the gradient once.
import { exponential, logarithm } from './exp.as';
import { rowMax } from './reduce-row.as';
import { word } from './simd.as';
import { scaleRow, storeExponentials, sumExponentials } from './softmax-row.as';

export function crossEntropy(args: usize, part: i32, parts: i32): void {
  const logSumExp: usize = word(args, 3);
  const rows = <i64>word(args, 4);
  const vocabulary: usize = word(args, 5);
  const classes = <i32>word(args, 6);
  const ignored = <i32>word(args, 7);
  const last = <i32>((rows * (part + 1)) / parts);
  for (let row = <i32>((rows * part) / parts); row < last; row++) {
    const x = <usize>word(args, 0) + ((<usize>row * vocabulary) << 2);
    const at = (<usize>row) << 2;
    const target = load<i32>(<usize>word(args, 1) + at);
    const largest = rowMax(x, classes);
    const total = sumExponentials(x, classes, largest);
    // The largest entry adds 1 to the total, so anything below is a NaN (also from a row of −∞).
    const logTotal = total >= 1 ? f64x2.extract_lane(logarithm(f64x2.splat(total)), 0) : NaN;
    const whole = <f64>largest + logTotal;
    if (logSumExp) store<f32>(logSumExp + at, <f32>whole);
    let loss: f64 = 0;
    if (target != ignored) {
      // largest − row[target] first: the difference is the answer's size, the two terms may be far larger.
      loss = <u32>target < <u32>classes ? logTotal + (<f64>largest - <f64>load<f32>(x + ((<usize>target) << 2))) : NaN;
    }
    store<f32>(<usize>word(args, 2) + at, <f32>loss);
  }
}

export function crossEntropyGradient(args: usize, part: i32, parts: i32): void {
  const rows = <i64>word(args, 5);
  const vocabulary: usize = word(args, 6);
  const classes = <i32>word(args, 7);
  const ignored = <i32>word(args, 8);
  const last = <i32>((rows * (part + 1)) / parts);
  for (let row = <i32>((rows * part) / parts); row < last; row++) {
    const begin = (<usize>row * vocabulary) << 2;
    const at = (<usize>row) << 2;
    const dx = <usize>word(args, 4) + begin;
    const target = load<i32>(<usize>word(args, 2) + at);
    if (target == ignored) {
      memory.fill(dx, 0, vocabulary << 2);
      continue;
    }
    const g = load<f32>(<usize>word(args, 0) + at);
    gradientRow(<usize>word(args, 1) + begin, dx, classes, load<f32>(<usize>word(args, 3) + at), g);
    if (<u32>target < <u32>classes) {
      const p = dx + ((<usize>target) << 2);
      store<f32>(p, load<f32>(p) - g);
    }
    memory.fill(dx + ((<usize>classes) << 2), 0, (vocabulary - <usize>classes) << 2);
  }
}

export function crossEntropyInPlace(args: usize, part: i32, parts: i32): void {
  const losses: usize = word(args, 3);
  const rows = <i64>word(args, 4);
  const vocabulary: usize = word(args, 5);
  const classes = <i32>word(args, 6);
  const ignored = <i32>word(args, 7);
  const last = <i32>((rows * (part + 1)) / parts);
  for (let row = <i32>((rows * part) / parts); row < last; row++) {
    const x = <usize>word(args, 1) + ((<usize>row * vocabulary) << 2);
    const at = (<usize>row) << 2;
    const target = load<i32>(<usize>word(args, 2) + at);
    if (target == ignored) {
      if (losses) store<f32>(losses + at, 0);
      memory.fill(x, 0, vocabulary << 2);
      continue;
    }
    const g = load<f32>(<usize>word(args, 0) + at);
    const largest = rowMax(x, classes);
    const known = <u32>target < <u32>classes;
    const place = x + ((<usize>target) << 2);
    const distance: f64 = known ? <f64>largest - <f64>load<f32>(place) : NaN; // before the row is overwritten
    const total = storeExponentials(x, x, classes, largest);
    const regular = total >= 1; // see crossEntropy
    if (losses) store<f32>(losses + at, regular ? <f32>(f64x2.extract_lane(logarithm(f64x2.splat(total)), 0) + distance) : f32.NaN);
    scaleRow(x, x, classes, regular ? <f32>(<f64>g / total) : f32.NaN);
    if (known) store<f32>(place, load<f32>(place) - g);
    memory.fill(x + ((<usize>classes) << 2), 0, (vocabulary - <usize>classes) << 2);
  }
}

/** dx = e^{x − logSumExp}·g; dx may be x. */
function gradientRow(x: usize, dx: usize, classes: i32, logSumExp: f32, g: f32): void {
  const shifts = f32x4.splat(logSumExp);
  const factors = f32x4.splat(g);
  const end = x + ((<usize>classes) << 2);
  while (x + 16 <= end) {
    v128.store(dx, f32x4.mul(exponential(f32x4.sub(v128.load(x), shifts)), factors));
    x += 16;
    dx += 16;
  }
  while (x < end) {
    store<f32>(dx, f32x4.extract_lane(exponential(f32x4.splat(load<f32>(x) - logSumExp)), 0) * g);
    x += 4;
    dx += 4;
  }
}
