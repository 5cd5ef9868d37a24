// diagonalSsmGradientConvolution: the gradient of the convolution form, for rows without states. With the spectra of u, dy and the
// kernel k (fft.as.ts), du is the correlation of dy with k and dk that of dy with u, summed over the batch. Then, once a channel,
//   S0 = Σ_l dk_l λ^l,  S1 = Σ_l l·dk_l λ^l;   dc = 2 S̄0,   d log λ = 2 c̄ S̄1,   dskip = dk_0.
// S0 is the end state of a scan over dk backwards, and S1 its derivative along log λ, carried with it chunk by chunk:
//   X' = Λ X + INTO·U,   H' = Λ (H + 16 X) + SLOPE·U,   SLOPE[n,j] = (15−j)·λ_n^(15−j).
// Work: three transforms a row; a channel two more, and 16·N multiply-adds a step for k, S0 and S1.
// Words: as diagonalSsmGradient (dEndState, state and dState absent) up to bytes a part, then table, H.
import { copyFloats, gather, reverseFloats, zeroFloats } from './causal-fir-correlate.as';
import { advance, GROUP, loadChunks } from './diagonal-ssm-chunked.as';
import { fillSpectrum } from './diagonal-ssm-convolution.as';
import { given } from './diagonal-ssm-gradient.as';
import { leapAt, narrow, powersAt, residuesAt, restAt, rowsAt, T } from './diagonal-ssm-matrices.as';
import { tile } from './diagonal-ssm-tile.as';
import { causalAdjoint, inverseRow, spectrum } from './fft.as';
import { madd, nmadd, word } from './simd.as';

// Byte offsets behind the convolution's part of the workspace (its wave is 16·np bytes).
// @ts-ignore: decorator
@inline
function slopeAt(ws: usize, np: usize): usize {
  return restAt(ws, np) + 16 * np; // f32 panels [W/8][16 steps][8]
}
// @ts-ignore: decorator
@inline
function slopesAt(ws: usize, np: usize): usize {
  return restAt(ws, np) + 144 * np; // f32 [36][W]: H of 32 chunks, one more, tiles' overhang
}
/** What the caller may use: the spectra. */
// @ts-ignore: decorator
@inline
export function spectraAt(ws: usize, np: usize): usize {
  return restAt(ws, np) + 432 * np;
}

function fillSlope(ws: usize, np: i32): void {
  let out = slopeAt(ws, np);
  const stride = <usize>np << 4;
  for (let row = 0; row < 2 * np; row += 8) {
    let p = powersAt(ws) + <usize>T * stride + ((<usize>row) << 3);
    for (let j = 0; j < T; j++, out += 32) {
      const l = f64x2.splat(<f64>(T - 1 - j));
      p -= stride;
      v128.store(out, narrow(f64x2.mul(v128.load(p), l), f64x2.mul(v128.load(p, 16), l)));
      v128.store(out, narrow(f64x2.mul(v128.load(p, 32), l), f64x2.mul(v128.load(p, 48), l)), 16);
    }
  }
}

/** h_{a+1} = Λ (h_a + 16 x_a) + (what stands at a + 1), all states, along `chunks` rows. */
function leapSlopes(slopes: usize, rows: usize, leap: usize, np: i32, chunks: i32): void {
  const half = <usize>np << 2;
  const width = half << 1;
  const stride = width + (<usize>T << 2);
  const steps = f32x4.splat(<f32>T);
  for (let n: usize = 0; n < half; n += 16) {
    const lr = v128.load(leap + n);
    const li = v128.load(leap + n + half);
    let h = slopes + n;
    let x = rows + n;
    let hr = v128.load(h);
    let hi = v128.load(h + half);
    for (let a = 0; a < chunks; a++, x += stride) {
      h += width;
      hr = madd(steps, v128.load(x), hr);
      hi = madd(steps, v128.load(x + half), hi);
      const t = nmadd(li, hi, madd(lr, hr, v128.load(h)));
      hi = madd(li, hr, madd(lr, hi, v128.load(h + half)));
      hr = t;
      v128.store(h, hr);
      v128.store(h + half, hi);
    }
  }
}

