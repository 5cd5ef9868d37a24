// diagonalSsmChunked: x_t = λ x_{t−1} + u_t, y_t = 2 Re Σ_n c_n x_{n,t} + skip·u_t, in chunks of 16 steps (diagonal-ssm-matrices.as.ts):
// small dense products carry inputs into states and states out to outputs, and only one step in 16 is recurrent.
// Words: D B L N, u logPoleRe logPoleIm cRe cIm skip state, y endState, workspace, bytes a part.
// Work a step and channel: 4·N + 4·N/16 + 12 multiply-adds (the plain recurrence has 6·N and a chain); rows stay in the first cache:
// 32 chunks at a time. A NaN in u reaches the 16 outputs of its own chunk. Channels are shared out among the parts.
import { copyFloats, zeroFloats } from './causal-fir-correlate.as';
import {
  blockAt, fillInto, fillKernel, fillLeap, fillOut, fillPowers, intoAt, leapAt, outAt, powersAt, rowsAt, T,
} from './diagonal-ssm-matrices.as';
import { tile } from './diagonal-ssm-tile.as';
import { madd, nmadd, word } from './simd.as';

/** Chunks that are worked on together. */
export const GROUP: i32 = 32;

/** Reads a state [re | im] of n each into a padded row; zeros when absent. */
export function loadState(row: usize, state: usize, np: i32, n: i32): void {
  zeroFloats(row, 2 * np);
  if (!state) return;
  copyFloats(row, state, n);
  copyFloats(row + ((<usize>np) << 2), state + ((<usize>n) << 2), n);
}

export function storeState(state: usize, row: usize, np: i32, n: i32): void {
  copyFloats(state, row, n);
  copyFloats(state + ((<usize>n) << 2), row + ((<usize>np) << 2), n);
}

/** Copies `chunks` chunks of 16 inputs behind the states' places of consecutive rows. */
export function loadChunks(rows: usize, np: i32, u: usize, chunks: i32): void {
  const stride = <usize>(2 * np + T) << 2;
  let p = rows + (<usize>np << 3);
  for (let a = 0; a < chunks; a++, p += stride, u += 64) {
    v128.store(p, v128.load(u));
    v128.store(p, v128.load(u, 16), 16);
    v128.store(p, v128.load(u, 32), 32);
    v128.store(p, v128.load(u, 48), 48);
  }
}

/** From the state in row 0 and the inputs in the rows: the states at the start of rows 1 … chunks. */
export function advance(ws: usize, np: i32, rows: usize, chunks: i32): void {
  const stride = <usize>(2 * np + T) << 2;
  const half = <usize>np << 2;
  const into = intoAt(ws, np);
  for (let a = 0; a < chunks; a += 4) {
    const row = rows + <usize>a * stride;
    for (let q = 0; q < np >> 2; q++) {
      tile(row + stride + (<usize>q << 5), stride, row + 2 * half, stride, 4, into + (<usize>q << 9), 32, T, 0);
    }
  }
  const leap = leapAt(ws, np);
  let n: usize = 0;
  for (; n + 32 <= half; n += 32) leapTwo(rows + n, leap + n, half, stride, chunks);
  if (n < half) leapOne(rows + n, leap + n, half, stride, chunks);
}

/** x_{a+1} = Λ x_a + (what stands at a + 1) for four states along `chunks` rows. */
function leapOne(x: usize, leap: usize, half: usize, stride: usize, chunks: i32): void {
  const lr = v128.load(leap);
  const li = v128.load(leap + half);
  let xr = v128.load(x);
  let xi = v128.load(x + half);
  for (let a = 0; a < chunks; a++) {
    x += stride;
    const t = nmadd(li, xi, madd(lr, xr, v128.load(x)));
    xi = madd(li, xr, madd(lr, xi, v128.load(x + half)));
    xr = t;
    v128.store(x, xr);
    v128.store(x + half, xi);
  }
}

/** leapOne for eight states: two chains at a time, since each waits for itself. */
function leapTwo(x: usize, leap: usize, half: usize, stride: usize, chunks: i32): void {
  const lr = v128.load(leap);
  const mr = v128.load(leap, 16);
  const li = v128.load(leap + half);
  const mi = v128.load(leap + half, 16);
  let xr = v128.load(x);
  let zr = v128.load(x, 16);
  let xi = v128.load(x + half);
  let zi = v128.load(x + half, 16);
  for (let a = 0; a < chunks; a++) {
    x += stride;
    const s = nmadd(li, xi, madd(lr, xr, v128.load(x)));
    const t = nmadd(mi, zi, madd(mr, zr, v128.load(x, 16)));
    xi = madd(li, xr, madd(lr, xi, v128.load(x + half)));
    zi = madd(mi, zr, madd(mr, zi, v128.load(x + half, 16)));
    xr = s;
    zr = t;
    v128.store(x, xr);
    v128.store(x, zr, 16);
    v128.store(x + half, xi);
    v128.store(x + half, zi, 16);
  }
}

/** y[16·a + i] of `chunks` rows. */
export function outputs(ws: usize, np: i32, rows: usize, chunks: i32, y: usize): void {
  const stride = <usize>(2 * np + T) << 2;
  const out = outAt(ws, np);
  const block = blockAt(ws, np);
  for (let a = 0; a < chunks; a += 4) {
    const row = rows + <usize>a * stride;
    const whole = a + 4 <= chunks;
    const target = whole ? y + (<usize>a << 6) : block;
    tile(target, 64, row, stride, 4, out, 32, 2 * np + 8, 0);
    tile(target + 32, 64, row, stride, 4, out + (stride << 3), 32, 2 * np + T, 0);
    if (!whole) copyFloats(y + (<usize>a << 6), block, (chunks - a) * T);
  }
}

