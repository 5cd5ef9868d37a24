// sumSquares: Σ x² of each block of 4096 numbers of many tensors, blocks numbered through all of them; reduceRows adds them up.
// Words: block sums, tensors, then address and count of each. Parts take ranges of blocks. Reads each number once; bound by memory.
import { madd, sumLanes, word } from './simd.as';

const BLOCK: i32 = 4096; // as in sum-squares.ts

export function sumSquares(args: usize, part: i32, parts: i32): void {
  const sums: usize = word(args, 0);
  const tensors = args + 8;
  const end = tensors + ((<usize>word(args, 1)) << 3);
  let blocks: i64 = 0;
  for (let at = tensors; at < end; at += 8) blocks += (load<i32>(at, 4) + BLOCK - 1) / BLOCK;
  const from = <i32>((blocks * part) / parts);
  const to = <i32>((blocks * (part + 1)) / parts);
  let first = 0; // the number of a tensor's first block
  for (let at = tensors; at < end; at += 8) {
    const count = load<i32>(at, 4);
    const next = first + (count + BLOCK - 1) / BLOCK;
    for (let block = max(from, first); block < min(to, next); block++) {
      const begin = (block - first) * BLOCK;
      const x = <usize>load<u32>(at) + ((<usize>begin) << 2);
      store<f32>(sums + ((<usize>block) << 2), blockSum(x, min(BLOCK, count - begin)));
    }
    first = next;
  }
}

function blockSum(p: usize, count: i32): f32 {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  const end = p + ((<usize>count) << 2);
  while (p + 64 <= end) {
    const x0 = v128.load(p);
    const x1 = v128.load(p, 16);
    const x2 = v128.load(p, 32);
    const x3 = v128.load(p, 48);
    a = madd(x0, x0, a);
    b = madd(x1, x1, b);
    c = madd(x2, x2, c);
    d = madd(x3, x3, d);
    p += 64;
  }
  while (p + 16 <= end) {
    const x = v128.load(p);
    a = madd(x, x, a);
    p += 16;
  }
  let total = sumLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
  while (p < end) {
    const x = load<f32>(p);
    total += x * x;
    p += 4;
  }
  return total;
}
