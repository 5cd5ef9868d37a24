// The products of causal attention for engines with 256-bit vectors (see ../wide-vectors.ts): eight chains of multiply-adds on
// pairs of 128-bit vectors where causal-attention-tile.as.ts has four, because a 256-bit chain takes as long as a 128-bit
// one. Sums are taken in the same order, so the numbers are the same.
import { madd } from './simd.as';

/**
 * C[8, 8] = A[8, k]·panel[k, 8]. Row i of A starts at a_i. Steps go in fours, whose addresses are literals, and singly at the
 * end. C's rows are `row` bytes apart.
 */
export function wideProducts8(
  a0: usize, a1: usize, a2: usize, a3: usize, a4: usize, a5: usize, a6: usize, a7: usize,
  panel: usize, k: i32, c: usize, row: usize,
): void {
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
  let c60 = c00;
  let c61 = c00;
  let c70 = c00;
  let c71 = c00;
  const end4 = panel + ((<usize>k >> 2) << 7);
  const end = panel + (<usize>k << 5);
  while (panel < end4) {
    const b00 = v128.load(panel, 0);
    const b01 = v128.load(panel, 16);
    const x00 = v128.load32_splat(a0, 0);
    c00 = madd(x00, b00, c00);
    c01 = madd(x00, b01, c01);
    const x01 = v128.load32_splat(a1, 0);
    c10 = madd(x01, b00, c10);
    c11 = madd(x01, b01, c11);
    const x02 = v128.load32_splat(a2, 0);
    c20 = madd(x02, b00, c20);
    c21 = madd(x02, b01, c21);
    const x03 = v128.load32_splat(a3, 0);
    c30 = madd(x03, b00, c30);
    c31 = madd(x03, b01, c31);
    const x04 = v128.load32_splat(a4, 0);
    c40 = madd(x04, b00, c40);
    c41 = madd(x04, b01, c41);
    const x05 = v128.load32_splat(a5, 0);
    c50 = madd(x05, b00, c50);
    c51 = madd(x05, b01, c51);
    const x06 = v128.load32_splat(a6, 0);
    c60 = madd(x06, b00, c60);
    c61 = madd(x06, b01, c61);
    const x07 = v128.load32_splat(a7, 0);
    c70 = madd(x07, b00, c70);
    c71 = madd(x07, b01, c71);
    const b10 = v128.load(panel, 32);
    const b11 = v128.load(panel, 48);
    const x10 = v128.load32_splat(a0, 4);
    c00 = madd(x10, b10, c00);
    c01 = madd(x10, b11, c01);
    const x11 = v128.load32_splat(a1, 4);
    c10 = madd(x11, b10, c10);
    c11 = madd(x11, b11, c11);
    const x12 = v128.load32_splat(a2, 4);
    c20 = madd(x12, b10, c20);
    c21 = madd(x12, b11, c21);
    const x13 = v128.load32_splat(a3, 4);
    c30 = madd(x13, b10, c30);
    c31 = madd(x13, b11, c31);
    const x14 = v128.load32_splat(a4, 4);
    c40 = madd(x14, b10, c40);
    c41 = madd(x14, b11, c41);
    const x15 = v128.load32_splat(a5, 4);
    c50 = madd(x15, b10, c50);
    c51 = madd(x15, b11, c51);
    const x16 = v128.load32_splat(a6, 4);
    c60 = madd(x16, b10, c60);
    c61 = madd(x16, b11, c61);
    const x17 = v128.load32_splat(a7, 4);
    c70 = madd(x17, b10, c70);
    c71 = madd(x17, b11, c71);
    const b20 = v128.load(panel, 64);
    const b21 = v128.load(panel, 80);
    const x20 = v128.load32_splat(a0, 8);
    c00 = madd(x20, b20, c00);
    c01 = madd(x20, b21, c01);
    const x21 = v128.load32_splat(a1, 8);
    c10 = madd(x21, b20, c10);
    c11 = madd(x21, b21, c11);
    const x22 = v128.load32_splat(a2, 8);
    c20 = madd(x22, b20, c20);
    c21 = madd(x22, b21, c21);
    const x23 = v128.load32_splat(a3, 8);
    c30 = madd(x23, b20, c30);
    c31 = madd(x23, b21, c31);
    const x24 = v128.load32_splat(a4, 8);
    c40 = madd(x24, b20, c40);
    c41 = madd(x24, b21, c41);
    const x25 = v128.load32_splat(a5, 8);
    c50 = madd(x25, b20, c50);
    c51 = madd(x25, b21, c51);
    const x26 = v128.load32_splat(a6, 8);
    c60 = madd(x26, b20, c60);
    c61 = madd(x26, b21, c61);
    const x27 = v128.load32_splat(a7, 8);
    c70 = madd(x27, b20, c70);
    c71 = madd(x27, b21, c71);
    const b30 = v128.load(panel, 96);
    const b31 = v128.load(panel, 112);
    const x30 = v128.load32_splat(a0, 12);
    c00 = madd(x30, b30, c00);
    c01 = madd(x30, b31, c01);
    const x31 = v128.load32_splat(a1, 12);
    c10 = madd(x31, b30, c10);
    c11 = madd(x31, b31, c11);
    const x32 = v128.load32_splat(a2, 12);
    c20 = madd(x32, b30, c20);
    c21 = madd(x32, b31, c21);
    const x33 = v128.load32_splat(a3, 12);
    c30 = madd(x33, b30, c30);
    c31 = madd(x33, b31, c31);
    const x34 = v128.load32_splat(a4, 12);
    c40 = madd(x34, b30, c40);
    c41 = madd(x34, b31, c41);
    const x35 = v128.load32_splat(a5, 12);
    c50 = madd(x35, b30, c50);
    c51 = madd(x35, b31, c51);
    const x36 = v128.load32_splat(a6, 12);
    c60 = madd(x36, b30, c60);
    c61 = madd(x36, b31, c61);
    const x37 = v128.load32_splat(a7, 12);
    c70 = madd(x37, b30, c70);
    c71 = madd(x37, b31, c71);
    panel += 128;
    a0 += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
    a4 += 16;
    a5 += 16;
    a6 += 16;
    a7 += 16;
  }
  while (panel < end) {
    const b0 = v128.load(panel);
    const b1 = v128.load(panel, 16);
    const x0 = v128.load32_splat(a0);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = v128.load32_splat(a1);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = v128.load32_splat(a2);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = v128.load32_splat(a3);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    const x4 = v128.load32_splat(a4);
    c40 = madd(x4, b0, c40);
    c41 = madd(x4, b1, c41);
    const x5 = v128.load32_splat(a5);
    c50 = madd(x5, b0, c50);
    c51 = madd(x5, b1, c51);
    const x6 = v128.load32_splat(a6);
    c60 = madd(x6, b0, c60);
    c61 = madd(x6, b1, c61);
    const x7 = v128.load32_splat(a7);
    c70 = madd(x7, b0, c70);
    c71 = madd(x7, b1, c71);
    panel += 32;
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
    a6 += 4;
    a7 += 4;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  c += row;
  v128.store(c, c10);
  v128.store(c, c11, 16);
  c += row;
  v128.store(c, c20);
  v128.store(c, c21, 16);
  c += row;
  v128.store(c, c30);
  v128.store(c, c31, 16);
  c += row;
  v128.store(c, c40);
  v128.store(c, c41, 16);
  c += row;
  v128.store(c, c50);
  v128.store(c, c51, 16);
  c += row;
  v128.store(c, c60);
  v128.store(c, c61, 16);
  c += row;
  v128.store(c, c70);
  v128.store(c, c71, 16);
}

/**
 * C[4, 16] += A·B; row i of A starts rowA·i bytes on and a step is stepA (literals); B's and C's rows are `row` bytes apart.
 */
// @ts-ignore: decorator
@inline
export function wideAddFour(rowA: usize, stepA: usize, a: usize, b: usize, k: i32, c: usize, row: usize): void {
  const p1 = c + row;
  const p2 = p1 + row;
  const p3 = p2 + row;
  let c00 = v128.load(c);
  let c01 = v128.load(c, 16);
  let c02 = v128.load(c, 32);
  let c03 = v128.load(c, 48);
  let c10 = v128.load(p1);
  let c11 = v128.load(p1, 16);
  let c12 = v128.load(p1, 32);
  let c13 = v128.load(p1, 48);
  let c20 = v128.load(p2);
  let c21 = v128.load(p2, 16);
  let c22 = v128.load(p2, 32);
  let c23 = v128.load(p2, 48);
  let c30 = v128.load(p3);
  let c31 = v128.load(p3, 16);
  let c32 = v128.load(p3, 32);
  let c33 = v128.load(p3, 48);
  const end = a + <usize>k * stepA;
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    const x0 = v128.load32_splat(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    c02 = madd(x0, b2, c02);
    c03 = madd(x0, b3, c03);
    const x1 = rowA == 4 ? v128.load32_splat(a, 4) : v128.load32_splat(a, 128);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    c12 = madd(x1, b2, c12);
    c13 = madd(x1, b3, c13);
    const x2 = rowA == 4 ? v128.load32_splat(a, 8) : v128.load32_splat(a, 256);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    c22 = madd(x2, b2, c22);
    c23 = madd(x2, b3, c23);
    const x3 = rowA == 4 ? v128.load32_splat(a, 12) : v128.load32_splat(a, 384);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    c32 = madd(x3, b2, c32);
    c33 = madd(x3, b3, c33);
    a += stepA;
    b += row;
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
}
