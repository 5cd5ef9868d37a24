// Calls of sums and maxima over the middle axis of [outer, reduced, inner]. The twin of reduce.as.ts: levels of fixed-size blocks
// until one block is left, the levels between in the workspace.
import type { KernelCall, KernelCalls } from './call.ts';
import { sharing } from './sharing.ts';

export interface ReduceSizes {
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
  readonly kind: 'sum' | 'max';
}

/** Elements of the reduced axis that one unit of work takes: 16 KiB of a row, or 128 rows of a tile of columns. */
const blockOf = (inner: number): number => (inner === 1 ? 4096 : 128);

/** The extents of the reduced axis, level by level; the last fits one block. */
function extents({ reduced, inner }: ReduceSizes): readonly number[] {
  const result = [reduced];
  for (let extent = reduced; extent > blockOf(inner); ) {
    extent = Math.ceil(extent / blockOf(inner));
    result.push(extent);
  }
  return result;
}

/** Bytes from one level's partial results to the next's. */
const levelBytes = ({ outer, inner }: ReduceSizes, extent: number): number =>
  Math.ceil((outer * extent * inner) / 4) * 16;

/** Inputs [x [outer, reduced, inner]], outputs [out [outer, inner]]. The sum of nothing is 0, the maximum −∞; NaN spreads. */
export function reduceCalls(sizes: ReduceSizes): KernelCalls {
  const { outer, inner, kind } = sizes;
  const levels = extents(sizes);
  return {
    workspaceBytes: () => levels.slice(1).reduce((sum, extent) => sum + levelBytes(sizes, extent), 0),
    calls({ inputs: [x = 0], outputs: [out = 0], workspace }) {
      let [source, partial] = [x, workspace];
      return levels.map((extent, level): KernelCall => {
        const blocks = levels[level + 1];
        const words = [
          source,
          blocks === undefined ? out : partial,
          outer,
          extent,
          inner,
          blockOf(inner),
          kind === 'max' ? 1 : 0,
        ];
        source = partial;
        partial += levelBytes(sizes, blocks ?? 0);
        return { entry: inner === 1 ? 'reduceRows' : 'reduceColumns', words, ...sharing(outer * extent * inner) };
      });
    },
  };
}
