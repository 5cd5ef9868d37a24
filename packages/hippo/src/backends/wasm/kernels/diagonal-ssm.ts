// Calls of the diagonal state-space operator: x_t = λ x_{t−1} + u_t (complex, N states a channel), y_t = 2 Re Σ_n c_n x_{n,t} + skip·u_t,
// λ = exp(logPoleRe + i·logPoleIm), and of its gradient. The twin of diagonal-ssm-{step,scan,convolution,gradient}.as.ts.
// Rows are [channels, batch, length], parameters [channels, N], states [channels, batch, 2, N] (re row, then im row).
import type { KernelCalls, Word } from './call.ts';
import { fftSize, fftTableBytes, fftTableCall } from './fft.ts';

/** Sizes of the operator. */
export interface DiagonalSsmSizes {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
  /** Complex states a channel, N ≥ 1. */
  readonly states: number;
}

/** `scan` costs about 150 multiply-adds a step at N = 32, whatever the length; `convolution` one transform a row and N once a channel. */
export type DiagonalSsmForm = 'scan' | 'convolution';

/**
 * Whether the plain recurrence (12 ns a step at N = 32) is cheaper than setting up a channel's chunk matrices (2.5 µs) to save a
 * third of every step.
 */
const isShort = (batch: number, length: number): boolean => length <= 8 || (length <= 64 && length * batch <= 256);

/** Steps of a group of chunks: the gradient keeps one state for each (GROUP·T of the kernels). */
const GROUP_STEPS = 512;

const padded = (states: number): number => Math.ceil(states / 4) * 4;

/** Bytes of the chunk matrices and rows (diagonal-ssm-matrices.as.ts, restAt). */
const chunkBytes = (states: number): number => 840 * padded(states) + 3712;

/** Inputs [u, logPoleRe, logPoleIm, cRe, cIm, skip?, state?], outputs [y, endState?]. */
export function diagonalSsmCalls(sizes: DiagonalSsmSizes & { readonly form: DiagonalSsmForm }): KernelCalls {
  const { channels, batch, length, states, form } = sizes;
  const start = [channels, batch, length, states];
  const operands = (inputs: readonly number[], outputs: readonly number[]): readonly Word[] => {
    const [u = 0, logPoleRe = 0, logPoleIm = 0, cRe = 0, cIm = 0, skip = 0, state = 0] = inputs;
    const [y = 0, endState = 0] = outputs;
    return [...start, u, logPoleRe, logPoleIm, cRe, cIm, skip, state, y, endState];
  };
  const step = isShort(batch, length);
  if (step || form === 'scan') {
    const partBytes = step ? 32 * padded(states) : chunkBytes(states);
    return {
      workspaceBytes: (parts) => parts * partBytes,
      calls: ({ inputs, outputs, workspace }) => [
        {
          entry: step ? 'diagonalSsmStep' : 'diagonalSsmScan',
          words: [...operands(inputs, outputs), workspace, partBytes],
        },
      ],
    };
  }
  const size = fftSize(length);
  const partBytes = chunkBytes(states) + 16 * padded(states) + 24 * size;
  return {
    workspaceBytes: (parts) => fftTableBytes(size) + parts * partBytes,
    calls: ({ inputs, outputs, workspace }) => {
      const place = [workspace, size, workspace + fftTableBytes(size), partBytes];
      const words = [...operands(inputs, outputs), ...place];
      return [fftTableCall(size, workspace), { entry: 'diagonalSsmConvolution', words }];
    },
  };
}

/**
 * Inputs [dy, dEndState?, u, logPoleRe, logPoleIm, cRe, cIm, skip?, state?], outputs
 * [du, dLogPoleRe, dLogPoleIm, dcRe, dcIm, dSkip?, dState?]. The gradient of a complex number is ∂/∂Re + i ∂/∂Im.
 * Outputs other than du may have no address.
 */
export function diagonalSsmGradientCalls(sizes: DiagonalSsmSizes): KernelCalls {
  const { channels, batch, length, states } = sizes;
  const np = padded(states);
  const starts = Math.ceil(length / GROUP_STEPS) + 1;
  const partBytes = chunkBytes(states) + 1376 * np + 6464 + 8 * np * starts;
  return {
    workspaceBytes: (parts) => parts * partBytes,
    calls: ({ inputs, outputs, workspace }) => {
      const [dy = 0, dEndState = 0, u = 0, logPoleRe = 0, logPoleIm = 0, cRe = 0, cIm = 0, skip = 0, state = 0] =
        inputs;
      const [du = 0, dLogPoleRe = 0, dLogPoleIm = 0, dcRe = 0, dcIm = 0, dSkip = 0, dState = 0] = outputs;
      const from = [dy, dEndState, u, logPoleRe, logPoleIm, cRe, cIm, skip, state];
      const to = [du, dLogPoleRe, dLogPoleIm, dcRe, dcIm, dSkip, dState];
      const words = [channels, batch, length, states, ...from, ...to, workspace, partBytes];
      return [{ entry: 'diagonalSsmGradient', words }];
    },
  };
}
