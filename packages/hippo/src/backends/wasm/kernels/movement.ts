// Calls of operations that only move tensors: concatenation, zero padding, writing a block. The twin of movement.as.ts.
import type { KernelCalls } from './call.ts';
import { sharing } from './sharing.ts';

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** Inputs of the given shapes, equal but for `axis`; outputs [out]: one strided copy an input. Any type of four bytes. */
export function concatCalls({
  shapes,
  axis,
}: {
  readonly shapes: readonly (readonly number[])[];
  readonly axis: number;
}): KernelCalls {
  const outer = product(shapes[0]?.slice(0, axis) ?? []);
  const rows = shapes.map((shape) => product(shape.slice(axis)) * 4);
  const stride = rows.reduce((a, b) => a + b, 0);
  return {
    workspaceBytes: () => 0,
    calls({ inputs, outputs: [out = 0] }) {
      let offset = 0;
      return rows.map((bytes, i) => {
        const words = [inputs[i] ?? 0, out + offset, outer, bytes, bytes, stride];
        offset += bytes;
        return { entry: 'copyBlocks', words, ...sharing((outer * bytes) / 4) };
      });
    },
  };
}

export interface PadSizes {
  readonly shape: readonly number[];
  /** Zeros before and after, for each axis. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Axes as [size, before, padded size], neighbours merged where the inner one is not padded. */
function mergedAxes({ shape, before, after }: PadSizes): readonly (readonly [number, number, number])[] {
  const axes: [number, number, number][] = [];
  let merged: [number, number, number] = [1, 0, 1]; // what the axes seen so far, from the last on, have become
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const [size = 1, lead = 0, trail = 0] = [shape[axis], before[axis], after[axis]];
    const whole = merged[0] === merged[2];
    if (!whole) axes.unshift(merged);
    const unit = whole ? merged[0] : 1;
    merged = [size * unit, lead * unit, (lead + size + trail) * unit];
  }
  return [merged, ...axes];
}

/** Inputs [x of `shape`], outputs [x surrounded by zeros]. */
export function padCalls(sizes: PadSizes): KernelCalls {
  const axes = mergedAxes(sizes);
  const count = product(axes.map(([, , padded]) => padded));
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [x = 0], outputs: [out = 0] }) => [
      { entry: 'pad', words: [x, out, axes.length, ...axes.flat()], ...sharing(count) },
    ],
  };
}

export interface UpdateSizes {
  readonly outer: number;
  readonly capacity: number;
  /** Extent of the update along the axis; at most the capacity. */
  readonly count: number;
  readonly inner: number;
  /** Positions given, each for as many neighbouring outer rows; divides `outer`. Default 1. */
  readonly positions?: number;
}

/**
 * Inputs [base [outer, capacity, inner], update [outer, count, inner], i32 positions], outputs [out]: base with the update written
 * at the row's position, clamped to [0, capacity − count]. Where out is base, only the update moves.
 */
export function updateSliceCalls({ outer, capacity, count, inner, positions = 1 }: UpdateSizes): KernelCalls {
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [base = 0, update = 0, position = 0], outputs: [out = 0] }) => [
      {
        entry: 'updateSlice',
        words: [base, update, position, out, outer, capacity, count, inner, outer / positions],
        ...sharing(outer * inner * (out === base ? count : capacity)),
      },
    ],
  };
}
