// diagonalSsmConvolution: the state-space operator as a long convolution. Its kernel k_l = 2 Re Σ_n c_n λ_n^l is written chunk by
// chunk as OUT·λ^(16a), with λ^(16a) carried in f64 (relative error 1e-16 a chunk: 1e-12 after a million steps), its
// spectrum taken once a channel, and every row filtered (fft.as.ts). The initial state adds OUT·(λ^(16a) x0) to the outputs.
// The end state is the chunked form's, without its outputs.
// Words: as diagonalSsmChunked up to endState, then table, H, workspace, bytes a part. Channels are shared out among the parts.
import { copyFloats, gather } from './causal-fir-correlate.as';
import {
  blockAt, fillInto, fillKernel, fillLeap, fillOut, fillPowers, kernelAt, leapAt, outAt, powersAt, restAt, rowsAt, T,
} from './diagonal-ssm-matrices.as';
import { GROUP, scanRow } from './diagonal-ssm-chunked.as';
import { tile } from './diagonal-ssm-tile.as';
import { filterRow, spectrum } from './fft.as';
import { MULTIPLY } from './fft-passes.as';
import { word } from './simd.as';

/** out[t] (+)= 2 Re Σ_n c_n λ_n^(t+1) z_n for t < length, z = [re | im] in f64 at `wave`, which is left advanced. */
function respond(ws: usize, np: i32, wave: usize, out: usize, length: i32, add: i32): void {
  const stride = <usize>(2 * np + T) << 2;
  const rows = rowsAt(ws, np);
  const matrix = outAt(ws, np);
  const block = blockAt(ws, np);
  const leap = powersAt(ws) + ((<usize>T * np) << 4);
  const half = <usize>np << 3;
  for (let t = 0; t < length; t += T * GROUP) {
    const chunks = min(GROUP, (length - t + T - 1) / T);
    for (let a = 0; a < chunks; a++) {
      const row = rows + <usize>a * stride;
      for (let i: usize = 0; i < half; i += 16) {
        const zr = v128.load(wave + i);
        const zi = v128.load(wave + i + half);
        v128.store64_lane(row + (i >> 1), f32x4.demote_f64x2_zero(zr), 0);
        v128.store64_lane(row + ((i + half) >> 1), f32x4.demote_f64x2_zero(zi), 0);
        const lr = v128.load(leap + i);
        const li = v128.load(leap + i + half);
        v128.store(wave + i, f64x2.sub(f64x2.mul(zr, lr), f64x2.mul(zi, li)));
        v128.store(wave + i + half, f64x2.add(f64x2.mul(zr, li), f64x2.mul(zi, lr)));
      }
    }
    for (let a = 0; a < chunks; a += 4) {
      const row = rows + <usize>a * stride;
      const begin = t + a * T;
      const left = min(4 * T, length - begin);
      const target = out + (<usize>begin << 2);
      const whole = left == 4 * T;
      if (add && !whole) copyFloats(block, target, left);
      const place = whole ? target : block;
      tile(place, 64, row, stride, 4, matrix, 32, 2 * np, add);
      tile(place + 32, 64, row, stride, 4, matrix + (stride << 3), 32, 2 * np, add);
      if (!whole) copyFloats(target, block, left);
    }
  }
}

/** The state that `respond` advances: f64 [re | im][np]. */
// @ts-ignore: decorator
@inline
export function waveAt(ws: usize, np: usize): usize {
  return restAt(ws, np);
}

/**
 * The spectrum of one channel's kernel, 1/size included, at `filter`. `room` holds length floats, `padded` size floats. Fills
 * the chunk matrices too, INTO only when `into` is set.
 */
export function fillSpectrum(
  ws: usize, np: i32, n: i32, logRe: usize, logIm: usize, cRe: usize, cIm: usize, length: i32, size: i32, table: usize,
  filter: usize, padded: usize, room: usize, into: bool,
): void {
  fillPowers(ws, np, n, logRe, logIm, cRe, cIm);
  fillLeap(ws, np, leapAt(ws, np), T);
  fillKernel(ws, np);
  if (into) fillInto(ws, np);
  fillOut(ws, np, 0);
  const wave = waveAt(ws, np);
  // k_0 stands alone; the rest is the response to the state λ^0.
  store<f32>(room, load<f32>(kernelAt(ws, np)));
  memory.copy(wave, powersAt(ws), <usize>np << 4);
  respond(ws, np, wave, room + 4, length - 1, 0);
  gather(padded, 0, size, 0, 0, room, length);
  spectrum(filter, padded, size, table, 1 / <f32>size);
}

/** Adds to a row of outputs what the state at its start contributes. */
export function addResponse(ws: usize, np: i32, n: i32, length: i32, state: usize, y: usize): void {
  const wave = waveAt(ws, np);
  for (let i = 0; i < np; i++) {
    const real = i < n;
    store<f64>(wave + ((<usize>i) << 3), real ? <f64>load<f32>(state + ((<usize>i) << 2)) : 0);
    store<f64>(wave + ((<usize>(np + i)) << 3), real ? <f64>load<f32>(state + ((<usize>(n + i)) << 2)) : 0);
  }
  respond(ws, np, wave, y, length, 1);
}

export function diagonalSsmConvolution(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const n = <i32>word(args, 3);
  const np = (n + 3) & ~3;
  const skip = <usize>word(args, 9);
  const states = <usize>word(args, 10);
  const ends = <usize>word(args, 12);
  const table = <usize>word(args, 13);
  const size = <i32>word(args, 14);
  const ws = <usize>word(args, 15) + <usize>part * <usize>word(args, 16);
  const filter = waveAt(ws, np) + (<usize>np << 4);
  const data = filter + (<usize>size << 3);
  const padded = data + (<usize>size << 3);
  const result = padded + (<usize>size << 2);
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    const at = (<usize>d * n) << 2;
    fillSpectrum(
      ws, np, n, <usize>word(args, 5) + at, <usize>word(args, 6) + at, <usize>word(args, 7) + at, <usize>word(args, 8) + at,
      length, size, table, filter, padded, result, ends != 0,
    );
    const s: f32 = skip ? load<f32>(skip + ((<usize>d) << 2)) : 0;
    for (let b = 0; b < batch; b++) {
      const row = <usize>d * batch + b;
      const u = <usize>word(args, 4) + ((row * length) << 2);
      const y = <usize>word(args, 11) + ((row * length) << 2);
      const state: usize = states ? states + ((row * n) << 3) : 0;
      if (length == size) {
        filterRow(y, u, s, size, table, filter, MULTIPLY, data);
      } else {
        gather(padded, 0, size, 0, 0, u, length);
        filterRow(result, padded, s, size, table, filter, MULTIPLY, data);
        copyFloats(y, result, length);
      }
      if (state) addResponse(ws, np, n, length, state, y);
      if (ends) scanRow(ws, np, n, length, u, state, 0, ends + ((row * n) << 3));
    }
  }
}
