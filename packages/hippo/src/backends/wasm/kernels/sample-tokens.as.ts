// sampleTokens: a token for each row of scores, by ops/sample-tokens.ts. Words: scores, random, token, logProbability, rows, columns,
// classes, temperature, topK, topP, minP, workspace, workspace bytes a part. Rows are shared out among the parts.
// Both counting cuts look for the smallest key that a running mass still needs, a bit at a time from the top: 32 passes over a row.
// Generation on this backend samples on the host instead (generate/candidates.ts), which needs three; this is for graphs of users.
import { real, word } from './simd.as';

export function sampleTokens(args: usize, part: i32, parts: i32): void {
  const rows = <i64>word(args, 4);
  const columns: usize = word(args, 5);
  const weights: usize = word(args, 11) + <usize>part * <usize>word(args, 12);
  const last = <i32>((rows * (part + 1)) / parts);
  for (let row = <i32>((rows * part) / parts); row < last; row++) {
    const scores = <usize>word(args, 0) + ((<usize>row * columns) << 2);
    sampleRow(args, row, scores, weights);
  }
}

function sampleRow(args: usize, row: i32, scores: usize, weights: usize): void {
  const classes = <i32>word(args, 6);
  const temperature = <f64>real(args, 7);
  const at = (<usize>row) << 2;
  let token = highest(scores, classes);
  let logProbability = NaN;
  if (token >= 0) {
    const top = <f64>load<f32>(scores + ((<usize>token) << 2));
    if (temperature != 0 && word(args, 8) != 1) {
      weigh(scores, classes, top, temperature, <i32>word(args, 8), weights);
      keepMass(weights, classes, <f64>real(args, 9));
      token = draw(weights, classes, real(args, 10), <usize>word(args, 1) + 2 * at);
    }
    let sum: f64 = 0;
    for (let i = 0; i < classes; i++) sum += Math.exp(<f64>load<f32>(scores + ((<usize>i) << 2)) - top);
    logProbability = <f64>load<f32>(scores + ((<usize>token) << 2)) - top - Math.log(sum);
  }
  store<i32>(<usize>word(args, 2) + at, token);
  store<f32>(<usize>word(args, 3) + at, <f32>logProbability);
}

/** The first of the highest scores; −1 where a score is NaN or +∞, or all are −∞. */
function highest(scores: usize, classes: i32): i32 {
  let best = -1;
  let top = -f32.MAX_VALUE;
  for (let i = 0; i < classes; i++) {
    const score = load<f32>(scores + ((<usize>i) << 2));
    if (!(score < Infinity)) return -1;
    if (score > top || (best < 0 && score == top)) {
      best = i;
      top = score;
    }
  }
  return best;
}

/** Weights of the k highest scores, 0 for the others. */
function weigh(scores: usize, classes: i32, top: f64, temperature: f64, k: i32, weights: usize): void {
  let bound: u32 = 0;
  let ties = classes;
  if (k < classes) {
    for (let bit = 31; bit >= 0; bit--) {
      const candidate = bound | (1 << bit);
      if (countFrom(scores, classes, candidate) >= k) bound = candidate;
    }
    ties = k - countFrom(scores, classes, bound + 1);
  }
  for (let i = 0; i < classes; i++) {
    const at = (<usize>i) << 2;
    const score = load<f32>(scores + at);
    const key = keyOf(score);
    const kept = key > bound || (key == bound && ties > 0);
    if (kept && key == bound) ties--;
    store<f32>(weights + at, kept ? <f32>Math.exp((<f64>score - top) / temperature) : 0);
  }
}

function countFrom(scores: usize, classes: i32, bound: u32): i32 {
  let count = 0;
  for (let i = 0; i < classes; i++) count += i32(keyOf(load<f32>(scores + ((<usize>i) << 2))) >= bound);
  return count;
}

/** Unsigned integers in the order of the scores; −0 is 0. */
// @ts-ignore: decorator
@inline
function keyOf(score: f32): u32 {
  const bits = reinterpret<u32>(score + 0);
  return bits >> 31 ? ~bits : bits | 0x80000000;
}

/** Makes 0 of all but the fewest weights, from the heaviest on, that add up to the share p. */
function keepMass(weights: usize, classes: i32, p: f64): void {
  if (p >= 1) return;
  const target = p * massFrom(weights, classes, 0);
  let bound: u32 = 0;
  for (let bit = 31; bit >= 0; bit--) {
    const candidate = bound | (1 << bit);
    if (massFrom(weights, classes, candidate) >= target) bound = candidate;
  }
  let rest = target - massFrom(weights, classes, bound + 1);
  for (let i = 0; i < classes; i++) {
    const at = weights + ((<usize>i) << 2);
    const bits = load<u32>(at);
    if (bits == bound && rest > 0) rest -= <f64>load<f32>(at);
    else if (bits <= bound) store<f32>(at, 0);
  }
}

function massFrom(weights: usize, classes: i32, bound: u32): f64 {
  let mass: f64 = 0;
  for (let i = 0; i < classes; i++) {
    const at = weights + ((<usize>i) << 2);
    if (load<u32>(at) >= bound) mass += <f64>load<f32>(at);
  }
  return mass;
}

function draw(weights: usize, classes: i32, least: f32, random: usize): i32 {
  let total: f64 = 0;
  for (let i = 0; i < classes; i++) {
    const weight = load<f32>(weights + ((<usize>i) << 2));
    if (weight >= least) total += <f64>weight;
  }
  const u = (<f64>load<u32>(random) * 2097152 + <f64>(load<u32>(random, 4) >> 11)) * 1.1102230246251565e-16; // 2^−53
  let rest = u * total;
  let last = 0;
  for (let i = 0; i < classes; i++) {
    const weight = load<f32>(weights + ((<usize>i) << 2));
    if (!(weight >= least && weight > 0)) continue;
    last = i;
    rest -= <f64>weight;
    if (rest < 0) break;
  }
  return last;
}
