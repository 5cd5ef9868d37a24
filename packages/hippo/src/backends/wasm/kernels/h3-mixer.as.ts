// h3Mixer: y = q ⊙ diagonal(v ⊙ shift(k)) for head dimension 1, one pass over each row: a short causal filter (causal-fir.as.ts) makes a
// piece of the gated input in the first cache, the diagonal model runs over it in one of its forms (diagonal-ssm-{scan,chunked,
// convolution}.as.ts), and the outputs are gated where they lie. Of the four tensors each is read or written once in memory.
// Words: D B L N M, q k v taps shiftSkip logPoleRe logPoleIm cRe cIm skip shiftState state, y shiftEnd endState, form, table, H,
// workspace, bytes a part; 0 = not given or not wanted. Work a step: M multiply-adds and those of the diagonal form.
// Pieces: the whole row for the recurrence (it is chosen for short rows) and the convolution, 512 steps for chunks. A single step has a
// filter of its own (shift-step.as.ts).
// Channels are shared out among the parts.
import { filterEnd, filterPiece } from './causal-fir.as';
import { copyFloats, multiplyFloats, reverseFloats, zeroFloats } from './causal-fir-correlate.as';
import { fillChannel, GROUP, loadState, scanPiece, scanRow, storeState } from './diagonal-ssm-chunked.as';
import { addResponse, fillSpectrum, waveAt } from './diagonal-ssm-convolution.as';
import { given } from './diagonal-ssm-gradient.as';
import { rowsAt, T } from './diagonal-ssm-matrices.as';
import { FEW, fillGiven, fillScan, scanSteps } from './diagonal-ssm-scan.as';
import { filterRow } from './fft.as';
import { MULTIPLY } from './fft-passes.as';
import { shiftStep } from './shift-step.as';
import { word } from './simd.as';

/** Word `form`. */
export const SCAN: u32 = 0;
export const CHUNKED: u32 = 1;
export const CONVOLUTION: u32 = 2;
/** The recurrence with λ in place of its logarithm. */
const STEP: u32 = 3;

// The filter's part of a workspace: 128 bytes of scratch, the taps backwards, a piece of the row with its lead.
// @ts-ignore: decorator
@inline
export function reversedAt(scratch: usize): usize {
  return scratch + 128;
}
// @ts-ignore: decorator
@inline
export function pieceAt(scratch: usize, taps: usize): usize {
  return reversedAt(scratch) + (((taps + 3) & ~3) << 2);
}
/** What lies behind it. */
// @ts-ignore: decorator
@inline
export function filterRestAt(scratch: usize, taps: usize): usize {
  return pieceAt(scratch, taps) + (((1024 + 64 + taps + 3) & ~3) << 2);
}

/** One row of gated inputs, zero-padded to `size`, through the spectrum of the kernel. */
function convolve(
  ws: usize, np: i32, n: i32, length: i32, size: i32, table: usize, gated: usize, skip: f32, y: usize, state: usize, end: usize,
): void {
  const filter = waveAt(ws, np) + (<usize>np << 4);
  const data = filter + (<usize>size << 3);
  const result = data + (<usize>size << 3);
  const out = length == size ? y : result;
  filterRow(out, gated, skip, size, table, filter, MULTIPLY, data);
  if (out != y) copyFloats(y, out, length);
  if (state) addResponse(ws, np, n, length, state, y);
  if (end) scanRow(ws, np, n, length, gated, state, 0, end);
}

