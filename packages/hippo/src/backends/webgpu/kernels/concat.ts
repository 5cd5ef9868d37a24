// Concatenation: a thread for each number of the result (four of them where all parts are multiples of four), which finds its part by
// its column. As many parts share a dispatch as it may bind. Every number is read once and written once. Rows of which no 64 fit a
// binding (the outer axis has one) are copied part by part, each in ranges of the result.
import { concatOperation } from '../../../ops/concat.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { type ByteRange, type Dispatch, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { rowRanges, threads } from './rows.ts';

export const concatChoosers: Readonly<Record<string, Chooser>> = {
  [concatOperation.name]: ({ inputs, outputs: [result], attributes }, traits) => {
    // The chooser stands under the name of the operation with this attribute.
    const { axis } = attributes as { readonly axis: number };
    const outer = elementCount((result?.shape ?? []).slice(0, axis));
    const widths = inputs.map(({ shape }) => elementCount(shape.slice(axis)));
    return concatChoice({ outer, widths, dtype: result?.dtype ?? 'f32' }, traits);
  },
};

/** Ranges start at multiples of so many rows, so that every part's begin at multiples of 256 bytes. */
const rangeRows = 64;

interface Sizes {
  readonly outer: number;
  /** Numbers of each part in a row of the result. */
  readonly widths: readonly number[];
  readonly dtype: string;
}

/** A part, or a range of one, and where its rows begin in a row of the result. */
interface Part {
  readonly operand: number;
  readonly width: number;
  readonly start: number;
  readonly bytes: { readonly from: number; readonly to: number };
}

export function concatChoice(
  { outer, widths, dtype }: Sizes,
  { maxBindingBytes, maxStorageBuffers }: Pick<DeviceTraits, 'maxBindingBytes' | 'maxStorageBuffers'>,
): KernelChoice {
  const row = widths.reduce((sum, width) => sum + width, 0);
  if (Math.min(outer, rangeRows) * row * 4 > maxBindingBytes) {
    const dispatches = longRowDispatches({ outer, widths, dtype }, maxBindingBytes);
    return { dispatches: () => dispatches };
  }
  const vector = widths.every((width) => width % 4 === 0) ? 4 : 1;
  const type = vector === 4 ? `vec4<${dtype}>` : dtype;
  const dispatches = rowRanges(outer, row, maxBindingBytes, rangeRows).flatMap((range): Dispatch[] => {
    let start = 0;
    const parts = widths.map((width, operand): Part => {
      const part = {
        operand,
        width,
        start,
        bytes: { from: range.from * width * 4, to: (range.from + range.rows) * width * 4 },
      };
      start += width;
      return part;
    });
    const batches = Array.from({ length: Math.ceil(parts.length / (maxStorageBuffers - 1)) }, (_, i) =>
      parts.slice(i * (maxStorageBuffers - 1), (i + 1) * (maxStorageBuffers - 1)),
    );
    return batches.map((batch) => {
      const count = (range.rows * batch.reduce((sum, { width }) => sum + width, 0)) / vector;
      return {
        label: 'concat',
        bindings: [
          ...batch.map(({ operand, bytes }, i) => reads(`x${i}`, input(operand, bytes), type)),
          writes('y', output(0, range.bytes), type),
        ],
        code: batchCode(batch, { row, vector, count }),
        workgroups: gridOf(Math.ceil(count / threads)),
      };
    });
  });
  return { dispatches: () => dispatches };
}

function batchCode(
  batch: readonly Part[],
  { row, vector, count }: { readonly row: number; readonly vector: number; readonly count: number },
): string {
  const span = batch.reduce((sum, { width }) => sum + width, 0) / vector;
  const first = (batch[0]?.start ?? 0) / vector;
  const branches = batch.map(({ width, start }, i) => {
    const [units, from] = [width / vector, start / vector];
    const condition = i === batch.length - 1 ? '' : `if (column < ${from + units}u) `;
    return `${condition}{ y[to] = x${i}[row * ${units}u + column - ${from}u]; }`;
  });
  return `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${count}u) { return; }
  let row = i / ${span}u;
  let column = i % ${span}u + ${first}u;
  let to = row * ${row / vector}u + column;
  ${branches.join(' else ')}
}`;
}

/** Every part of every row in ranges of the result, as far as bindings reach. */
function longRowDispatches({ outer, widths, dtype }: Sizes, maxBindingBytes: number): readonly Dispatch[] {
  const row = widths.reduce((sum, width) => sum + width, 0);
  let start = 0;
  const runs = Array.from({ length: outer }, (_, r) =>
    widths.map((width, operand): Run => {
      const run = { operand, width, from: r * width, to: start };
      start += width;
      return run;
    }),
  ).flat();
  // What is read may begin up to 256 bytes before the range.
  return rowRanges(outer * row, 1, maxBindingBytes - 256).flatMap((range) =>
    runs.flatMap((run) => {
      const first = Math.max(run.to, range.from);
      const count = Math.min(run.to + run.width, range.from + range.rows) - first;
      return count > 0 ? [runDispatch(run, { first, count, bytes: range.bytes }, dtype)] : [];
    }),
  );
}

/** A part in one row: numbers of the operand from one place on go to the result from another on. */
interface Run {
  readonly operand: number;
  readonly width: number;
  readonly from: number;
  readonly to: number;
}

/** Copies `count` numbers of a run to the result's from `first` on, of which `bytes` are bound. */
function runDispatch(
  run: Run,
  { first, count, bytes }: { readonly first: number; readonly count: number; readonly bytes: ByteRange },
  dtype: string,
): Dispatch {
  const source = run.from + first - run.to;
  const read = { from: Math.floor(source / 64) * 256, to: (source + count) * 4 };
  const [from, to] = [source - read.from / 4, first - bytes.from / 4];
  const vector = [from, to, count].every((numbers) => numbers % 4 === 0) ? 4 : 1;
  const type = vector === 4 ? `vec4<${dtype}>` : dtype;
  const units = count / vector;
  return {
    label: 'concat',
    bindings: [reads('x', input(run.operand, read), type), writes('y', output(0, bytes), type)],
    code: `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i < ${units}u) { y[i + ${to / vector}u] = x[i + ${from / vector}u]; }
}`,
    workgroups: gridOf(Math.ceil(units / threads)),
  };
}
