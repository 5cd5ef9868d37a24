// Sizes of the right-angle convolution: the twin of fft.as.ts and fft-table.as.ts. The table of twiddle factors is written
// by a call of its own before the kernels that read it, into the operation's workspace.
import type { KernelCall } from './call.ts';

/** The transform's size for rows of `length`: the power of two that holds them, at least 64. */
export function fftSize(length: number): number {
  let size = 64;
  while (size < length) size *= 2;
  return size;
}

/** Bytes of the twiddle table (fft-table.as.ts has its parts; 12 bytes a point hold them all). */
export function fftTableBytes(size: number): number {
  return 12 * size;
}

/** Writes the table. */
export function fftTableCall(size: number, table: number): KernelCall {
  return { entry: 'fftTable', words: [size, table] };
}
