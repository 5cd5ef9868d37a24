// The innermost loops of the matrix product: a tile of C stays in registers while k runs. Both operands are packed in the
// order in which a step reads them, so that a step moves two pointers: with a pointer for each row of A, engines spend the time
// of one multiply-add in six on addresses (Node 20: 46.6 GFLOP/s instead of 54.8 for 4 rows).
//
// A step of the 6×8 tile is two vectors of B, six broadcast numbers of A and twelve fused multiply-adds: 12 of 15 registers
// hold sums, and the twelve chains are more than the eight that the arithmetic units need (58 GFLOP/s on Node 20 to 24, of
// 59 possible). Without fused multiply-add every product needs a register of its own, six rows spill (29), and four are
// taken (42). Tried and lost on Node 20 and 22, by half: unrolling over k (both steps are loaded first and spill), starting from
// C, and adding C before one set of stores (sums that two paths define are kept in memory).
// AssemblyScript has no arrays of registers, so every sum has a name.
import { madd } from './simd.as';

/** Rows of the tile of 8 columns. */
export const TILE_ROWS: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4;

/** C = A·B, plus C when `add`, for a tile of TILE_ROWS×8. `rowC`: bytes from row to row. */
// @ts-ignore: decorator
@inline
export function tile8(a: usize, b: usize, k: i32, c: usize, rowC: usize, add: bool): void {
  if (ASC_FEATURE_RELAXED_SIMD) tile6(a, b, k, c, rowC, add);
  else tile4(a, b, k, c, rowC, add);
}

/** C[4,8] = A[4,k]·B[k,8]: packed A has 4 numbers a step, packed B 8. */
function tile4(a: usize, b: usize, k: i32, c: usize, rowC: usize, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  const end = b + (<usize>k << 5);
  while (b < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = v128.load32_splat(a, 4);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = v128.load32_splat(a, 8);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = v128.load32_splat(a, 12);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    b += 32;
    a += 16;
  }
  const p1 = c + rowC;
  const p2 = p1 + rowC;
  const p3 = p2 + rowC;
  if (add) {
    v128.store(c, f32x4.add(c00, v128.load(c)));
    v128.store(c, f32x4.add(c01, v128.load(c, 16)), 16);
    v128.store(p1, f32x4.add(c10, v128.load(p1)));
    v128.store(p1, f32x4.add(c11, v128.load(p1, 16)), 16);
    v128.store(p2, f32x4.add(c20, v128.load(p2)));
    v128.store(p2, f32x4.add(c21, v128.load(p2, 16)), 16);
    v128.store(p3, f32x4.add(c30, v128.load(p3)));
    v128.store(p3, f32x4.add(c31, v128.load(p3, 16)), 16);
    return;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(p1, c10);
  v128.store(p1, c11, 16);
  v128.store(p2, c20);
  v128.store(p2, c21, 16);
  v128.store(p3, c30);
  v128.store(p3, c31, 16);
}

/** C[6,8] = A[6,k]·B[k,8]: packed A has 6 numbers a step, packed B 8. */
function tile6(a: usize, b: usize, k: i32, c: usize, rowC: usize, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  const end = b + (<usize>k << 5);
  while (b < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = v128.load32_splat(a, 4);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = v128.load32_splat(a, 8);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = v128.load32_splat(a, 12);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    const x4 = v128.load32_splat(a, 16);
    c40 = madd(x4, b0, c40);
    c41 = madd(x4, b1, c41);
    const x5 = v128.load32_splat(a, 20);
    c50 = madd(x5, b0, c50);
    c51 = madd(x5, b1, c51);
    b += 32;
    a += 24;
  }
  const p1 = c + rowC;
  const p2 = p1 + rowC;
  const p3 = p2 + rowC;
  const p4 = p3 + rowC;
  const p5 = p4 + rowC;
  if (add) {
    v128.store(c, f32x4.add(c00, v128.load(c)));
    v128.store(c, f32x4.add(c01, v128.load(c, 16)), 16);
    v128.store(p1, f32x4.add(c10, v128.load(p1)));
    v128.store(p1, f32x4.add(c11, v128.load(p1, 16)), 16);
    v128.store(p2, f32x4.add(c20, v128.load(p2)));
    v128.store(p2, f32x4.add(c21, v128.load(p2, 16)), 16);
    v128.store(p3, f32x4.add(c30, v128.load(p3)));
    v128.store(p3, f32x4.add(c31, v128.load(p3, 16)), 16);
    v128.store(p4, f32x4.add(c40, v128.load(p4)));
    v128.store(p4, f32x4.add(c41, v128.load(p4, 16)), 16);
    v128.store(p5, f32x4.add(c50, v128.load(p5)));
    v128.store(p5, f32x4.add(c51, v128.load(p5, 16)), 16);
    return;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(p1, c10);
  v128.store(p1, c11, 16);
  v128.store(p2, c20);
  v128.store(p2, c21, 16);
  v128.store(p3, c30);
  v128.store(p3, c31, 16);
  v128.store(p4, c40);
  v128.store(p4, c41, 16);
  v128.store(p5, c50);
  v128.store(p5, c51, 16);
}
