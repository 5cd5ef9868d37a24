// The wide tile of the matrix product: 6 rows and 16 columns of C. Its 24 sums only fit in registers where the engine fuses
// neighbouring pairs of 128-bit operations into 256-bit ones (V8's revectoriser: 12 of 16 registers); there each step is
// two vectors of packed B, six broadcast numbers of A and twelve 256-bit multiply-adds (114 GFLOP/s of 118 possible).
// Elsewhere they spill (40), and the tile of matmul-tile.as.ts is faster, so the caller chooses by what the engine does.
// C is added before the only set of stores: two sets keep the revectoriser from fusing (50 GFLOP/s).
// Pairs are written next to each other, low half first, because the revectoriser starts from neighbouring stores.
import { madd } from './simd.as';

/**
 * C[6,16] = A[6,k]·B[k,16], plus C when `add`. Packed A has 6 numbers a step, packed B 16. `rowC`: bytes from row to row.
 */
export function wideTile(a: usize, b: usize, k: i32, c: usize, rowC: usize, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c02 = c00;
  let c03 = c00;
  let c10 = c00;
  let c11 = c00;
  let c12 = c00;
  let c13 = c00;
  let c20 = c00;
  let c21 = c00;
  let c22 = c00;
  let c23 = c00;
  let c30 = c00;
  let c31 = c00;
  let c32 = c00;
  let c33 = c00;
  let c40 = c00;
  let c41 = c00;
  let c42 = c00;
  let c43 = c00;
  let c50 = c00;
  let c51 = c00;
  let c52 = c00;
  let c53 = c00;
  const end = b + (<usize>k << 6);
  while (b < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    const x0 = v128.load32_splat(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    c02 = madd(x0, b2, c02);
    c03 = madd(x0, b3, c03);
    const x1 = v128.load32_splat(a, 4);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    c12 = madd(x1, b2, c12);
    c13 = madd(x1, b3, c13);
    const x2 = v128.load32_splat(a, 8);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    c22 = madd(x2, b2, c22);
    c23 = madd(x2, b3, c23);
    const x3 = v128.load32_splat(a, 12);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    c32 = madd(x3, b2, c32);
    c33 = madd(x3, b3, c33);
    const x4 = v128.load32_splat(a, 16);
    c40 = madd(x4, b0, c40);
    c41 = madd(x4, b1, c41);
    c42 = madd(x4, b2, c42);
    c43 = madd(x4, b3, c43);
    const x5 = v128.load32_splat(a, 20);
    c50 = madd(x5, b0, c50);
    c51 = madd(x5, b1, c51);
    c52 = madd(x5, b2, c52);
    c53 = madd(x5, b3, c53);
    b += 64;
    a += 24;
  }
  const p1 = c + rowC;
  const p2 = p1 + rowC;
  const p3 = p2 + rowC;
  const p4 = p3 + rowC;
  const p5 = p4 + rowC;
  if (add) {
    c00 = f32x4.add(c00, v128.load(c));
    c01 = f32x4.add(c01, v128.load(c, 16));
    c02 = f32x4.add(c02, v128.load(c, 32));
    c03 = f32x4.add(c03, v128.load(c, 48));
    c10 = f32x4.add(c10, v128.load(p1));
    c11 = f32x4.add(c11, v128.load(p1, 16));
    c12 = f32x4.add(c12, v128.load(p1, 32));
    c13 = f32x4.add(c13, v128.load(p1, 48));
    c20 = f32x4.add(c20, v128.load(p2));
    c21 = f32x4.add(c21, v128.load(p2, 16));
    c22 = f32x4.add(c22, v128.load(p2, 32));
    c23 = f32x4.add(c23, v128.load(p2, 48));
    c30 = f32x4.add(c30, v128.load(p3));
    c31 = f32x4.add(c31, v128.load(p3, 16));
    c32 = f32x4.add(c32, v128.load(p3, 32));
    c33 = f32x4.add(c33, v128.load(p3, 48));
    c40 = f32x4.add(c40, v128.load(p4));
    c41 = f32x4.add(c41, v128.load(p4, 16));
    c42 = f32x4.add(c42, v128.load(p4, 32));
    c43 = f32x4.add(c43, v128.load(p4, 48));
    c50 = f32x4.add(c50, v128.load(p5));
    c51 = f32x4.add(c51, v128.load(p5, 16));
    c52 = f32x4.add(c52, v128.load(p5, 32));
    c53 = f32x4.add(c53, v128.load(p5, 48));
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
  v128.store(p1, c10);
  v128.store(p1, c11, 16);
  v128.store(p1, c12, 32);
  v128.store(p1, c13, 48);
  v128.store(p2, c20);
  v128.store(p2, c21, 16);
  v128.store(p2, c22, 32);
  v128.store(p2, c23, 48);
  v128.store(p3, c30);
  v128.store(p3, c31, 16);
  v128.store(p3, c32, 32);
  v128.store(p3, c33, 48);
  v128.store(p4, c40);
  v128.store(p4, c41, 16);
  v128.store(p4, c42, 32);
  v128.store(p4, c43, 48);
  v128.store(p5, c50);
  v128.store(p5, c51, 16);
  v128.store(p5, c52, 32);
  v128.store(p5, c53, 48);
}
