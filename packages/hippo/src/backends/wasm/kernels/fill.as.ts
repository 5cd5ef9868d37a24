// fill: sets `count` 32-bit words to one value. Arguments: address, count, value (bits).
// Work: each part writes one contiguous range; bound by memory writes.
import { word } from './simd.as';

export function fill(args: usize, part: i32, parts: i32): void {
  const count: u32 = word(args, 1);
  const share: u32 = (((count + <u32>parts - 1) / <u32>parts) + 3) & ~3;
  const begin: u32 = min(share * <u32>part, count);
  const end: u32 = min(begin + share, count);
  let p: usize = <usize>word(args, 0) + ((<usize>begin) << 2);
  const stop: usize = <usize>word(args, 0) + ((<usize>end) << 2);
  const value = word(args, 2);
  const v = i32x4.splat(value);
  while (p + 16 <= stop) {
    v128.store(p, v);
    p += 16;
  }
  while (p < stop) {
    store<u32>(p, value);
    p += 4;
  }
}
