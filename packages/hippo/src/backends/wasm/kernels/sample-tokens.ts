// Calls that draw a token for each row of scores. The twin of sample-tokens.as.ts.
import type { KernelCalls } from './call.ts';
import { sharing } from './sharing.ts';

export interface SampleTokensSizes {
  readonly rows: number;
  readonly columns: number;
  /** Columns that are tokens. */
  readonly classes: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
}

/** Element operations of an element: up to 66 passes and two exponentials. */
const cost = 100;

/** Inputs [scores, random u32 [rows, 2]], outputs [token i32 [rows], logProbability [rows]]. */
export function sampleTokensCalls(sizes: SampleTokensSizes): KernelCalls {
  const { rows, columns, classes, temperature, topK, topP, minP } = sizes;
  const bytesPerPart = Math.ceil(classes / 16) * 64;
  return {
    workspaceBytes: (parts) => parts * bytesPerPart,
    calls: ({ inputs: [scores = 0, random = 0], outputs: [token = 0, logProbability = 0], workspace }) => [
      {
        entry: 'sampleTokens',
        words: [
          ...[scores, random, token, logProbability, rows, columns, classes, { real: temperature }],
          ...[Math.min(topK, classes), { real: topP }, { real: minP }, workspace, bytesPerPart],
        ],
        ...sharing(rows * classes * cost),
      },
    ],
  };
}
