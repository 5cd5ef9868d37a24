// Sum and largest element of one contiguous row: the innermost loop of reductions, softmax, norms and losses.
// Work: 32 floats an iteration in four vector accumulators, neighbours added first, so that chains stay short and the error of a
// row of n grows like n/32. The order depends on n alone.

/**
 * a + b, or the larger one where `largest`; NaN wins either way. `largest` must be a literal: it is resolved at build time.
 * pmax keeps a NaN in a; one in b is brought in as all ones. Three instructions: f32x4.max takes eight and was three times slower.
 */
// @ts-ignore: decorator
@inline
export function join(largest: bool, a: v128, b: v128): v128 {
  return largest ? v128.or(f32x4.pmax(a, b), f32x4.ne(b, b)) : f32x4.add(a, b);
}

/** `join` of two floats, in a vector for the maximum: the scalar instruction branches on its operands. */
// @ts-ignore: decorator
@inline
export function joinOne(largest: bool, a: f32, b: f32): f32 {
  return largest ? f32x4.extract_lane(join(true, f32x4.splat(a), f32x4.splat(b)), 0) : a + b;
}

// @ts-ignore: decorator
@inline
function reduceRow(largest: bool, p: usize, count: i32): f32 {
  const none = f32x4.splat(largest ? -Infinity : 0);
  let a0 = none;
  let a1 = none;
  let a2 = none;
  let a3 = none;
  const end = p + ((<usize>count) << 2);
  while (p + 128 <= end) {
    a0 = join(largest, a0, join(largest, v128.load(p), v128.load(p, 16)));
    a1 = join(largest, a1, join(largest, v128.load(p, 32), v128.load(p, 48)));
    a2 = join(largest, a2, join(largest, v128.load(p, 64), v128.load(p, 80)));
    a3 = join(largest, a3, join(largest, v128.load(p, 96), v128.load(p, 112)));
    p += 128;
  }
  while (p + 16 <= end) {
    a0 = join(largest, a0, v128.load(p));
    p += 16;
  }
  a0 = join(largest, join(largest, a0, a2), join(largest, a1, a3));
  let result = joinOne(
    largest,
    joinOne(largest, f32x4.extract_lane(a0, 0), f32x4.extract_lane(a0, 2)),
    joinOne(largest, f32x4.extract_lane(a0, 1), f32x4.extract_lane(a0, 3)),
  );
  while (p < end) {
    result = joinOne(largest, result, load<f32>(p));
    p += 4;
  }
  return result;
}

/** Σ of `count` floats at `p`; 0 for none. */
export function rowSum(p: usize, count: i32): f32 {
  return reduceRow(false, p, count);
}

/** The largest of `count` floats at `p`; −∞ for none, NaN where there is one. */
export function rowMax(p: usize, count: i32): f32 {
  return reduceRow(true, p, count);
}
