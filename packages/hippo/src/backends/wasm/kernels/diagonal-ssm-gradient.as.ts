// diagonalSsmGradient: with the chunk matrices of diagonal-ssm-matrices.as.ts and the adjoint P of the state at chunk borders,
//   P_a = Λᵀ P_{a+1} + OUTᵀ dY_a,   dU_a = INTOᵀ P_{a+1} + toeplitz(k)ᵀ dY_a,
//   dINTO = Σ P_{a+1} U_aᵀ,   d[OUT | toeplitz] = Σ [X_a | U_a] dY_aᵀ,   dΛ = Σ P_{a+1} X̄_a   (sums over chunks and batch),
// and once a channel from there to log λ, c and skip: every entry is a power of λ, times c or not (`finish`).
// A first pass over a row keeps one state in 32 chunks; the second walks backwards and recomputes the rest, so memory is
// length/512 states a row. A last chunk of R < 16 steps is one chunk with Λ = λ^R; only a given dEndState makes it special.
// Words: D B L N, dy dEndState u logPoleRe logPoleIm cRe cIm skip state, du dLogPoleRe dLogPoleIm dcRe dcIm dSkip dState,
// workspace, bytes a part. Sums: f32 over about 32 chunks, f64 beyond. Work a step: 12·N + N + 44 multiply-adds.
// Channels are shared out among the parts.
import { copyFloats, zeroFloats } from './causal-fir-correlate.as';
import {
  blockAt, fillInto, fillKernel, fillLeap, fillPowers, leapAt, powersAt, residuesAt, restAt, rowsAt, T, toeplitz,
} from './diagonal-ssm-matrices.as';
import { advance, GROUP, loadChunks, loadState, outputs, storeState, tailOutputs } from './diagonal-ssm-chunked.as';
import { tile } from './diagonal-ssm-tile.as';
import { madd, nmadd, word } from './simd.as';

// Byte offsets behind the forward's part of the workspace.
// @ts-ignore: decorator
@inline
function turnAt(ws: usize, np: usize): usize {
  return restAt(ws, np); // f32 panels [W/8][16 steps][8]: OUT transposed
}
// @ts-ignore: decorator
@inline
function backAt(ws: usize, np: usize): usize {
  return restAt(ws, np) + 128 * np; // f32 panels [2][R][8 steps]: INTO transposed over toeplitz(k) transposed
}
// @ts-ignore: decorator
@inline
function adjointsAt(ws: usize, np: usize): usize {
  return restAt(ws, np) + 256 * np + 1024; // f32 [37][R]: row a + 1 is [P_{a+1} | dY_a]
}
// @ts-ignore: decorator
@inline
function carryAt(ws: usize, np: usize): usize {
  return restAt(ws, np) + 552 * np + 3392; // f32 [W]: P at the end of what is still to come
}
/** f32 sums: dINTO [W][16], d[OUT | toeplitz] [R][16], dΛ [W]. */
// @ts-ignore: decorator
@inline
function partialAt(ws: usize, np: usize): usize {
  return restAt(ws, np) + 560 * np + 3392;
}
/** The same sums in f64, then the last chunk's dΛ. */
// @ts-ignore: decorator
@inline
function sumsAt(ws: usize, np: usize): usize {
  return restAt(ws, np) + 824 * np + 4416;
}
// @ts-ignore: decorator
@inline
function tailLeapAt(ws: usize, np: usize): usize {
  return restAt(ws, np) + 1368 * np + 6464; // f32 [W]: λ^R
}
// @ts-ignore: decorator
@inline
function startsAt(ws: usize, np: usize): usize {
  return restAt(ws, np) + 1376 * np + 6464; // f32 [groups + 1][W]
}
// @ts-ignore: decorator
@inline
function partialCount(np: i32): i32 {
  return 66 * np + 256;
}