export function h3Mixer(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const n = <i32>word(args, 3);
  const np = (n + 3) & ~3;
  const taps = <i32>word(args, 4);
  const lead = taps - 1;
  const form = word(args, 20);
  const table = <usize>word(args, 21);
  const size = <i32>word(args, 22);
  const scratch = <usize>word(args, 23) + <usize>part * <usize>word(args, 24);
  const reversed = reversedAt(scratch);
  const gated = filterRestAt(scratch, taps);
  const recurrent = form == SCAN || form == STEP;
  const single = recurrent && length == 1;
  const pieceSteps = form == CHUNKED ? GROUP * T : length;
  const room = form == CONVOLUTION ? size : (pieceSteps + 3) & ~3;
  const ws = gated + (<usize>room << 2);
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    const at = (<usize>d * n) << 2;
    const logRe = <usize>word(args, 10) + at;
    const logIm = <usize>word(args, 11) + at;
    const cRe = <usize>word(args, 12) + at;
    const cIm = <usize>word(args, 13) + at;
    const shiftSkip = load<f32>(<usize>word(args, 9) + ((<usize>d) << 2));
    const skip = load<f32>(<usize>word(args, 14) + ((<usize>d) << 2));
    const ownTaps = <usize>word(args, 8) + ((<usize>d * taps) << 2);
    if (!single) reverseFloats(reversed, ownTaps, taps);
    // Given poles that need no padding are read where they are.
    const inPlace = form == STEP && n == np;
    const poleRe = inPlace ? logRe : ws;
    const poleIm = inPlace ? logIm : ws + (<usize>np << 2);
    if (form == SCAN) {
      fillScan(ws, np, n, logRe, logIm, cRe, cIm, length <= FEW);
    } else if (form == STEP) {
      if (!inPlace) fillGiven(ws, np, n, logRe, logIm, cRe, cIm);
    } else if (form == CHUNKED) {
      fillChannel(ws, np, n, logRe, logIm, cRe, cIm, skip);
    } else {
      const filter = waveAt(ws, np) + (<usize>np << 4);
      const result = filter + (<usize>size << 4);
      fillSpectrum(
        ws, np, n, logRe, logIm, cRe, cIm, length, size, table, filter, gated, result, word(args, 19) != 0,
      );
      zeroFloats(gated + ((<usize>length) << 2), size - length);
    }
    for (let b = 0; b < batch; b++) {
      const row = <usize>d * batch + b;
      const time = (row * length) << 2;
      const q = <usize>word(args, 5) + time;
      const k = <usize>word(args, 6) + time;
      const v = <usize>word(args, 7) + time;
      const y = <usize>word(args, 17) + time;
      const shiftState = given(<usize>word(args, 15), (row * lead) << 2);
      const state = given(<usize>word(args, 16), (row * n) << 3);
      const shiftEnd = given(<usize>word(args, 18), (row * lead) << 2);
      const end = given(<usize>word(args, 19), (row * n) << 3);
      if (single) {
        store<f32>(gated, shiftStep(ownTaps, taps, load<f32>(k), shiftSkip, shiftState, shiftEnd) * load<f32>(v));
        scanSteps(ws, np, n, length, poleRe, poleIm, cRe, cIm, skip, gated, y, state, end);
        store<f32>(y, load<f32>(y) * load<f32>(q));
        continue;
      }
      if (form == CHUNKED) loadState(rowsAt(ws, np), state, np, n);
      for (let t = 0; t < length; t += pieceSteps) {
        const count = min(pieceSteps, length - t);
        const offset = (<usize>t) << 2;
        const out = y + offset;
        filterPiece(gated, t, count, k, shiftState, length, reversed, taps, shiftSkip, scratch, pieceAt(scratch, taps));
        multiplyFloats(gated, gated, v + offset, count);
        if (recurrent) scanSteps(ws, np, n, length, poleRe, poleIm, cRe, cIm, skip, gated, out, state, end);
        else if (form == CHUNKED) scanPiece(ws, np, count, gated, out, end != 0);
        else convolve(ws, np, n, length, size, table, gated, skip, out, state, end);
        multiplyFloats(out, out, q + offset, count);
      }
      if (form == CHUNKED && end) storeState(end, rowsAt(ws, np), np, n);
      if (shiftEnd) filterEnd(shiftEnd, k, shiftState, length, taps);
    }
  }
}
