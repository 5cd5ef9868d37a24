// Calls of row lookup and of its gradient. The twin of embedding.as.ts.
import type { KernelCall, KernelCalls } from './call.ts';
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

/**
 * Inputs [ids i32 [count], values [count, width], base? [rows, width]], outputs [gradient [rows, width]], which may be the base: rows
 * added in order of position to the base or to zeros.
 */
export function scatterAddRowsCalls({ rows, width, count }: EmbeddingSizes): KernelCalls {
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [ids = 0, values = 0, base = 0], outputs: [gradient = 0] }) => [
      ...startCalls(base, gradient, { rows, width }),
      { entry: 'scatterAddRows', words: [ids, values, gradient, rows, width, count], ...sharing(count * width) },
    ],
  };
}

/** What makes `gradient` equal the base, or zero without one; nothing where it is the base. */
function startCalls(base: number, gradient: number, { rows, width }: Omit<EmbeddingSizes, 'count'>): KernelCall[] {
  if (base === gradient) return [];
  const share = sharing(rows * width);
  if (base === 0) return [{ entry: 'fill', words: [gradient, rows * width, 0], ...share }];
  return [{ entry: 'copyBlocks', words: [base, gradient, rows, 4 * width, 4 * width, 4 * width], ...share }];
}