/** OUT transposed: turn[(row >> 3)·16 + i][row & 7] = (2 Re z, −2 Im z), z = c λ^(i+1). */
function fillTurn(ws: usize, np: i32): void {
  const turn = turnAt(ws, np);
  const residues = residuesAt(ws, np);
  const far = (<usize>np) << 3;
  for (let i = 0; i < T; i++) {
    const power = powersAt(ws) + ((<usize>(i + 1) * np) << 4);
    for (let n = 0; n < np; n += 2) {
      const at = (<usize>n) << 3;
      const wr = v128.load(power + at);
      const wi = v128.load(power + at + far);
      const cr = v128.load(residues + at);
      const ci = v128.load(residues + at + far);
      const re = f64x2.mul(f64x2.splat(2), f64x2.sub(f64x2.mul(cr, wr), f64x2.mul(ci, wi)));
      const im = f64x2.mul(f64x2.splat(-2), f64x2.add(f64x2.mul(cr, wi), f64x2.mul(ci, wr)));
      const m = np + n;
      v128.store64_lane(turn + (((<usize>(n >> 3) * T + i) << 5) | (<usize>(n & 7) << 2)), f32x4.demote_f64x2_zero(re), 0);
      v128.store64_lane(turn + (((<usize>(m >> 3) * T + i) << 5) | (<usize>(m & 7) << 2)), f32x4.demote_f64x2_zero(im), 0);
    }
  }
}

/** INTO and toeplitz(k) + skip, transposed, as panels over the steps. */
function fillBack(ws: usize, np: i32, skip: f32): void {
  const back = backAt(ws, np);
  const rows = 2 * np + T;
  for (let j = 0; j < T; j++) {
    const power = powersAt(ws) + ((<usize>(T - 1 - j) * np) << 4);
    const column = back + (((<usize>(j >> 3) * rows) << 5) | (<usize>(j & 7) << 2));
    for (let row = 0; row < 2 * np; row++) {
      store<f32>(column + ((<usize>row) << 5), <f32>load<f64>(power + ((<usize>row) << 3)));
    }
    for (let i = 0; i < T; i++) store<f32>(column + ((<usize>(2 * np + i)) << 5), toeplitz(ws, np, i - j, skip));
  }
}

/** target[n] = Λᵀ p[n] + target[n] for one row of states. */
function pullBack(target: usize, p: usize, leap: usize, np: i32): void {
  const half = <usize>np << 2;
  for (let n: usize = 0; n < half; n += 16) {
    const pr = v128.load(p + n);
    const pi = v128.load(p + n + half);
    const lr = v128.load(leap + n);
    const li = v128.load(leap + n + half);
    v128.store(target + n, madd(li, pi, madd(lr, pr, v128.load(target + n))));
    v128.store(target + n + half, nmadd(li, pr, madd(lr, pi, v128.load(target + n + half))));
  }
}

/** Adds the f32 sums to the f64 ones and clears them. */
export function flush(ws: usize, np: i32): void {
  let p = partialAt(ws, np);
  let s = sumsAt(ws, np);
  const end = p + ((<usize>partialCount(np)) << 2);
  const zero = f32x4.splat(0);
  for (; p < end; p += 16, s += 32) {
    const v = v128.load(p);
    v128.store(s, f64x2.add(v128.load(s), f64x2.promote_low_f32x4(v)));
    const high = v128.shuffle<f32>(v, v, 2, 3, 2, 3);
    v128.store(s, f64x2.add(v128.load(s, 16), f64x2.promote_low_f32x4(high)), 16);
    v128.store(p, zero);
  }
}

