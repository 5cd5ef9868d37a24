// fftConv: y = skip·u + Σ_j k[d,j]·u[t−j] (causal) or Σ_j k[d,j]·u[t+j] (anticausal), and the gradient of k, by transform.
// Words of fftConv: D B L K, u k skip, y, table, H, mode, workspace, bytes a part. Of fftConvKernelGradient: D B L K, dy u,
// dk, table, H, workspace, bytes a part. `table` is written by fftTable before. H: a power of two ≥ L, ≥ 64.
// Work: a filter's spectrum once a channel, one transform there and back a row; rows of full length are read and written
// in place, others by way of a padded copy. Channels are shared out among the parts.
import { copyFloats, gather, zeroFloats } from './causal-fir-correlate.as';
import { addCorrelation, filterRow, inverseRow, spectrum } from './fft.as';
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

export function fftConvKernelGradient(args: usize, part: i32, parts: i32): void {
  const channels = <i32>word(args, 0);
  const batch = <i32>word(args, 1);
  const length = <i32>word(args, 2);
  const taps = <i32>word(args, 3);
  const table = <usize>word(args, 7);
  const size = <i32>word(args, 8);
  const sum = <usize>word(args, 9) + <usize>part * <usize>word(args, 10);
  const dySpectrum = sum + (<usize>size << 3);
  const uSpectrum = dySpectrum + (<usize>size << 3);
  const padded = uSpectrum + (<usize>size << 3);
  const scale: f32 = 1 / <f32>size;
  const last = <i32>((<i64>channels * (part + 1)) / parts);
  for (let d = <i32>((<i64>channels * part) / parts); d < last; d++) {
    zeroFloats(sum, size << 1);
    for (let b = 0; b < batch; b++) {
      const at = ((<usize>d * batch + b) * length) << 2;
      gather(padded, 0, size, 0, 0, <usize>word(args, 4) + at, length);
      spectrum(dySpectrum, padded, size, table, scale);
      gather(padded, 0, size, 0, 0, <usize>word(args, 5) + at, length);
      spectrum(uSpectrum, padded, size, table, 1);
      addCorrelation(sum, dySpectrum, uSpectrum, size);
    }
    zeroFloats(padded, size);
    inverseRow(padded, sum, size, table);
    copyFloats(<usize>word(args, 6) + ((<usize>d * taps) << 2), padded, taps);
  }
}
