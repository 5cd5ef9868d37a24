// Zero padding: a thread for each number of the result (four where the innermost axis lies in fours), zero where its place is outside
// the operand. Every number is read once and written once.
import { padOperation } from '../../../ops/slice.ts';
import { contiguousStrides, elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { type ByteRange, type Dispatch, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { rowRanges, threads, vectorType } from './rows.ts';

export const padChoosers: Readonly<Record<string, Chooser>> = {
  [padOperation.name]: ({ inputs: [x], attributes }, traits) => {
    // The chooser stands under the name of the operation with these attributes.
    const { before, after } = attributes as { readonly before: readonly number[]; readonly after: readonly number[] };
    const axes = (x?.shape ?? []).map((size, axis) => ({ size, before: before[axis] ?? 0, after: after[axis] ?? 0 }));
    return padChoice(axes, traits);
  },
};

interface Axis {
  readonly size: number;
  readonly before: number;
  readonly after: number;
}

/** As few axes as possible: what is not padded belongs to the axis before it. */
function mergePadding(axes: readonly Axis[]): readonly Axis[] {
  const merged: Axis[] = [];
  for (const axis of axes) {
    const last = merged[merged.length - 1];
    if (last && axis.before === 0 && axis.after === 0) {
      const [size, before, after] = [last.size, last.before, last.after].map((count) => count * axis.size);
      merged[merged.length - 1] = { size: size ?? 0, before: before ?? 0, after: after ?? 0 };
    } else merged.push(axis);
  }
  return merged;
}

const extentOf = ({ size, before, after }: Axis): number => before + size + after;

export function padChoice(
  axes: readonly Axis[],
  { maxBindingBytes }: Pick<DeviceTraits, 'maxBindingBytes'>,
): KernelChoice {
  const merged = mergePadding(axes);
  const innermost = merged[merged.length - 1] ?? { size: 1, before: 0, after: 0 };
  const vector = [innermost.size, innermost.before, innermost.after].every((count) => count % 4 === 0) ? 4 : 1;
  const units = merged.map((axis, at) =>
    at < merged.length - 1
      ? axis
      : { size: axis.size / vector, before: axis.before / vector, after: axis.after / vector },
  );
  const type = vectorType({ vector });
  const count = elementCount(merged.map(extentOf));
  const operandCount = elementCount(merged.map(({ size }) => size));
  const whole = operandCount * 4 <= maxBindingBytes;
  // What is read of a larger operand may begin up to 256 bytes before what the range needs.
  const dispatches = rowRanges(count, 1, whole ? maxBindingBytes : maxBindingBytes - 256).map(
    ({ from, rows, bytes }): Dispatch => {
      const read = whole ? undefined : bytesRead(merged, from, from + rows);
      return {
        label: 'pad',
        bindings: [reads('x', input(0, read), type), writes('y', output(0, bytes), type)],
        code: `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let own = ${workgroupNumber} * ${threads}u + thread;
  if (own >= ${rows / vector}u) { return; }
  let i = own + ${from / vector}u;
${placeLines(units)}
  var value = ${type}();
  if (inside) { value = x[${read && read.from > 0 ? `place - ${read.from / 4 / vector}u` : 'place'}]; }
  y[own] = value;
}`,
        workgroups: gridOf(Math.ceil(rows / vector / threads)),
      };
    },
  );
  return { dispatches: () => dispatches };
}

/** Bytes of the operand that numbers `from` to `to` − 1 of the result come from: they lie in the same order. */
function bytesRead(axes: readonly Axis[], from: number, to: number): ByteRange {
  const [first, last] = [numbersBefore(axes, from), numbersBefore(axes, to)];
  const start = Math.floor(first / 64) * 64;
  // Nothing but padding: a binding needs a number all the same.
  return last > first ? { from: start * 4, to: last * 4 } : { from: 0, to: 4 };
}

/** How many of the numbers before number `i` of the result come from the operand. */
function numbersBefore(axes: readonly Axis[], i: number): number {
  const steps = contiguousStrides(axes.map(extentOf));
  const strides = contiguousStrides(axes.map(({ size }) => size));
  let [numbers, rest] = [0, i];
  for (const [axis, { size, before }] of axes.entries()) {
    const [step = 1, stride = 1] = [steps[axis], strides[axis]];
    const position = Math.floor(rest / step) - before;
    numbers += Math.min(Math.max(position, 0), size) * stride;
    // In the padding before or behind, what follows makes no difference.
    if (position < 0 || position >= size) return numbers;
    rest %= step;
  }
  return numbers;
}

/** WGSL: whether number `i` of the result comes from the operand, and from where. */
function placeLines(axes: readonly Axis[]): string {
  const steps = contiguousStrides(axes.map(extentOf));
  const strides = contiguousStrides(axes.map(({ size }) => size));
  const lines = axes.flatMap(({ size, before, after }, axis) => {
    const position = `i / ${steps[axis]}u${axis === 0 ? '' : ` % ${before + size + after}u`}`;
    // Below the operand's first the difference wraps to a large number.
    return [
      `  let p${axis} = ${position} - ${before}u;`,
      `  inside = inside && p${axis} < ${size}u;`,
      `  place += p${axis} * ${strides[axis]}u;`,
    ];
  });
  return ['  var inside = true;', '  var place = 0u;', ...lines].join('\n');
}
