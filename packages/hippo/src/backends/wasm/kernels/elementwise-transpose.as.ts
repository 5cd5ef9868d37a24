// elementwiseTranspose: a strided copy whose source runs along another axis than its target: [.., p, .., q] read with
// stride 1 over p. Words: source, target, P, target stride of p, Q, source stride of q, outer rank, then for each outer
// axis size, source stride, target stride (strides in elements; the target's stride of q is 1).
// Work: tiles of 4×4 words are turned in registers; a part takes strips of eight p and all q, which read half a cache line
// at a time, so that at most eight target rows are open at once: more would evict each other when rows lie 4 KiB apart.
import { word } from './simd.as';

const STRIP: i32 = 8;

/** Turns a tile: four source vectors `sourceStep` bytes apart into four target rows `targetStep` bytes apart. */
// @ts-ignore: decorator
@inline
function turn(source: usize, sourceStep: usize, target: usize, targetStep: usize): void {
  const r0 = v128.load(source);
  const r1 = v128.load(source + sourceStep);
  const r2 = v128.load(source + 2 * sourceStep);
  const r3 = v128.load(source + 3 * sourceStep);
  const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
  const high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<i64>(low01, low23, 0, 2));
  v128.store(target + targetStep, v128.shuffle<i64>(low01, low23, 1, 3));
  v128.store(target + 2 * targetStep, v128.shuffle<i64>(high01, high23, 0, 2));
  v128.store(target + 3 * targetStep, v128.shuffle<i64>(high01, high23, 1, 3));
}

/** The same for any rectangle, one word at a time. */
function turnSlowly(source: usize, sourceStep: usize, target: usize, targetStep: usize, rows: i32, columns: i32): void {
  for (let q = 0; q < columns; q++) {
    for (let p = 0; p < rows; p++) {
      store<u32>(target + <usize>p * targetStep + (<usize>q << 2), load<u32>(source + <usize>q * sourceStep + (<usize>p << 2)));
    }
  }
}

export function elementwiseTranspose(args: usize, part: i32, parts: i32): void {
  const P = <i32>word(args, 2);
  const targetStep = <usize>word(args, 3) << 2;
  const Q = <i32>word(args, 4);
  const sourceStep = <usize>word(args, 5) << 2;
  const outerRank = <i32>word(args, 6);
  const outer = args + 28;
  const strips = (P + STRIP - 1) / STRIP;
  let units = strips;
  for (let k = 0; k < outerRank; k++) units *= load<i32>(outer + <usize>k * 12);
  const last = <i32>((<i64>units * (part + 1)) / parts);
  for (let unit = <i32>((<i64>units * part) / parts); unit < last; unit++) {
    const firstRow = (unit % strips) * STRIP;
    let source = <usize>word(args, 0) + (<usize>firstRow << 2);
    let target = <usize>word(args, 1) + <usize>firstRow * targetStep;
    let rest = unit / strips;
    for (let k = outerRank - 1; k >= 0; k--) {
      const axis = outer + <usize>k * 12;
      const size = load<i32>(axis);
      const index = rest % size;
      rest /= size;
      source += <usize>(index * load<i32>(axis + 4)) << 2;
      target += <usize>(index * load<i32>(axis + 8)) << 2;
    }
    const rows = min(STRIP, P - firstRow);
    let q = 0;
    for (; q + 4 <= Q; q += 4) {
      let p = 0;
      for (; p + 4 <= rows; p += 4) turn(source + (<usize>p << 2), sourceStep, target + <usize>p * targetStep, targetStep);
      if (p < rows) turnSlowly(source + (<usize>p << 2), sourceStep, target + <usize>p * targetStep, targetStep, rows - p, 4);
      source += 4 * sourceStep;
      target += 16;
    }
    if (q < Q) turnSlowly(source, sourceStep, target, targetStep, rows, Q - q);
  }
}
