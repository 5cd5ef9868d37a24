// h3MixerGradient: of y = q ⊙ o, o = diagonal(u), u = v ⊙ s, s = shift(k), with dy given:
//   dq = dy ⊙ o,   du = diagonalᵀ(dy ⊙ q),   dv = du ⊙ s,   dk = shiftᵀ(du ⊙ v),   and the parameters' sums.
// Reads q, k, v and dy; s, u and o are computed again, row by row, in buffers of the workspace. The diagonal's part runs in chunks
// (diagonal-ssm-gradient.as.ts) or, for rows without states, by transform (diagonal-ssm-gradient-convolution.as.ts), where o costs
// one transform more. The filter's part is that of causal-fir-gradient.as.ts.
// Words: D B L N M, dy dShiftEnd dEndState q k v taps shiftSkip logPoleRe logPoleIm cRe cIm skip shiftState state, dq dk dv dTaps
// dShiftSkip dLogPoleRe dLogPoleIm dcRe dcIm dSkip dShiftState dState, form, table, H, workspace, bytes a part.
// Channels are shared out among the parts.
import { addScaled, filterPiece } from './causal-fir.as';
import { multiplyFloats, reverseFloats, zeroFloats } from './causal-fir-correlate.as';
import { addTapSums, inputGradient, longDot, narrowSums } from './causal-fir-gradient.as';
import { fillSpectrum } from './diagonal-ssm-convolution.as';
import { fillGradient, finish, flush, given, rowGradient } from './diagonal-ssm-gradient.as';
import { finishSpectral, spectraAt } from './diagonal-ssm-gradient-convolution.as';
import { fillOut, T } from './diagonal-ssm-matrices.as';
import { adjointSpectra, inverseRow, spectrum } from './fft.as';
import { CONVOLUTION, filterRestAt, pieceAt, reversedAt } from './h3-mixer.as';
import { word } from './simd.as';

/** du over the zero-padded u and o over the zero-padded dy ⊙ q, by transform; adds to the spectrum of dk. `room`: size floats. */
function convolveBack(ws: usize, np: i32, size: i32, table: usize, u: usize, dy: usize, skip: f32, room: usize): void {
  const sum = spectraAt(ws, np);
  const filter = sum + (<usize>size << 3);
  const uSpectrum = filter + (<usize>size << 3);
  const dySpectrum = uSpectrum + (<usize>size << 3);
  spectrum(uSpectrum, u, size, table, 1);
  spectrum(dySpectrum, dy, size, table, 1);
  adjointSpectra(sum, dySpectrum, uSpectrum, filter, size);
  inverseRow(room, dy, skip, dySpectrum, size, table);
  inverseRow(dy, u, skip, uSpectrum, size, table);
  memory.copy(u, room, <usize>size << 2);
}

