// gatherRows: out[i] = table[ids[i]], a row of NaN where the id lies outside the table; positions are shared out among the parts.
// Words: table, ids, out, rows of the table, width, count.
// scatterAddRows: gradient[ids[i]] += values[i] in order of i, into a gradient that holds zeros or a base before; ids outside are left out.
// Words: ids, values, gradient, rows of the table, width, count. Parts take whole cache lines of columns, each for all positions,
// so that any repetition of ids keeps its order and no two threads meet. Both are bound by memory.
import { word } from './simd.as';

const LINE: i32 = 16; // floats of a cache line

export function gatherRows(args: usize, part: i32, parts: i32): void {
  const rows = word(args, 3);
  const bytes = (<usize>word(args, 4)) << 2;
  const count = <i64>word(args, 5);
  const last = <i32>((count * (part + 1)) / parts);
  for (let i = <i32>((count * part) / parts); i < last; i++) {
    const id = load<u32>(<usize>word(args, 1) + ((<usize>i) << 2)); // a negative id is a large unsigned one
    const target = <usize>word(args, 2) + <usize>i * bytes;
    if (id < rows) {
      memory.copy(target, <usize>word(args, 0) + <usize>id * bytes, bytes);
    } else {
      for (let p: usize = 0; p < bytes; p += 4) store<f32>(target + p, f32.NaN);
    }
  }
}

export function scatterAddRows(args: usize, part: i32, parts: i32): void {
  const rows = word(args, 3);
  const width = <i32>word(args, 4);
  const count = <i32>word(args, 5);
  const lines = <i64>((width + LINE - 1) / LINE);
  const begin = <i32>((lines * part) / parts) * LINE;
  const columns = min(<i32>((lines * (part + 1)) / parts) * LINE, width) - begin;
  if (columns <= 0) return;
  const bytes = (<usize>width) << 2;
  const own = (<usize>columns) << 2;
  const whole = (<usize>(columns & ~3)) << 2;
  let values = <usize>word(args, 1) + ((<usize>begin) << 2);
  const gradient = <usize>word(args, 2) + ((<usize>begin) << 2);
  for (let i = 0; i < count; i++) {
    const id = load<u32>(<usize>word(args, 0) + ((<usize>i) << 2));
    if (id < rows) {
      const target = gradient + <usize>id * bytes;
      let p: usize = 0;
      for (; p < whole; p += 16) v128.store(target + p, f32x4.add(v128.load(target + p), v128.load(values + p)));
      for (; p < own; p += 4) store<f32>(target + p, load<f32>(target + p) + load<f32>(values + p));
    }
    values += bytes;
  }
}
