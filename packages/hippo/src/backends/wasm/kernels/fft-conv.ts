// Calls of the long convolution with a free kernel: y = skip·u + Σ_j k_j·u_{t−j} (causal) or Σ_j k_j·u_{t+j} (anticausal), and of
// its gradient. The twin of fft-conv.as.ts. Up to 64 taps the direct sum of causal-fir is as fast as a transform at any
// length, and exact to the last tap, so that is what runs; beyond, one transform of the next power of two ≥ length.
import type { KernelCalls } from './call.ts';
import { causalFirCall, causalFirGradientCall, causalFirPartBytes } from './causal-fir.ts';
import { fftSize, fftTable } from './fft.ts';

/** Rows [channels, batch, length], kernels [channels, taps]. */
export interface FftConvSizes {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
  readonly taps: number;
}

type Direction = 'causal' | 'anticausal';

/** Up to this many taps the direct sum wins. */
const DIRECT_TAPS = 64;

// Modes of the innermost pass (fft-passes.as.ts).
const MODES = { causal: 1, anticausal: 2 } as const;

/** Inputs [u, k, skip?], outputs [y]. Any length and any number of taps. */
export function fftConvCalls(sizes: FftConvSizes & { readonly direction: Direction }): KernelCalls {
  const { channels, batch, length, taps, direction } = sizes;
  if (taps <= DIRECT_TAPS) {
    const none = { state: 0, endState: 0, dEndState: 0, dTaps: 0, dSkip: 0, dState: 0 };
    return {
      workspaceBytes: (parts) => parts * causalFirPartBytes(sizes),
      calls: ({ inputs: [u = 0, k = 0, skip = 0], outputs: [y = 0], workspace }) => [
        direction === 'causal'
          ? causalFirCall(sizes, { ...none, u, taps: k, skip, y }, workspace)
          : causalFirGradientCall(sizes, { ...none, dy: u, u: 0, taps: k, skip, du: y }, workspace),
      ],
    };
  }
  const size = fftSize(Math.max(length, taps));
  const partBytes = 24 * size;
  return {
    table: fftTable(size),
    workspaceBytes: (parts) => parts * partBytes,
    calls: ({ inputs: [u = 0, k = 0, skip = 0], outputs: [y = 0], workspace, table = 0 }) => {
      const operands = [u, k, skip, y, table, size, MODES[direction]];
      return [{ entry: 'fftConv', words: [channels, batch, length, taps, ...operands, workspace, partBytes] }];
    },
  };
}

/**
 * Inputs [dy, u, k, skip?], outputs [du?, dk, dSkip?]. du is dy filtered the other way; dk[d,j] = Σ_{b,t} dy[d,b,t]·u[d,b,t−j],
 * j < taps, of the causal filter, u[d,b,t+j] of the anticausal one.
 */
export function fftConvGradientCalls(sizes: FftConvSizes & { readonly direction: Direction }): KernelCalls {
  const { channels, batch, length, taps, direction } = sizes;
  if (taps <= DIRECT_TAPS) return directGradientCalls(sizes);
  const size = fftSize(Math.max(length, taps));
  const partBytes = 40 * size;
  return {
    table: fftTable(size),
    workspaceBytes: (parts) => parts * partBytes,
    calls: ({
      inputs: [dy = 0, u = 0, k = 0, skip = 0],
      outputs: [du = 0, dk = 0, dSkip = 0],
      workspace,
      table = 0,
    }) => {
      const operands = [dy, u, k, skip, du, dk, dSkip, table, size, MODES[direction]];
      return [{ entry: 'fftConvGradient', words: [channels, batch, length, taps, ...operands, workspace, partBytes] }];
    },
  };
}

/** The same by direct sums; the anticausal filter's du is a causal filter, and its dk has u and dy change places. */
function directGradientCalls(sizes: FftConvSizes & { readonly direction: Direction }): KernelCalls {
  const none = { dEndState: 0, state: 0, endState: 0, dState: 0, du: 0 };
  return {
    workspaceBytes: (parts) => parts * causalFirPartBytes(sizes),
    calls: ({ inputs: [dy = 0, u = 0, k = 0, skip = 0], outputs: [du = 0, dk = 0, dSkip = 0], workspace }) => {
      const operands = { ...none, taps: k, skip, dTaps: dk, dSkip };
      if (sizes.direction === 'causal') return [causalFirGradientCall(sizes, { ...operands, dy, u, du }, workspace)];
      const kernel = causalFirGradientCall(sizes, { ...operands, dy: u, u: dy }, workspace);
      return du ? [kernel, causalFirCall(sizes, { ...operands, u: dy, y: du }, workspace)] : [kernel];
    },
  };
}