/** The state in `row` after `steps` < 16 more inputs: x = λ^steps x + Σ_j λ^(steps−1−j) u_j. */
export function advanceTail(ws: usize, np: i32, row: usize, u: usize, steps: i32): void {
  const powers = powersAt(ws);
  const stride = <usize>np << 4;
  const half = <usize>np << 3;
  for (let i: usize = 0; i < <usize>np; i += 2) {
    let p = powers + <usize>steps * stride + (i << 3);
    const re = row + (i << 2);
    const im = re + (<usize>np << 2);
    const xr = f64x2.promote_low_f32x4(v128.load64_zero(re));
    const xi = f64x2.promote_low_f32x4(v128.load64_zero(im));
    const wr = v128.load(p);
    const wi = v128.load(p + half);
    let sr = f64x2.sub(f64x2.mul(wr, xr), f64x2.mul(wi, xi));
    let si = f64x2.add(f64x2.mul(wr, xi), f64x2.mul(wi, xr));
    for (let j = 0; j < steps; j++) {
      p -= stride;
      const v = f64x2.splat(<f64>load<f32>(u + ((<usize>j) << 2)));
      sr = f64x2.add(sr, f64x2.mul(v, v128.load(p)));
      si = f64x2.add(si, f64x2.mul(v, v128.load(p + half)));
    }
    v128.store64_lane(re, f32x4.demote_f64x2_zero(sr), 0);
    v128.store64_lane(im, f32x4.demote_f64x2_zero(si), 0);
  }
}

/**
 * Runs the state in row 0 over `steps` inputs; y = 0 computes states only. Only a last piece may be no multiple of 16 long, and
 * then its end state is only computed when `keep` is set.
 */
export function scanPiece(ws: usize, np: i32, steps: i32, u: usize, y: usize, keep: bool): void {
  const rows = rowsAt(ws, np);
  const chunks = steps / T;
  const tail = steps - chunks * T;
  for (let a = 0; a < chunks; a += GROUP) {
    const count = min(GROUP, chunks - a);
    loadChunks(rows, np, u + (<usize>a << 6), count);
    advance(ws, np, rows, count);
    if (y) outputs(ws, np, rows, count, y + (<usize>a << 6));
    copyFloats(rows, rows + ((<usize>count * (2 * np + T)) << 2), 2 * np);
  }
  if (!tail) return;
  const at = <usize>chunks << 6;
  if (y) tailOutputs(ws, np, rows, u + at, y + at, tail);
  if (keep) advanceTail(ws, np, rows, u + at, tail);
}

/** The outputs of a last chunk of `steps` < 16 from the state in `row`. */
export function tailOutputs(ws: usize, np: i32, row: usize, u: usize, y: usize, steps: i32): void {
  const inputs = row + (<usize>np << 3);
  copyFloats(inputs, u, steps);
  zeroFloats(inputs + (<usize>steps << 2), T - steps);
  const block = blockAt(ws, np);
  const out = outAt(ws, np);
  // One row, four times over: the tile has no smaller shape.
  tile(block, 0, row, 0, 4, out, 32, 2 * np + 8, 0);
  tile(block + 32, 0, row, 0, 4, out + ((<usize>(2 * np + T)) << 5), 32, 2 * np + T, 0);
  copyFloats(y, block, steps);
}

/** Runs one row from its state to its end; y = 0 computes the end state only, endState = 0 the outputs only. */
export function scanRow(
  ws: usize, np: i32, n: i32, length: i32, u: usize, state: usize, y: usize, endState: usize,
): void {
  const rows = rowsAt(ws, np);
  loadState(rows, state, np, n);
  scanPiece(ws, np, length, u, y, endState != 0);
  if (endState) storeState(endState, rows, np, n);
}

/** The chunk matrices of one channel, its four parameters at `logRe` … `cIm`. */
export function fillChannel(
  ws: usize, np: i32, n: i32, logRe: usize, logIm: usize, cRe: usize, cIm: usize, skip: f32,
): void {
  fillPowers(ws, np, n, logRe, logIm, cRe, cIm);
  fillLeap(ws, np, leapAt(ws, np), T);
  fillKernel(ws, np);
  fillInto(ws, np);
  fillOut(ws, np, skip);
}

export function diagonalSsmChunked(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const n = <i32>word(args, 3);
  const np = (n + 3) & ~3;
  const skip = <usize>word(args, 9);
  const states = <usize>word(args, 10);
  const ends = <usize>word(args, 12);
  const ws = <usize>word(args, 13) + <usize>part * <usize>word(args, 14);
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    const at = (<usize>d * n) << 2;
    fillChannel(
      ws, np, n, <usize>word(args, 5) + at, <usize>word(args, 6) + at, <usize>word(args, 7) + at, <usize>word(args, 8) + at,
      skip ? load<f32>(skip + ((<usize>d) << 2)) : 0,
    );
    for (let b = 0; b < batch; b++) {
      const row = <usize>d * batch + b;
      const time = (row * length) << 2;
      const state = (row * n) << 3;
      scanRow(
        ws, np, n, length, <usize>word(args, 4) + time, states ? states + state : 0, <usize>word(args, 11) + time,
        ends ? ends + state : 0,
      );
    }
  }
}
