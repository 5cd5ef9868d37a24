// Calls of causal attention and its gradient over [batch, length, headDim], heads counted into the batch. The twin of
// causal-attention.as.ts and causal-attention-gradient.as.ts, whose workspace layout the byte counts here repeat.
import type { KernelCalls } from './call.ts';
import { sharing } from './sharing.ts';

export interface CausalAttentionSizes {
  /** Sequences times heads. */
  readonly batch: number;
  readonly length: number;
  readonly headDim: number;
  /** What q·k is multiplied by. */
  readonly scale: number;
  /** Products made for 256-bit vectors; the numbers are the same. Default false. */
  readonly wide?: boolean;
}

const tileRowBytes = 128; // the scores of one key and 32 queries, and one number for each of 32 queries

/** Inputs [q, k, v], outputs [y, logSumExp [batch, length]]; the last may be absent. No output may be an input. */
export function causalAttentionCalls({ batch, length, headDim, scale, wide }: CausalAttentionSizes): KernelCalls {
  const bytesPerPart = tileRowBytes * (64 + 2 + headDim) + 32;
  return {
    workspaceBytes: (parts) => parts * bytesPerPart,
    calls: ({ inputs: [q = 0, k = 0, v = 0], outputs: [y = 0, logSumExp = 0], workspace }) => [
      {
        entry: 'causalAttention',
        words: [
          q,
          k,
          v,
          y,
          logSumExp,
          batch,
          length,
          headDim,
          { real: scale },
          workspace,
          bytesPerPart,
          Number(wide ?? false),
        ],
        ...sharing((batch * length * length * headDim) / 4),
      },
    ],
  };
}

/** Inputs [dy, q, k, v, y, logSumExp], outputs [dq, dk, dv]. No output may be an input. */
export function causalAttentionGradientCalls({
  batch,
  length,
  headDim,
  scale,
  wide,
}: CausalAttentionSizes): KernelCalls {
  const bytesPerPart = tileRowBytes * (2 * 32 + 2 + 2 * headDim);
  return {
    workspaceBytes: (parts) => parts * bytesPerPart,
    calls: ({
      inputs: [dy = 0, q = 0, k = 0, v = 0, y = 0, logSumExp = 0],
      outputs: [dq = 0, dk = 0, dv = 0],
      workspace,
    }) => [
      {
        entry: 'causalAttentionGradient',
        words: [
          ...[dy, q, k, v, y, logSumExp, dq, dk, dv, batch, length, headDim],
          ...[{ real: scale }, workspace, bytesPerPart, Number(wide ?? false)],
        ],
        ...sharing((batch * length * length * headDim) / 2),
      },
    ],
  };
}