/** Adds the parameter sums of `chunks` chunks: X and U in `rows`, P and dY in `adjoints` (one row later). */
function addSums(ws: usize, np: i32, rows: usize, adjoints: usize, chunks: i32): void {
  const stride = <usize>(2 * np + T) << 2;
  const inputs = <usize>np << 3;
  const dInto = partialAt(ws, np);
  const dOut = dInto + (<usize>np << 7);
  for (let row = 0; row < 2 * np; row += 4) {
    const c = dInto + ((<usize>row) << 6);
    const a = adjoints + ((<usize>row) << 2);
    tile(c, 64, a, 4, stride, rows + inputs, stride, chunks, 1);
    tile(c + 32, 64, a, 4, stride, rows + inputs + 32, stride, chunks, 1);
  }
  for (let row = 0; row < 2 * np + T; row += 4) {
    const c = dOut + ((<usize>row) << 6);
    const a = rows + ((<usize>row) << 2);
    tile(c, 64, a, 4, stride, adjoints + inputs, stride, chunks, 1);
    tile(c + 32, 64, a, 4, stride, adjoints + inputs + 32, stride, chunks, 1);
  }
}

/** dΛ += Σ P X̄ over `chunks` rows. */
function addLeapSums(ws: usize, np: i32, rows: usize, adjoints: usize, chunks: i32): void {
  const stride = <usize>(2 * np + T) << 2;
  const half = <usize>np << 2;
  const dLeap = partialAt(ws, np) + (<usize>np << 8) + 1024;
  for (let n: usize = 0; n < half; n += 16) {
    let sr = v128.load(dLeap + n);
    let si = v128.load(dLeap + n + half);
    let tr = f32x4.splat(0);
    let ti = f32x4.splat(0);
    let x = rows + n;
    let p = adjoints + n;
    for (let a = 0; a < chunks; a++, x += stride, p += stride) {
      const xr = v128.load(x);
      const xi = v128.load(x + half);
      const pr = v128.load(p);
      const pi = v128.load(p + half);
      sr = madd(pr, xr, sr);
      tr = madd(pi, xi, tr);
      si = madd(pi, xr, si);
      ti = nmadd(pr, xi, ti);
    }
    v128.store(dLeap + n, f32x4.add(sr, tr));
    v128.store(dLeap + n + half, f32x4.add(si, ti));
  }
}

/** The part of a last chunk's gradient that a given dEndState makes: P (in `carry`) through `steps` powers of λ, in f64. */
function tailFromEnd(ws: usize, np: i32, row: usize, carry: usize, du: usize, steps: i32): void {
  const sums = sumsAt(ws, np);
  const dTail = sums + ((<usize>partialCount(np)) << 3);
  const u = row + (<usize>np << 3);
  for (let j = 0; j < steps; j++) {
    const power = powersAt(ws) + ((<usize>(steps - 1 - j) * np) << 4);
    const column = T - steps + j; // the column of INTO that holds this power
    let sum: f64 = 0;
    const v = <f64>load<f32>(u + ((<usize>j) << 2));
    for (let n = 0; n < 2 * np; n++) {
      const p = <f64>load<f32>(carry + ((<usize>n) << 2));
      sum += p * load<f64>(power + ((<usize>n) << 3));
      const at = sums + ((<usize>(n * T + column)) << 3);
      store<f64>(at, load<f64>(at) + p * v);
    }
    const at = du + ((<usize>j) << 2);
    store<f32>(at, load<f32>(at) + <f32>sum);
  }
  for (let n = 0; n < np; n++) {
    const pr = <f64>load<f32>(carry + ((<usize>n) << 2));
    const pi = <f64>load<f32>(carry + ((<usize>(np + n)) << 2));
    const xr = <f64>load<f32>(row + ((<usize>n) << 2));
    const xi = <f64>load<f32>(row + ((<usize>(np + n)) << 2));
    const re = dTail + ((<usize>n) << 3);
    const im = dTail + ((<usize>(np + n)) << 3);
    store<f64>(re, load<f64>(re) + pr * xr + pi * xi);
    store<f64>(im, load<f64>(im) + pi * xr - pr * xi);
  }
}

