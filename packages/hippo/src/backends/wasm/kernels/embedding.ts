// Calls of row lookup and of its gradient. The twin of embedding.as.ts.
import type { KernelCalls } from './call.ts';
import { sharing } from './sharing.ts';

export interface EmbeddingSizes {
  /** Rows of the table. */
  readonly rows: number;
  readonly width: number;
  /** Ids to look up. */
  readonly count: number;
}

/** Inputs [table [rows, width], ids i32 [count]], outputs [out [count, width]]; an id outside the table gives a row of NaN. */
export function gatherRowsCalls({ rows, width, count }: EmbeddingSizes): KernelCalls {
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [table = 0, ids = 0], outputs: [out = 0] }) => [
      { entry: 'gatherRows', words: [table, ids, out, rows, width, count], ...sharing(count * width) },
    ],
  };
}

/** Inputs [ids i32 [count], values [count, width]], outputs [gradient [rows, width]], added in order of position. */
export function scatterAddRowsCalls({ rows, width, count }: EmbeddingSizes): KernelCalls {
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [ids = 0, values = 0], outputs: [gradient = 0] }) => [
      { entry: 'fill', words: [gradient, rows * width, 0], ...sharing(rows * width) },
      { entry: 'scatterAddRows', words: [ids, values, gradient, rows, width, count], ...sharing(count * width) },
    ],
  };
}
