// Sizes of the right-angle convolution, and its table of twiddle factors: the twin of fft.as.ts and fft-table.as.ts.
import type { KernelTableData } from './call.ts';

/** The transform's size for rows of `length`: the power of two that holds them, at least 64. */
export function fftSize(length: number): number {
  let size = 64;
  while (size < length) size *= 2;
  return size;
}

/** The table of twiddle factors (fft-table.as.ts has its parts; 12 bytes a point hold them all). */
export function fftTable(size: number): KernelTableData {
  return { key: `fft ${size}`, bytes: 12 * size, fill: (table) => ({ entry: 'fftTable', words: [size, table] }) };
}
