// Calls of the correlation of two short filters: out[d,l] = Σ_{j<M−l} a[d,j]·b[d,j+l], l < M. The twin of shift-taps.as.ts.
import type { KernelCalls } from './call.ts';

/** Inputs [a, b], outputs [out], each [channels, taps]. */
export function shiftTapsCalls({ channels, taps }: { readonly channels: number; readonly taps: number }): KernelCalls {
  const partBytes = Math.ceil((128 + 4 * (2 * taps + 32 + 16)) / 16) * 16;
  return {
    workspaceBytes: (parts) => parts * partBytes,
    calls: ({ inputs: [a = 0, b = 0], outputs: [out = 0], workspace }) => [
      { entry: 'shiftTaps', words: [channels, taps, a, b, out, workspace, partBytes] },
    ],
  };
}