/** The last chunk of `steps` < 16: state `start`; leaves P at its start in the carry. */
function tailGradient(
  ws: usize, np: i32, start: usize, u: usize, dy: usize, du: usize, y: usize, steps: i32, hasEnd: bool,
): void {
  const row = rowsAt(ws, np);
  const adjoint = adjointsAt(ws, np) + ((<usize>(2 * np + T)) << 2);
  const inputs = <usize>np << 3;
  const carry = carryAt(ws, np);
  const block = blockAt(ws, np);
  copyFloats(row, start, 2 * np);
  copyFloats(row + inputs, u, steps);
  zeroFloats(row + inputs + (<usize>steps << 2), T - steps);
  zeroFloats(adjoint, 2 * np);
  copyFloats(adjoint + inputs, dy, steps);
  zeroFloats(adjoint + inputs + (<usize>steps << 2), T - steps);
  if (y) tailOutputs(ws, np, row, u, y, steps);
  const back = backAt(ws, np) + (<usize>np << 6);
  tile(block, 0, adjoint + inputs, 0, 4, back, 32, T, 0);
  tile(block + 32, 0, adjoint + inputs, 0, 4, back + ((<usize>(2 * np + T)) << 5), 32, T, 0);
  copyFloats(du, block, steps);
  addSums(ws, np, row, adjoint, 1);
  if (hasEnd) tailFromEnd(ws, np, row, carry, du, steps);
  // P at the start: OUTᵀ dY, then Λᵀ P.
  const turn = turnAt(ws, np);
  for (let q = 0; q < np >> 2; q++) {
    tile(adjoint + (<usize>q << 5), 0, adjoint + inputs, 0, 4, turn + (<usize>q << 9), 32, T, 0);
  }
  pullBack(adjoint, carry, tailLeapAt(ws, np), np);
  copyFloats(carry, adjoint, 2 * np);
}

/** One group of chunks, from the state `start`; takes P at its end from the carry and leaves P at its start there. */
function groupGradient(
  ws: usize, np: i32, start: usize, u: usize, dy: usize, du: usize, y: usize, chunks: i32,
): void {
  const rows = rowsAt(ws, np);
  const stride = <usize>(2 * np + T) << 2;
  const inputs = <usize>np << 3;
  const adjoints = adjointsAt(ws, np);
  const after = adjoints + stride;
  const carry = carryAt(ws, np);
  const block = blockAt(ws, np);
  copyFloats(rows, start, 2 * np);
  loadChunks(rows, np, u, chunks);
  advance(ws, np, rows, chunks);
  loadChunks(after, np, dy, chunks);
  if (y) outputs(ws, np, rows, chunks, y);
  const turn = turnAt(ws, np);
  for (let a = 0; a < chunks; a += 4) {
    const row = adjoints + <usize>a * stride;
    for (let q = 0; q < np >> 2; q++) {
      tile(row + (<usize>q << 5), stride, row + stride + inputs, stride, 4, turn + (<usize>q << 9), 32, T, 0);
    }
  }
  copyFloats(adjoints + <usize>chunks * stride, carry, 2 * np);
  const leap = leapAt(ws, np);
  for (let a = chunks - 1; a >= 0; a--) {
    const row = adjoints + <usize>a * stride;
    pullBack(row, row + stride, leap, np);
  }
  copyFloats(carry, adjoints, 2 * np);
  const back = backAt(ws, np);
  for (let a = 0; a < chunks; a += 4) {
    const row = after + <usize>a * stride;
    const whole = a + 4 <= chunks;
    const target = whole ? du + (<usize>a << 6) : block;
    tile(target, 64, row, stride, 4, back, 32, 2 * np + T, 0);
    tile(target + 32, 64, row, stride, 4, back + (stride << 3), 32, 2 * np + T, 0);
    if (!whole) copyFloats(du + (<usize>a << 6), block, (chunks - a) * T);
  }
  addSums(ws, np, rows, after, chunks);
  addLeapSums(ws, np, rows, after, chunks);
}

