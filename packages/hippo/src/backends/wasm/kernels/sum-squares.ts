// Calls of Σ x² over many tensors. The twin of sum-squares.as.ts: one call for the blocks of all of them, then the levels of a sum.
import type { KernelCalls } from './call.ts';
import { reduceCalls } from './reduce.ts';
import { sharing } from './sharing.ts';

/** Numbers of a block, as in sum-squares.as.ts. */
const BLOCK = 4096;

/** Inputs tensors of the given counts, outputs [one number]. */
export function sumSquaresCalls(counts: readonly number[]): KernelCalls {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const blocks = counts.reduce((sum, count) => sum + Math.ceil(count / BLOCK), 0);
  const sumsBytes = Math.ceil(blocks / 4) * 16;
  const addUp = reduceCalls({ outer: 1, reduced: blocks, inner: 1, kind: 'sum' });
  return {
    workspaceBytes: (parts) => sumsBytes + addUp.workspaceBytes(parts),
    calls: ({ inputs, outputs, workspace }, parts) => [
      {
        entry: 'sumSquares',
        words: [workspace, counts.length, ...counts.flatMap((count, i) => [inputs[i] ?? 0, count])],
        ...sharing(total),
      },
      ...addUp.calls({ inputs: [workspace], outputs, workspace: workspace + sumsBytes }, parts),
    ],
  };
}
