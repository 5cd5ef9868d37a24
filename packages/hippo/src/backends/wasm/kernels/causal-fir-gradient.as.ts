// causalFirGradient. With x = [state | u] and dy zero outside its row, for p over x:
//   dx[p] = Σ_j taps[j]·dy[p − (M − 1) + j] + dEndState[p − L]   (→ dState for p < M − 1, else du, plus skip·dy)
//   dTaps[j] = Σ_{b,t} dy[t]·x[M − 1 + t − j],   dSkip = Σ_{b,t} dy[t]·u[t]
// Words: D B L M, dy dEndState u taps skip state, du dTaps dSkip dState, workspace, bytes a part; 0 = not given or not wanted.
// Sums over time run in f32 within pieces of 256 and in f64 across pieces and rows. Channels are shared out among the parts.
import { addScaled } from './causal-fir.as';
import { correlate, dot, gather } from './causal-fir-correlate.as';
import { word } from './simd.as';

const PIECE: i32 = 1024;
const SUM_PIECE: i32 = 256;

/** out[0..count) = dx[begin .. begin + count). */
export function inputGradient(
  out: usize, begin: i32, count: i32, dy: usize, dEnd: usize, length: i32, w: usize, taps: i32, scratch: usize, piece: usize,
): void {
  const lead = taps - 1;
  for (let p = 0; p < count; p += PIECE) {
    const n = min(PIECE, count - p);
    const from = begin + p;
    gather(piece, from, n + lead, 0, lead, dy, length);
    const target = out + ((<usize>p) << 2);
    correlate(target, n, piece, w, taps, scratch);
    if (dEnd && from + n > length) {
      const at = max(from, length);
      addScaled(target + ((<usize>(at - from)) << 2), dEnd + ((<usize>(at - length)) << 2), 1, from + n - at);
    }
  }
}

/** Adds one row's Σ_t dy[t]·x[M − 1 + t − j] to the f64 sums of the taps; `partial` holds M floats. */
export function addTapSums(
  sums: usize, partial: usize, dy: usize, u: usize, state: usize, length: i32, taps: i32, scratch: usize, piece: usize,
): void {
  const lead = taps - 1;
  for (let t = 0; t < length; t += SUM_PIECE) {
    const n = min(SUM_PIECE, length - t);
    gather(piece, t, n + lead, state, lead, u, length);
    correlate(partial, taps, piece, dy + ((<usize>t) << 2), n, scratch);
    for (let j = 0; j < taps; j++) {
      const at = sums + ((<usize>j) << 3);
      store<f64>(at, load<f64>(at) + load<f32>(partial + ((<usize>(lead - j)) << 2)));
    }
  }
}

/** Σ a[i]·b[i], in f64 across pieces. */
export function longDot(a: usize, b: usize, count: i32): f64 {
  let sum: f64 = 0;
  for (let t = 0; t < count; t += SUM_PIECE) {
    const at = (<usize>t) << 2;
    sum += dot(a + at, b + at, min(SUM_PIECE, count - t));
  }
  return sum;
}

/** out[0..count) = the sums, rounded. */
export function narrowSums(out: usize, sums: usize, count: i32): void {
  for (let j = 0; j < count; j++) store<f32>(out + ((<usize>j) << 2), <f32>load<f64>(sums + ((<usize>j) << 3)));
}

export function causalFirGradient(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const taps = <i32>word(args, 3);
  const lead = taps - 1;
  const dEnds = <usize>word(args, 5);
  const inputs = <usize>word(args, 6);
  const skip = <usize>word(args, 8);
  const states = <usize>word(args, 9);
  const dus = <usize>word(args, 10);
  const dTaps = <usize>word(args, 11);
  const dSkips = <usize>word(args, 12);
  const dStates = <usize>word(args, 13);
  const scratch = <usize>word(args, 14) + <usize>part * <usize>word(args, 15);
  const sums = scratch + 128;
  const partial = sums + (((<usize>taps + 1) & ~1) << 3);
  const piece = partial + (((<usize>taps + 3) & ~3) << 2);
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    const w = <usize>word(args, 7) + ((<usize>d * taps) << 2);
    const s: f32 = skip ? load<f32>(skip + ((<usize>d) << 2)) : 0;
    let skipSum: f64 = 0;
    for (let j = 0; j < taps; j++) store<f64>(sums + ((<usize>j) << 3), 0);
    for (let b = 0; b < batch; b++) {
      const row = <usize>d * batch + b;
      const dy = <usize>word(args, 4) + ((row * length) << 2);
      const u = inputs + ((row * length) << 2);
      const state: usize = states ? states + ((row * lead) << 2) : 0;
      const dEnd: usize = dEnds ? dEnds + ((row * lead) << 2) : 0;
      if (dus) {
        const du = dus + ((row * length) << 2);
        inputGradient(du, lead, length, dy, dEnd, length, w, taps, scratch, piece);
        if (skip) addScaled(du, dy, s, length);
      }
      if (dStates) inputGradient(dStates + ((row * lead) << 2), 0, lead, dy, dEnd, length, w, taps, scratch, piece);
      if (dSkips) skipSum += longDot(dy, u, length);
      if (dTaps) addTapSums(sums, partial, dy, u, state, length, taps, scratch, piece);
    }
    if (dSkips) store<f32>(dSkips + ((<usize>d) << 2), <f32>skipSum);
    if (dTaps) narrowSums(dTaps + ((<usize>d * taps) << 2), sums, taps);
  }
}