/**
 * From the sums to the parameters. With w_l = λ^l, z_l = c·w_l and the gradients gw_l (of INTO, Λ) and gz_l (of OUT and k):
 * dc = Σ_l gz_l w̄_l,   d log λ = Σ_l l·(gz_l c̄ + gw_l) w̄_l.
 */
export function finish(
  ws: usize, np: i32, n: i32, tail: i32, dLogRe: usize, dLogIm: usize, dcRe: usize, dcIm: usize, dSkip: usize,
): void {
  const sums = sumsAt(ws, np);
  const dOut = sums + (<usize>np << 8);
  const dLeap = dOut + (<usize>np << 8) + 2048;
  const dTail = sums + ((<usize>partialCount(np)) << 3);
  const dKernel = dOut + (<usize>np << 8); // [16 steps in][16 steps out]; its diagonals' sums go to row 0
  for (let l = 0; l < T; l++) {
    let sum = load<f64>(dKernel + ((<usize>l) << 3));
    for (let j = 1; j < T - l; j++) sum += load<f64>(dKernel + ((<usize>(j * T + j + l)) << 3));
    store<f64>(dKernel + ((<usize>l) << 3), sum);
  }
  if (dSkip) store<f32>(dSkip, <f32>load<f64>(dKernel));
  for (let i = 0; i < n; i++) {
    const cr = load<f64>(residuesAt(ws, np) + ((<usize>i) << 3));
    const ci = load<f64>(residuesAt(ws, np) + ((<usize>(np + i)) << 3));
    let cSumRe: f64 = 0;
    let cSumIm: f64 = 0;
    let logRe: f64 = 0;
    let logIm: f64 = 0;
    for (let l = 0; l <= T; l++) {
      const power = powersAt(ws) + ((<usize>l * np) << 4);
      const wr = load<f64>(power + ((<usize>i) << 3));
      const wi = load<f64>(power + ((<usize>(np + i)) << 3));
      let zr: f64 = 0;
      let zi: f64 = 0;
      if (l > 0) {
        zr = 2 * load<f64>(dOut + ((<usize>(i * T + l - 1)) << 3));
        zi = -2 * load<f64>(dOut + ((<usize>((np + i) * T + l - 1)) << 3));
      }
      let gr: f64;
      let gi: f64;
      if (l < T) {
        zr += 2 * load<f64>(dKernel + ((<usize>l) << 3));
        gr = load<f64>(sums + ((<usize>(i * T + T - 1 - l)) << 3));
        gi = load<f64>(sums + ((<usize>((np + i) * T + T - 1 - l)) << 3));
      } else {
        gr = load<f64>(dLeap + ((<usize>i) << 3));
        gi = load<f64>(dLeap + ((<usize>(np + i)) << 3));
      }
      if (l == tail) {
        gr += load<f64>(dTail + ((<usize>i) << 3));
        gi += load<f64>(dTail + ((<usize>(np + i)) << 3));
      }
      cSumRe += zr * wr + zi * wi;
      cSumIm += zi * wr - zr * wi;
      gr += zr * cr + zi * ci;
      gi += zi * cr - zr * ci;
      logRe += <f64>l * (gr * wr + gi * wi);
      logIm += <f64>l * (gi * wr - gr * wi);
    }
    const at = (<usize>i) << 2;
    if (dcRe) store<f32>(dcRe + at, <f32>cSumRe);
    if (dcIm) store<f32>(dcIm + at, <f32>cSumIm);
    if (dLogRe) store<f32>(dLogRe + at, <f32>logRe);
    if (dLogIm) store<f32>(dLogIm + at, <f32>logIm);
  }
}

// @ts-ignore: decorator
@inline
export function given(base: usize, offset: usize): usize {
  return base ? base + offset : 0;
}

