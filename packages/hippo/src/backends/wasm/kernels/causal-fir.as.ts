// causalFir: y[d,b,t] = skip[d]·u[d,b,t] + Σ_{j<M} taps[d,j]·x[d,b,t−j], x being u after the M − 1 inputs of `state`.
// Words: D B L M, u taps skip state, y endState, workspace, bytes a part. Channels are shared out among the parts.
// Work: M multiply-adds an output; each row is copied in pieces of 1,024 (with M − 1 before) so that the sliding product
// never looks at the row's edges; memory traffic is one read of u and one write of y.
import { copyFloats, correlate, dot, gather, reverseFloats } from './causal-fir-correlate.as';
import { madd, word } from './simd.as';

/** Outputs a piece: with its lead it stays in the first cache. */
const PIECE: i32 = 1024;

/** y[i] += s·u[i]. */
// @ts-ignore: decorator
@inline
export function addScaled(y: usize, u: usize, s: f32, count: i32): void {
  const v = f32x4.splat(s);
  let left = count;
  while (left >= 4) {
    v128.store(y, madd(v, v128.load(u), v128.load(y)));
    y += 16;
    u += 16;
    left -= 4;
  }
  while (left > 0) {
    store<f32>(y, load<f32>(y) + s * load<f32>(u));
    y += 4;
    u += 4;
    left--;
  }
}

/**
 * y[0..count) = the filtered row at steps [begin, begin + count). `reversed` holds the taps backwards, `scratch` 128 bytes and,
 * behind the reversed taps, the piece.
 */
export function filterPiece(
  y: usize, begin: i32, count: i32, u: usize, state: usize, length: i32, reversed: usize, taps: i32, skip: f32, scratch: usize,
  piece: usize,
): void {
  const lead = taps - 1;
  if (length == 1 && state) {
    // A step of decoding: the state as it lies, without a copy of it.
    const first = load<f32>(reversed + ((<usize>lead) << 2));
    store<f32>(y, (first + skip) * load<f32>(u) + dot(reversed, state, lead));
    return;
  }
  for (let t = 0; t < count; t += PIECE) {
    const n = min(PIECE, count - t);
    gather(piece, begin + t, n + lead, state, lead, u, length);
    const out = y + ((<usize>t) << 2);
    correlate(out, n, piece, reversed, taps, scratch);
    if (skip != 0) addScaled(out, piece + ((<usize>lead) << 2), skip, n);
  }
}

/** The state after a row: its last M − 1 inputs. */
export function filterEnd(end: usize, u: usize, state: usize, length: i32, taps: i32): void {
  const lead = taps - 1;
  if (length >= lead) copyFloats(end, u + ((<usize>(length - lead)) << 2), lead);
  else gather(end, length, lead, state, lead, u, length);
}

export function causalFir(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const taps = <i32>word(args, 3);
  const lead = taps - 1;
  const skip = <usize>word(args, 6);
  const states = <usize>word(args, 7);
  const ends = <usize>word(args, 9);
  const scratch = <usize>word(args, 10) + <usize>part * <usize>word(args, 11);
  const reversed = scratch + 128;
  const piece = reversed + (((<usize>taps + 3) & ~3) << 2);
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    reverseFloats(reversed, <usize>word(args, 5) + ((<usize>d * taps) << 2), taps);
    const s: f32 = skip ? load<f32>(skip + ((<usize>d) << 2)) : 0;
    for (let b = 0; b < batch; b++) {
      const row = <usize>d * batch + b;
      const u = <usize>word(args, 4) + ((row * length) << 2);
      const y = <usize>word(args, 8) + ((row * length) << 2);
      const state: usize = states ? states + ((row * lead) << 2) : 0;
      filterPiece(y, 0, length, u, state, length, reversed, taps, s, scratch, piece);
      if (ends) filterEnd(ends + ((row * lead) << 2), u, state, length, taps);
    }
  }
}
