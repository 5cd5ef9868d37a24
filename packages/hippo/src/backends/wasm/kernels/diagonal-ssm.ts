// Calls of the diagonal state-space operator: x_t = λ x_{t−1} + u_t (complex, N states a channel), y_t = 2 Re Σ_n c_n x_{n,t} + skip·u_t,
// λ = exp(logPoleRe + i·logPoleIm), and of its gradient. The twin of diagonal-ssm-{scan,chunked,convolution,
// gradient,gradient-convolution}.as.ts.
// Rows are [channels, batch, length], parameters [channels, N], states [channels, batch, 2, N] (re row, then im row).
import type { KernelCalls, Word } from './call.ts';
import { fftSize, fftTable } from './fft.ts';

/** Sizes of the operator. */
export interface DiagonalSsmSizes {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
  /** Complex states a channel, N ≥ 1. */
  readonly states: number;
}

/** The recurrence, small dense products with the state passed on, or transforms; diagonal-ssm-cost.ts says when which is cheapest. */
export type DiagonalSsmForm = 'scan' | 'chunked' | 'convolution';

/** Steps of a group of chunks: the gradient keeps one state for each (GROUP·T of the kernels). */
const GROUP_STEPS = 512;

const padded = (states: number): number => Math.ceil(states / 4) * 4;

/** Bytes of λ, padded parameters and a state (diagonal-ssm-scan.as.ts). */
export const scanBytes = (states: number): number => 32 * padded(states);

/** Bytes of the chunk matrices and rows (diagonal-ssm-matrices.as.ts, restAt). */
export const chunkBytes = (states: number): number => 840 * padded(states) + 3712;

/** Those, the response's state, two spectra and two rows of `size`. */
export const convolutionBytes = (states: number, size: number): number =>
  chunkBytes(states) + 16 * padded(states) + 24 * size;

/** Bytes of the gradient in chunks for rows of `length` (diagonal-ssm-gradient.as.ts). */
export function gradientBytes(states: number, length: number): number {
  const starts = Math.ceil(length / GROUP_STEPS) + 1;
  return chunkBytes(states) + 1376 * padded(states) + 6464 + 8 * padded(states) * starts;
}

/** Bytes of the gradient by transform: four spectra (diagonal-ssm-gradient-convolution.as.ts). */
export const spectralGradientBytes = (states: number, size: number): number =>
  chunkBytes(states) + 432 * padded(states) + 32 * size;

/** Inputs [u, logPoleRe, logPoleIm, cRe, cIm, skip?, state?], outputs [y, endState?]. */
export function diagonalSsmCalls(sizes: DiagonalSsmSizes & { readonly form: DiagonalSsmForm }): KernelCalls {
  const { channels, batch, length, states, form } = sizes;
  const start = [channels, batch, length, states];
  const operands = (inputs: readonly number[], outputs: readonly number[]): readonly Word[] => {
    const [u = 0, logPoleRe = 0, logPoleIm = 0, cRe = 0, cIm = 0, skip = 0, state = 0] = inputs;
    const [y = 0, endState = 0] = outputs;
    return [...start, u, logPoleRe, logPoleIm, cRe, cIm, skip, state, y, endState];
  };
  if (form !== 'convolution') {
    const partBytes = form === 'scan' ? scanBytes(states) : chunkBytes(states);
    return {
      workspaceBytes: (parts) => parts * partBytes,
      calls: ({ inputs, outputs, workspace }) => [
        {
          entry: form === 'scan' ? 'diagonalSsmScan' : 'diagonalSsmChunked',
          words: [...operands(inputs, outputs), workspace, partBytes],
        },
      ],
    };
  }
  const size = fftSize(length);
  const partBytes = convolutionBytes(states, size);
  return {
    table: fftTable(size),
    workspaceBytes: (parts) => parts * partBytes,
    calls: ({ inputs, outputs, workspace, table = 0 }) => [
      { entry: 'diagonalSsmConvolution', words: [...operands(inputs, outputs), table, size, workspace, partBytes] },
    ],
  };
}

/** The convolution is for rows without a state, an end gradient or dState. */
export type DiagonalSsmGradientForm = 'chunked' | 'convolution';

/**
 * Inputs [dy, dEndState?, u, logPoleRe, logPoleIm, cRe, cIm, skip?, state?], outputs
 * [du, dLogPoleRe, dLogPoleIm, dcRe, dcIm, dSkip?, dState?]. The gradient of a complex number is ∂/∂Re + i ∂/∂Im.
 * Outputs other than du may have no address.
 */
export function diagonalSsmGradientCalls(
  sizes: DiagonalSsmSizes & { readonly form: DiagonalSsmGradientForm },
): KernelCalls {
  const { channels, batch, length, states, form } = sizes;
  const size = fftSize(length);
  const spectral = form === 'convolution';
  const partBytes = spectral ? spectralGradientBytes(states, size) + 8 * size : gradientBytes(states, length);
  return {
    ...(spectral && { table: fftTable(size) }),
    workspaceBytes: (parts) => parts * partBytes,
    calls: ({ inputs, outputs, workspace, table = 0 }) => {
      const from = Array.from({ length: 9 }, (_, i) => inputs[i] ?? 0);
      const to = Array.from({ length: 7 }, (_, i) => outputs[i] ?? 0);
      const words = [channels, batch, length, states, ...from, ...to, workspace, partBytes];
      if (!spectral) return [{ entry: 'diagonalSsmGradient', words }];
      return [{ entry: 'diagonalSsmGradientConvolution', words: [...words, table, size] }];
    },
  };
}