export function h3MixerGradient(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const n = <i32>word(args, 3);
  const np = (n + 3) & ~3;
  const taps = <i32>word(args, 4);
  const lead = taps - 1;
  const spectral = word(args, 32) == CONVOLUTION;
  const table = <usize>word(args, 33);
  const size = <i32>word(args, 34);
  const scratch = <usize>word(args, 35) + <usize>part * <usize>word(args, 36);
  const reversed = reversedAt(scratch);
  const piece = pieceAt(scratch, taps);
  const sums = filterRestAt(scratch, taps);
  const partial = sums + (((<usize>taps + 1) & ~1) << 3);
  const room = <usize>(spectral ? size : (length + 3) & ~3) << 2;
  const shifted = partial + (((<usize>taps + 3) & ~3) << 2);
  const inner = shifted + room; // u, then du, then du ⊙ v
  const outer = inner + room; // dy ⊙ q, then o
  const spare = outer + room;
  const ws = spectral ? spare + room : spare;
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    const at = (<usize>d * n) << 2;
    const channel = (<usize>d) << 2;
    const logRe = <usize>word(args, 13) + at;
    const logIm = <usize>word(args, 14) + at;
    const cRe = <usize>word(args, 15) + at;
    const cIm = <usize>word(args, 16) + at;
    const w = <usize>word(args, 11) + channel * taps;
    const shiftSkip = load<f32>(<usize>word(args, 12) + channel);
    const skip = load<f32>(<usize>word(args, 17) + channel);
    reverseFloats(reversed, w, taps);
    zeroFloats(sums, 2 * taps);
    if (spectral) {
      const filter = spectraAt(ws, np) + (<usize>size << 3);
      fillSpectrum(ws, np, n, logRe, logIm, cRe, cIm, length, size, table, filter, inner, outer, true);
      zeroFloats(spectraAt(ws, np), size << 1);
    } else {
      fillGradient(ws, np, n, length, logRe, logIm, cRe, cIm, skip);
      fillOut(ws, np, skip);
    }
    let pending = 0;
    let shiftSkipSum: f64 = 0;
    for (let b = 0; b < batch; b++) {
      const row = <usize>d * batch + b;
      const time = (row * length) << 2;
      const place = (row * n) << 3;
      const shiftPlace = (row * lead) << 2;
      const dy = <usize>word(args, 5) + time;
      const q = <usize>word(args, 8) + time;
      const k = <usize>word(args, 9) + time;
      const v = <usize>word(args, 10) + time;
      const dk = <usize>word(args, 21) + time;
      const dShiftEnd = given(<usize>word(args, 6), shiftPlace);
      const shiftState = given(<usize>word(args, 18), shiftPlace);
      const dShiftState = given(<usize>word(args, 30), shiftPlace);
      filterPiece(shifted, 0, length, k, shiftState, length, reversed, taps, shiftSkip, scratch, piece);
      multiplyFloats(inner, shifted, v, length);
      multiplyFloats(outer, dy, q, length);
      if (spectral) {
        zeroFloats(inner + ((<usize>length) << 2), size - length);
        zeroFloats(outer + ((<usize>length) << 2), size - length);
        convolveBack(ws, np, size, table, inner, outer, skip, spare);
      } else {
        pending = rowGradient(
          ws, np, n, length, outer, given(<usize>word(args, 7), place), inner, given(<usize>word(args, 19), place), inner,
          given(<usize>word(args, 31), place), outer, pending,
        );
      }
      multiplyFloats(<usize>word(args, 20) + time, dy, outer, length);
      multiplyFloats(<usize>word(args, 22) + time, inner, shifted, length);
      multiplyFloats(inner, inner, v, length);
      inputGradient(dk, lead, length, inner, dShiftEnd, length, w, taps, scratch, piece);
      addScaled(dk, inner, shiftSkip, length);
      if (dShiftState) inputGradient(dShiftState, 0, lead, inner, dShiftEnd, length, w, taps, scratch, piece);
      addTapSums(sums, partial, inner, k, shiftState, length, taps, scratch, piece);
      shiftSkipSum += longDot(inner, k, length);
    }
    narrowSums(<usize>word(args, 23) + channel * taps, sums, taps);
    store<f32>(<usize>word(args, 24) + channel, <f32>shiftSkipSum);
    const dLogRe = <usize>word(args, 25) + at;
    const dLogIm = <usize>word(args, 26) + at;
    const dcRe = <usize>word(args, 27) + at;
    const dcIm = <usize>word(args, 28) + at;
    const dSkip = <usize>word(args, 29) + channel;
    if (spectral) {
      zeroFloats(inner, size);
      inverseRow(inner, inner, 0, spectraAt(ws, np), size, table);
      finishSpectral(ws, np, n, length, inner, 1 / <f32>size, outer, dLogRe, dLogIm, dcRe, dcIm, dSkip);
    } else {
      flush(ws, np);
      finish(ws, np, n, length % T, dLogRe, dLogIm, dcRe, dcIm, dSkip);
    }
  }
}
