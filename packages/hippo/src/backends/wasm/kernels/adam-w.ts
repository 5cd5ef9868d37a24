// Calls of AdamW's update of many parameters. The twin of adam-w.as.ts: one call, whatever their number.
import type { KernelCalls } from './call.ts';
import { sharing } from './sharing.ts';

export interface AdamWSizes {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly segments: readonly {
    readonly count: number;
    readonly decay: number;
    /** The largest rate; infinity for none. */
    readonly cap: number;
  }[];
}

/** Element operations of a number: seven streams, a root and a quotient. */
const cost = 8;

/**
 * Inputs [healthy, scale, rate, correction 1, correction 2], then [content, first, second, gradient] a segment; outputs [content,
 * first, second] a segment, each of which may be the operand's memory.
 */
export function adamWCalls({ beta1, beta2, epsilon, segments }: AdamWSizes): KernelCalls {
  const total = segments.reduce((sum, { count }) => sum + count, 0);
  const options = [beta1, 1 - beta1, beta2, 1 - beta2, epsilon].map((real) => ({ real }));
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs, outputs }) => [
      {
        entry: 'adamW',
        words: [
          ...inputs.slice(0, 5),
          ...options,
          segments.length,
          ...segments.flatMap(({ count, decay, cap }, i) => [
            ...inputs.slice(5 + 4 * i, 9 + 4 * i),
            ...outputs.slice(3 * i, 3 * i + 3),
            count,
            { real: decay },
            { real: cap },
          ]),
        ],
        ...sharing(total * cost),
      },
    ],
  };
}
