// Small inlined pieces that every kernel uses. Kernels are written for four f32 lanes; the relaxed build turns
// multiply-then-add into one fused instruction where the engine has it.

/** a·b + c, lane by lane. Fused in the relaxed build, two roundings in the plain one. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** c − a·b, lane by lane. */
// @ts-ignore: decorator
@inline
export function nmadd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

/** The sum of the four lanes. */
// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  return (
    (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 2)) + (f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 3))
  );
}

/** Word `index` of a kernel's argument block, as an unsigned integer (a dimension or an address). */
// @ts-ignore: decorator
@inline
export function word(args: usize, index: i32): u32 {
  return load<u32>(args + ((<usize>index) << 2));
}

/** Word `index` of a kernel's argument block, as a float. */
// @ts-ignore: decorator
@inline
export function real(args: usize, index: i32): f32 {
  return load<f32>(args + ((<usize>index) << 2));
}
