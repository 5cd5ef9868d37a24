// fftConv: y = skip·u + Σ_j k[d,j]·u[t−j] (causal) or Σ_j k[d,j]·u[t+j] (anticausal), and its gradient, by transform.
// Words of fftConv: D B L K, u k skip, y, table, H, mode, workspace, bytes a part. Of fftConvGradient: D B L K, dy u k
// skip, du dk dSkip, table, H, mode, workspace, bytes a part; du and dSkip may be 0. `table`: by fftTable. H: a power of two ≥ L, ≥ 64.
// Work: a filter's spectrum once a channel, one transform there and back a row; the gradient shares the spectra of u, dy and k:
// two transforms there and one back a row, one each way a channel (three to two forward's). Rows of full length are read and written
// in place, others by way of a padded copy. Channels are shared out among the parts.
import { copyFloats, gather, zeroFloats } from './causal-fir-correlate.as';
import { longDot } from './causal-fir-gradient.as';
import { anticausalAdjoint, causalAdjoint, filterRow, inverseRow, spectrum } from './fft.as';
import { MULTIPLY } from './fft-passes.as';
import { word } from './simd.as';

export function fftConv(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const taps = <i32>word(args, 3);
  const skip = <usize>word(args, 6);
  const table = <usize>word(args, 8);
  const size = <i32>word(args, 9);
  const mode = <i32>word(args, 10);
  const filter = <usize>word(args, 11) + <usize>part * <usize>word(args, 12);
  const data = filter + (<usize>size << 3);
  const padded = data + (<usize>size << 3);
  const result = padded + (<usize>size << 2);
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    gather(padded, 0, size, 0, 0, <usize>word(args, 5) + ((<usize>d * taps) << 2), taps);
    spectrum(filter, padded, size, table, 1 / <f32>size);
    const s: f32 = skip ? load<f32>(skip + ((<usize>d) << 2)) : 0;
    for (let b = 0; b < batch; b++) {
      const at = ((<usize>d * batch + b) * length) << 2;
      const u = <usize>word(args, 4) + at;
      const y = <usize>word(args, 7) + at;
      if (length == size) {
        filterRow(y, u, s, size, table, filter, mode, data);
      } else {
        gather(padded, 0, size, 0, 0, u, length);
        filterRow(result, padded, s, size, table, filter, mode, data);
        copyFloats(y, result, length);
      }
    }
  }
}

/** out[0..count) = s·x. */
export function scaleFloats(out: usize, x: usize, s: f32, count: i32): void {
  for (let i = 0; i < count; i++) store<f32>(out + ((<usize>i) << 2), s * load<f32>(x + ((<usize>i) << 2)));
}

export function fftConvGradient(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const taps = <i32>word(args, 3);
  const kernels = <usize>word(args, 6);
  const skip = <usize>word(args, 7);
  const dus = <usize>word(args, 8);
  const dSkip = <usize>word(args, 10);
  const table = <usize>word(args, 11);
  const size = <i32>word(args, 12);
  const mode = <i32>word(args, 13);
  const sum = <usize>word(args, 14) + <usize>part * <usize>word(args, 15);
  const filter = sum + (<usize>size << 3);
  const dySpectrum = filter + (<usize>size << 3);
  const uSpectrum = dySpectrum + (<usize>size << 3);
  const padded = uSpectrum + (<usize>size << 3);
  const result = padded + (<usize>size << 2);
  const whole = length == size;
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    gather(padded, 0, size, 0, 0, kernels + ((<usize>d * taps) << 2), taps);
    spectrum(filter, padded, size, table, 1 / <f32>size);
    zeroFloats(sum, size << 1);
    const s: f32 = skip ? load<f32>(skip + ((<usize>d) << 2)) : 0;
    let skipSum: f64 = 0;
    for (let b = 0; b < batch; b++) {
      const at = ((<usize>d * batch + b) * length) << 2;
      const u = <usize>word(args, 5) + at;
      let dy = <usize>word(args, 4) + at;
      if (dSkip) skipSum += longDot(dy, u, length);
      if (whole) {
        spectrum(uSpectrum, u, size, table, 1);
      } else {
        gather(padded, 0, size, 0, 0, u, length);
        spectrum(uSpectrum, padded, size, table, 1);
        gather(padded, 0, size, 0, 0, dy, length);
        dy = padded;
      }
      spectrum(dySpectrum, dy, size, table, 1);
      if (mode == MULTIPLY) causalAdjoint(sum, dySpectrum, uSpectrum, filter, size);
      else anticausalAdjoint(sum, dySpectrum, uSpectrum, filter, size);
      if (!dus) continue;
      inverseRow(whole ? dus + at : result, dy, s, dySpectrum, size, table);
      if (!whole) copyFloats(dus + at, result, length);
    }
    if (dSkip) store<f32>(dSkip + ((<usize>d) << 2), <f32>skipSum);
    inverseRow(result, 0, 0, sum, size, table);
    scaleFloats(<usize>word(args, 9) + ((<usize>d * taps) << 2), result, 1 / <f32>size, taps);
  }
}
