// The innermost loop of the matrix product: a tile of 4 rows and 8 columns of C stays in eight registers while k runs.
// Each step reads two vectors of packed B and four broadcast numbers of A for eight multiply-adds, so arithmetic is the
// limit. Tried and lost: 6×8 tiles (registers spill on older engines) and unrolling over k.
import { madd } from './simd.as';

/**
 * C[4,8] = A[4,k]·B[k,8], plus C when `add`. `b` is packed, 8 numbers a step. Row i of A starts at a_i and goes on
 * every `step` bytes, a literal: 4 where A lies as it is, 16 where it is packed. `rowC`: bytes from row to row.
 */
// @ts-ignore: decorator
@inline
function tile(
  a0: usize, a1: usize, a2: usize, a3: usize, step: usize, b: usize, k: i32, c: usize, rowC: usize, add: bool,
): void {
  const p1 = c + rowC;
  const p2 = p1 + rowC;
  const p3 = p2 + rowC;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  if (add) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    c10 = v128.load(p1);
    c11 = v128.load(p1, 16);
    c20 = v128.load(p2);
    c21 = v128.load(p2, 16);
    c30 = v128.load(p3);
    c31 = v128.load(p3, 16);
  }
  const end = b + (<usize>k << 5);
  while (b < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a0);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = step == 16 ? v128.load32_splat(a0, 4) : v128.load32_splat(a1);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = step == 16 ? v128.load32_splat(a0, 8) : v128.load32_splat(a2);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = step == 16 ? v128.load32_splat(a0, 12) : v128.load32_splat(a3);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    b += 32;
    a0 += step;
    if (step != 16) {
      a1 += step;
      a2 += step;
      a3 += step;
    }
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

/** Rows of A as they lie. */
export function tileRows(
  a0: usize, a1: usize, a2: usize, a3: usize, b: usize, k: i32, c: usize, rowC: usize, add: bool,
): void {
  tile(a0, a1, a2, a3, 4, b, k, c, rowC, add);
}

/** A packed four numbers a step. */
export function tilePacked(a: usize, b: usize, k: i32, c: usize, rowC: usize, add: bool): void {
  tile(a, a, a, a, 16, b, k, c, rowC, add);
}