/** The chunk matrices of one channel and their transposes for rows of `length`, all sums at zero. */
export function fillGradient(
  ws: usize, np: i32, n: i32, length: i32, logRe: usize, logIm: usize, cRe: usize, cIm: usize, skip: f32,
): void {
  fillPowers(ws, np, n, logRe, logIm, cRe, cIm);
  fillLeap(ws, np, leapAt(ws, np), T);
  fillLeap(ws, np, tailLeapAt(ws, np), length % T);
  fillKernel(ws, np);
  fillInto(ws, np);
  fillTurn(ws, np);
  fillBack(ws, np, skip);
  zeroFloats(partialAt(ws, np), partialCount(np));
  zeroFloats(sumsAt(ws, np), 2 * (partialCount(np) + 2 * np));
}

/**
 * The gradient of one row: du, dState, and its share of the sums. y ≠ 0 also writes the row's outputs (for which OUT must be filled).
 * du may lie over u or dy, and y over dy. `pending` counts chunks in the f32 sums; returns its new value.
 */
export function rowGradient(
  ws: usize, np: i32, n: i32, length: i32, dy: usize, dEnd: usize, u: usize, state: usize, du: usize, dState: usize, y: usize,
  pending: i32,
): i32 {
  const chunks = length / T;
  const tail = length - chunks * T;
  const groups = (chunks + GROUP - 1) / GROUP;
  const rows = rowsAt(ws, np);
  const starts = startsAt(ws, np);
  const carry = carryAt(ws, np);
  const stateBytes = <usize>np << 3;
  loadState(rows, state, np, n);
  for (let g = 0; g < groups; g++) {
    copyFloats(starts + <usize>g * stateBytes, rows, 2 * np);
    if (g == groups - 1 && tail == 0) break;
    const count = min(GROUP, chunks - g * GROUP);
    loadChunks(rows, np, u + (<usize>(g * GROUP) << 6), count);
    advance(ws, np, rows, count);
    copyFloats(rows, rows + ((<usize>count * (2 * np + T)) << 2), 2 * np);
  }
  loadState(carry, dEnd, np, n);
  if (tail) {
    const from = <usize>chunks << 6;
    const start = starts + <usize>groups * stateBytes;
    copyFloats(start, rows, 2 * np);
    tailGradient(ws, np, start, u + from, dy + from, du + from, given(y, from), tail, dEnd != 0);
    pending++;
  }
  for (let g = groups - 1; g >= 0; g--) {
    const from = <usize>(g * GROUP) << 6;
    const count = min(GROUP, chunks - g * GROUP);
    groupGradient(ws, np, starts + <usize>g * stateBytes, u + from, dy + from, du + from, given(y, from), count);
    pending += count;
    if (pending >= GROUP) {
      flush(ws, np);
      pending = 0;
    }
  }
  if (dState) storeState(dState, carry, np, n);
  return pending;
}

export function diagonalSsmGradient(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const n = <i32>word(args, 3);
  const np = (n + 3) & ~3;
  const skip = <usize>word(args, 11);
  const ws = <usize>word(args, 20) + <usize>part * <usize>word(args, 21);
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    const at = (<usize>d * n) << 2;
    fillGradient(
      ws, np, n, length, <usize>word(args, 7) + at, <usize>word(args, 8) + at, <usize>word(args, 9) + at,
      <usize>word(args, 10) + at, skip ? load<f32>(skip + ((<usize>d) << 2)) : 0,
    );
    let pending = 0;
    for (let b = 0; b < batch; b++) {
      const row = <usize>d * batch + b;
      const time = (row * length) << 2;
      const place = (row * n) << 3;
      pending = rowGradient(
        ws, np, n, length, <usize>word(args, 4) + time, given(<usize>word(args, 5), place), <usize>word(args, 6) + time,
        given(<usize>word(args, 12), place), <usize>word(args, 13) + time, given(<usize>word(args, 19), place), 0, pending,
      );
    }
    flush(ws, np);
    finish(
      ws, np, n, length % T, given(<usize>word(args, 14), at), given(<usize>word(args, 15), at), given(<usize>word(args, 16), at),
      given(<usize>word(args, 17), at), given(<usize>word(args, 18), (<usize>d) << 2),
    );
  }
}
