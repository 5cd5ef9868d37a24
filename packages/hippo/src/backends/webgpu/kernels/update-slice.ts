// updateSlice: the base is copied to the result unless the plan has put the result in its place, which is what attention caches do;
// then a thread for each number of the update (four where they lie in fours) writes it to its position.
import { updateSliceOperation } from '../../../ops/update-slice.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { copyDispatches } from './copy.ts';
import { type Dispatch, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { rowRanges, threads, vectorType } from './rows.ts';

export const updateSliceChoosers: Readonly<Record<string, Chooser>> = {
  [updateSliceOperation.name]: ({ inputs: [base, update, position], attributes }, traits) => {
    // The chooser stands under the name of the operation with this attribute.
    const { axis } = attributes as { readonly axis: number };
    const shape = base?.shape ?? [];
    const sizes = {
      outer: elementCount(shape.slice(0, axis)),
      capacity: shape[axis] ?? 1,
      count: update?.shape[axis] ?? 1,
      inner: elementCount(shape.slice(axis + 1)),
      positions: elementCount(position?.shape ?? []),
    };
    return updateSliceChoice(sizes, traits);
  },
};

interface Sizes {
  readonly outer: number;
  readonly capacity: number;
  readonly count: number;
  readonly inner: number;
  /** One, or one for each of equal groups of the outer axis. */
  readonly positions: number;
}

export function updateSliceChoice(
  { outer, capacity, count, inner, positions }: Sizes,
  { maxBindingBytes }: Pick<DeviceTraits, 'maxBindingBytes'>,
): KernelChoice {
  const vector = inner % 4 === 0 ? 4 : 1;
  const type = vectorType({ vector });
  const units = inner / vector;
  const block = count * units;
  const whole = outer * count * inner * 4 <= maxBindingBytes;
  const most = whole ? maxBindingBytes : maxBindingBytes - 256;
  const dispatches = rowRanges(outer, capacity * inner, most).map(({ from, rows, bytes }): Dispatch => {
    // A range of outer rows of the base may start at any of the update's rows; bindings start at multiples of 256 bytes.
    const first = whole ? 0 : Math.floor((from * count * inner) / 64) * 64;
    const read = whole ? undefined : { from: first * 4, to: (from + rows) * count * inner * 4 };
    return {
      label: 'updateSlice',
      bindings: [
        reads('update', input(1, read), type),
        reads('positions', input(2), 'i32'),
        writes('y', output(0, bytes), type),
      ],
      code: `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${rows * block}u) { return; }
  let row = i / ${block}u;
  let asked = positions[(row + ${from}u) / ${outer / positions}u];
  let position = u32(clamp(asked, 0, ${capacity - count}));
  y[(row * ${capacity}u + position) * ${units}u + i % ${block}u] = update[i + ${from * block - first / vector}u];
}`,
      workgroups: gridOf(Math.ceil((rows * block) / threads)),
    };
  });
  const copies = copyDispatches({ from: 0, to: 0 }, { count: outer * capacity * inner, maxBindingBytes });
  return { dispatches: () => [...copies, ...dispatches] };
}
