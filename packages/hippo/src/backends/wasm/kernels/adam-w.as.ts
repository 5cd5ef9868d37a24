// adamW: the update of ops/adam-w.ts over all parameters in one call, every number read once and written once, in place where the
// results share the operands' memory. Bound by memory: 28 bytes a number. Multiply and add stay two roundings in either build.
// Words: addresses of healthy, scale, rate, correction 1, correction 2; β₁, 1−β₁, β₂, 1−β₂, ε (real); segments; then for each
// content, first, second, gradient, new content, new first, new second, count, decay (real), cap (real).
// A unit of work is a block of a segment, units numbered through all segments; parts take ranges of units.
import { real, word } from './simd.as';

const BLOCK: i32 = 4096; // four streams of 16 KiB
const SEGMENTS: usize = 44;
const SEGMENT: usize = 40;

export function adamW(args: usize, part: i32, parts: i32): void {
  const segments = args + SEGMENTS;
  const end = segments + <usize>word(args, 10) * SEGMENT;
  let units: i64 = 0;
  for (let at = segments; at < end; at += SEGMENT) units += (load<i32>(at, 28) + BLOCK - 1) / BLOCK;
  const from = <i32>((units * part) / parts);
  const to = <i32>((units * (part + 1)) / parts);
  const healthy = load<f32>(word(args, 0)) != 0;
  let first = 0; // the number of a segment's first unit
  for (let at = segments; at < end; at += SEGMENT) {
    const count = load<i32>(at, 28);
    const next = first + (count + BLOCK - 1) / BLOCK;
    if (first < to && from < next) {
      const begin = (max(from, first) - first) * BLOCK;
      const stop = min((min(to, next) - first) * BLOCK, count);
      if (healthy) update(args, at, begin, stop);
      else keep(at, begin, stop);
    }
    first = next;
  }
}

/** The old content, where the results have memory of their own. */
function keep(segment: usize, begin: i32, end: i32): void {
  const from = (<usize>begin) << 2;
  for (let tensor: usize = 0; tensor < 12; tensor += 4) {
    const source = <usize>load<u32>(segment + tensor);
    const target = <usize>load<u32>(segment + tensor, 16);
    if (source != target) memory.copy(target + from, source + from, (<usize>(end - begin)) << 2);
  }
}

function update(args: usize, segment: usize, begin: i32, end: i32): void {
  const scale = v128.load32_splat(word(args, 1));
  const cap = real(segment, 9);
  const rates = f32x4.splat(min<f32>(load<f32>(word(args, 2)), cap));
  const correction1 = v128.load32_splat(word(args, 3));
  const correction2 = v128.load32_splat(word(args, 4));
  const decays = v128.load32_splat(segment, 32);
  const from = (<usize>begin) << 2;
  const to = (<usize>end) << 2;
  const content: usize = word(segment, 0);
  const first: usize = word(segment, 1);
  const second: usize = word(segment, 2);
  const gradient: usize = word(segment, 3);
  const newContent: usize = word(segment, 4);
  const newFirst: usize = word(segment, 5);
  const newSecond: usize = word(segment, 6);
  let i = from;
  for (; i + 16 <= to; i += 16) {
    const g = f32x4.mul(v128.load(gradient + i), scale);
    const m = momentOf(args, 5, v128.load(first + i), g);
    const v = momentOf(args, 7, v128.load(second + i), f32x4.mul(g, g));
    v128.store(newFirst + i, m);
    v128.store(newSecond + i, v);
    const p = v128.load(content + i);
    v128.store(newContent + i, moved(args, p, f32x4.mul(m, correction1), f32x4.mul(v, correction2), decays, rates));
  }
  for (; i < to; i += 4) {
    const g = f32x4.mul(v128.load32_splat(gradient + i), scale);
    const m = momentOf(args, 5, v128.load32_splat(first + i), g);
    const v = momentOf(args, 7, v128.load32_splat(second + i), f32x4.mul(g, g));
    v128.store_lane<f32>(newFirst + i, m, 0);
    v128.store_lane<f32>(newSecond + i, v, 0);
    const p = v128.load32_splat(content + i);
    const q = moved(args, p, f32x4.mul(m, correction1), f32x4.mul(v, correction2), decays, rates);
    v128.store_lane<f32>(newContent + i, q, 0);
  }
}

/** old·β + x·(1−β); β and 1−β are words of the arguments. */
// @ts-ignore: decorator
@inline
function momentOf(args: usize, beta: i32, old: v128, x: v128): v128 {
  const at = args + ((<usize>beta) << 2);
  return f32x4.add(f32x4.mul(old, v128.load32_splat(at)), f32x4.mul(x, v128.load32_splat(at, 4)));
}

/** p − rate·(m/(√v + ε) + decay·p). */
// @ts-ignore: decorator
@inline
function moved(args: usize, p: v128, m: v128, v: v128, decays: v128, rates: v128): v128 {
  const direction = f32x4.div(m, f32x4.add(f32x4.sqrt(v), v128.load32_splat(args, 36)));
  return f32x4.sub(p, f32x4.mul(rates, f32x4.add(direction, f32x4.mul(p, decays))));
}
