// copyBlocks, pad, updateSlice: tensors moved whole, four bytes an element, any type. Each cuts its output into pieces of at most
// 16 KiB that never cross a row, and shares the pieces out among the parts: one long row is shared as well as many short ones.
// Every output byte is written once; bound by memory.
import { word } from './simd.as';

const PIECE: i32 = 16384; // bytes

// @ts-ignore: decorator
@inline
function pieces(bytes: i32): i32 {
  return (bytes + PIECE - 1) / PIECE;
}

// Short runs without the call behind memory.copy.
// @ts-ignore: decorator
@inline
function copy(target: usize, source: usize, bytes: i32): void {
  if (bytes > 256) {
    memory.copy(target, source, bytes);
    return;
  }
  let i: i32 = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(target + i, v128.load(source + i));
  for (; i < bytes; i += 4) store<u32>(target + i, load<u32>(source + i));
}

/** `outer` rows of `bytes` from one stride to another. Words: source, target, outer, bytes, source stride, target stride. */
export function copyBlocks(args: usize, part: i32, parts: i32): void {
  const source: usize = word(args, 0);
  const target: usize = word(args, 1);
  const bytes = <i32>word(args, 3);
  const cut = pieces(bytes);
  const units = <i64>word(args, 2) * cut;
  const last = <i32>((units * (part + 1)) / parts);
  for (let unit = <i32>((units * part) / parts); unit < last; unit++) {
    const row: usize = unit / cut;
    const begin = (unit - <i32>row * cut) * PIECE;
    copy(target + row * word(args, 5) + begin, source + row * word(args, 4) + begin, min(PIECE, bytes - begin));
  }
}

/**
 * Copies a tensor into a larger one of zeros. Words: source, target, axes, then for each axis size, before, padded size.
 * The last axis is the row; the others place it.
 */
export function pad(args: usize, part: i32, parts: i32): void {
  const axes = <i32>word(args, 2);
  let rows: i64 = 1;
  for (let axis = 0; axis + 1 < axes; axis++) rows *= <i64>word(args, 3 * axis + 5);
  const size = <i32>word(args, 3 * axes) << 2;
  const before = <i32>word(args, 3 * axes + 1) << 2;
  const bytes = <i32>word(args, 3 * axes + 2) << 2;
  const cut = pieces(bytes);
  const units = rows * cut;
  const last = <i32>((units * (part + 1)) / parts);
  for (let unit = <i32>((units * part) / parts); unit < last; unit++) {
    const row = unit / cut;
    const begin = (unit - row * cut) * PIECE;
    const end = min(begin + PIECE, bytes);
    const target = <usize>word(args, 1) + <usize>row * bytes;
    const from = sourceRow(args, axes, row);
    // Without a source row all is zero: the copied stretch is empty.
    const first = from < 0 ? end : min(max(before, begin), end);
    const stop = from < 0 ? end : min(max(before + size, begin), end);
    zero(target + begin, first - begin);
    if (stop > first) copy(target + first, <usize>word(args, 0) + <usize>from * size + (first - before), stop - first);
    zero(target + stop, end - stop);
  }
}

/** Which row of the source stands in row `row` of the padded tensor; −1 for none. */
function sourceRow(args: usize, axes: i32, row: i32): i32 {
  let source = 0;
  let stride = 1;
  for (let axis = axes - 2; axis >= 0; axis--) {
    const size = <i32>word(args, 3 * axis + 3);
    const padded = <i32>word(args, 3 * axis + 5);
    const position = (row % padded) - <i32>word(args, 3 * axis + 4);
    if (<u32>position >= <u32>size) return -1;
    source += position * stride;
    stride *= size;
    row /= padded;
  }
  return source;
}

// @ts-ignore: decorator
@inline
function zero(target: usize, bytes: i32): void {
  if (bytes > 256) {
    memory.fill(target, 0, bytes);
    return;
  }
  for (let i: i32 = 0; i < bytes; i += 4) store<u32>(target + i, 0);
}

/**
 * out = base [outer, capacity, inner] with update [outer, count, inner] written at the row's position, clamped to
 * [0, capacity − count]. Words: base, update, positions (address of i32s), out, outer, capacity, count, inner, rows that share
 * a position. With out = base only the update moves.
 */
export function updateSlice(args: usize, part: i32, parts: i32): void {
  const base: usize = word(args, 0);
  const out: usize = word(args, 3);
  const capacity = <i32>word(args, 5);
  const count = <i32>word(args, 6);
  const inner = <i32>word(args, 7) << 2;
  const sharing: usize = word(args, 8);
  const bytes = capacity * inner;
  const length = count * inner;
  const span = out == base ? length : bytes; // of each output row that is written at all
  const cut = pieces(span);
  const units = <i64>word(args, 4) * cut;
  const last = <i32>((units * (part + 1)) / parts);
  for (let unit = <i32>((units * part) / parts); unit < last; unit++) {
    const outer: usize = unit / cut;
    const given = load<i32>(<usize>word(args, 2) + ((outer / sharing) << 2));
    const first = max(min(given, capacity - count), 0) * inner;
    const stop = first + length;
    const low = out == base ? first : 0;
    const begin = low + (unit - <i32>outer * cut) * PIECE;
    const end = min(begin + PIECE, low + span);
    const target = out + outer * bytes;
    const origin = base + outer * bytes;
    const left = min(max(first, begin), end);
    const right = min(max(stop, begin), end);
    if (left > begin) copy(target + begin, origin + begin, left - begin);
    if (right > left) copy(target + left, <usize>word(args, 1) + outer * length + (left - first), right - left);
    if (end > right) copy(target + right, origin + right, end - right);
  }
}