/** S0 in the first of the rows and S1 in the first of the slopes, from dk backwards (whole chunks). */
function sumPowers(ws: usize, np: i32, backwards: usize, chunks: i32): void {
  const rows = rowsAt(ws, np);
  const slopes = slopesAt(ws, np);
  const panel = slopeAt(ws, np);
  const width = <usize>np << 3;
  const stride = width + (<usize>T << 2);
  zeroFloats(rows, 2 * np);
  zeroFloats(slopes, 2 * np);
  for (let a = 0; a < chunks; a += GROUP) {
    const count = min(GROUP, chunks - a);
    loadChunks(rows, np, backwards + (<usize>a << 6), count);
    for (let c = 0; c < count; c += 4) {
      const row = rows + <usize>c * stride + width;
      const slope = slopes + <usize>(c + 1) * width;
      for (let q = 0; q < np >> 2; q++) {
        tile(slope + (<usize>q << 5), width, row, stride, 4, panel + (<usize>q << 9), 32, T, 0);
      }
    }
    advance(ws, np, rows, count);
    leapSlopes(slopes, rows, leapAt(ws, np), np, count);
    copyFloats(rows, rows + <usize>count * stride, 2 * np);
    copyFloats(slopes, slopes + <usize>count * width, 2 * np);
  }
}

/** The parameters' gradients from scale·dk; `room` holds length floats, rounded up to whole chunks. Targets at 0 are skipped. */
export function finishSpectral(
  ws: usize, np: i32, n: i32, length: i32, dk: usize, scale: f32, room: usize, dLogRe: usize, dLogIm: usize, dcRe: usize,
  dcIm: usize, dSkip: usize,
): void {
  if (dSkip) store<f32>(dSkip, scale * load<f32>(dk));
  fillSlope(ws, np);
  const chunks = (length + T - 1) / T;
  const lead = chunks * T - length;
  zeroFloats(room, lead);
  reverseFloats(room + ((<usize>lead) << 2), dk, length);
  sumPowers(ws, np, room, chunks);
  const rows = rowsAt(ws, np);
  const slopes = slopesAt(ws, np);
  const s = 2 * <f64>scale;
  for (let i = 0; i < n; i++) {
    const re = (<usize>i) << 2;
    const im = (<usize>(np + i)) << 2;
    const cr = load<f64>(residuesAt(ws, np) + ((<usize>i) << 3));
    const ci = load<f64>(residuesAt(ws, np) + ((<usize>(np + i)) << 3));
    const hr = <f64>load<f32>(slopes + re);
    const hi = <f64>load<f32>(slopes + im);
    if (dcRe) store<f32>(dcRe + re, <f32>(s * <f64>load<f32>(rows + re)));
    if (dcIm) store<f32>(dcIm + re, <f32>(-s * <f64>load<f32>(rows + im)));
    if (dLogRe) store<f32>(dLogRe + re, <f32>(s * (cr * hr - ci * hi)));
    if (dLogIm) store<f32>(dLogIm + re, <f32>(-s * (cr * hi + ci * hr)));
  }
}

export function diagonalSsmGradientConvolution(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const n = <i32>word(args, 3);
  const np = (n + 3) & ~3;
  const skip = <usize>word(args, 11);
  const ws = <usize>word(args, 20) + <usize>part * <usize>word(args, 21);
  const table = <usize>word(args, 22);
  const size = <i32>word(args, 23);
  const whole = length == size;
  const sum = spectraAt(ws, np);
  const filter = sum + (<usize>size << 3);
  const uSpectrum = filter + (<usize>size << 3);
  const dySpectrum = uSpectrum + (<usize>size << 3);
  const padded = dySpectrum + (<usize>size << 3);
  const result = padded + (<usize>size << 2);
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    const at = (<usize>d * n) << 2;
    fillSpectrum(
      ws, np, n, <usize>word(args, 7) + at, <usize>word(args, 8) + at, <usize>word(args, 9) + at, <usize>word(args, 10) + at,
      length, size, table, filter, padded, result, true,
    );
    zeroFloats(sum, size << 1);
    const s: f32 = skip ? load<f32>(skip + ((<usize>d) << 2)) : 0;
    for (let b = 0; b < batch; b++) {
      const time = ((<usize>d * batch + b) * length) << 2;
      let dy = <usize>word(args, 4) + time;
      const u = <usize>word(args, 6) + time;
      const du = <usize>word(args, 13) + time;
      if (whole) {
        spectrum(uSpectrum, u, size, table, 1);
      } else {
        gather(padded, 0, size, 0, 0, u, length);
        spectrum(uSpectrum, padded, size, table, 1);
        gather(padded, 0, size, 0, 0, dy, length);
        dy = padded;
      }
      spectrum(dySpectrum, dy, size, table, 1);
      causalAdjoint(sum, dySpectrum, uSpectrum, filter, size);
      inverseRow(whole ? du : result, dy, s, dySpectrum, size, table);
      if (!whole) copyFloats(du, result, length);
    }
    zeroFloats(padded, size);
    inverseRow(padded, padded, 0, sum, size, table);
    finishSpectral(
      ws, np, n, length, padded, 1 / <f32>size, result, given(<usize>word(args, 14), at), given(<usize>word(args, 15), at),
      given(<usize>word(args, 16), at), given(<usize>word(args, 17), at), given(<usize>word(args, 18), (<usize>d) << 2),
    );
  }
}
