// shiftTaps: out[d,l] = Σ_{j<M−l} a[d,j]·b[d,j+l], l < M: the correlation of two short filters of a channel.
// Words: D M, a b, out, workspace, bytes a part. Work: M² multiply-adds a channel; channels are shared out among the parts.
import { correlate, gather } from './causal-fir-correlate.as';
import { word } from './simd.as';

export function shiftTaps(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const taps = <i32>word(args, 1);
  const scratch = <usize>word(args, 5) + <usize>part * <usize>word(args, 6);
  const padded = scratch + 128;
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    const at = (<usize>d * taps) << 2;
    gather(padded, 0, 2 * taps, 0, 0, <usize>word(args, 3) + at, taps);
    correlate(<usize>word(args, 4) + at, taps, padded, <usize>word(args, 2) + at, taps, scratch);
  }
}
