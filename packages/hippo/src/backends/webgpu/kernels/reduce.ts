// sum and max over neighbouring axes, [outer, reduced, inner] → [outer, inner]. Where what is kept is too little to fill a device, the
// reduced axis is cut into chunks whose results a second pass combines; chunks depend on the shape alone. Each number is read once.
//   inner = 1: a row of threads for each result (or chunk).
//   inner > 1: a thread takes four neighbouring columns; a workgroup up to 1,024 of them, down to 32 (128 bytes a row) and 32 rows at a
//   time where there are few.
// A pass is a dispatch; an operand larger than a binding is read in ranges, each of them chunks.
import type { Node } from '../../../graph/value.ts';
import { maxOperation } from '../../../ops/max.ts';
import { type ReduceAttributes, reductionSizes, sumOperation } from '../../../ops/sum.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import {
  type ByteRange,
  type Dispatch,
  input,
  type KernelChoice,
  type Memory,
  output,
  reads,
  workspace,
  writes,
} from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { withMath } from './math.ts';
import { rowLayout, rowMain, rowRanges, rowWorkgroups, threads } from './rows.ts';
import { maximum, plus, workgroupReduction } from './workgroup-reduction.ts';

export const reduceChoosers: Readonly<Record<string, Chooser>> = {
  [sumOperation.name]: (node, traits) =>
    reduceChoice({ ...sizesOf(node), kind: 'sum', halves: node.inputs[0]?.dtype === 'f16' }, traits),
  [maxOperation.name]: (node, traits) => reduceChoice({ ...sizesOf(node), kind: 'max' }, traits),
};

type Kind = 'sum' | 'max';

interface Sizes {
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
}

function sizesOf(node: Node): Sizes {
  // The chooser stands under the names of operations with these attributes.
  return reductionSizes(node.inputs[0]?.shape ?? [], node.attributes as ReduceAttributes);
}

/** Workgroups that a pass should have at least, if there is so much to do. */
const enoughGroups = 512;
/** Vectors that a thread adds up at least. */
const leastOfThread = 8;

/** What one dispatch reads: ranges of the outer and of the reduced axis. */
interface Part extends Sizes {
  readonly kind: Kind;
  /** Numbers that are read are f16. */
  readonly halves?: boolean;
  readonly from: Memory;
  readonly to: Memory;
  /** Pieces of the reduced axis, and where they lie among all pieces of a result. */
  readonly chunks: number;
  readonly firstChunk: number;
  readonly chunksOfAll: number;
  /** The first result of the dispatch. */
  readonly firstOuter: number;
  /** Numbers of `from` before those of the part, and of `to` before the first result's. */
  readonly skipped: number;
  readonly skippedResults: number;
}

export function reduceChoice(
  { outer, reduced, inner, kind, halves = false }: Sizes & { readonly kind: Kind; readonly halves?: boolean },
  { maxBindingBytes }: Pick<DeviceTraits, 'maxBindingBytes'>,
): KernelChoice {
  const wide = outer * inner * 4 > maxBindingBytes;
  // Bindings of results larger than one may begin up to 256 bytes before the range.
  const each = halves ? 2 : 4;
  const ranges = rangesOf({ outer, reduced, inner }, wide ? maxBindingBytes - 256 : maxBindingBytes, each);
  const chunksOfAll = Math.max(1, ...ranges.map(({ firstChunk, chunks }) => firstChunk + chunks));
  const partialBytes = chunksOfAll > 1 ? outer * chunksOfAll * inner * 4 : 0;
  const partials = workspace(0, partialBytes);
  const passes = ranges.map(({ bytes, sizes, ...range }) => {
    const part = { ...range, ...sizes, kind, halves, from: input(0, bytes), chunksOfAll, skippedResults: 0 };
    if (chunksOfAll > 1) return reducePass({ ...part, to: partials });
    if (!wide) return reducePass({ ...part, to: output(0) });
    const first = range.firstOuter * inner;
    const start = Math.floor(first / 64) * 64;
    const to = output(0, { from: start * 4, to: (first + sizes.outer * inner) * 4 });
    return reducePass({ ...part, to, firstOuter: 0, skippedResults: first - start });
  });
  const last: Dispatch[] =
    chunksOfAll > 1
      ? [combinePartials({ outer, reduced: chunksOfAll, inner, kind, from: partials, to: output(0) })]
      : [];
  return { workspaceBytes: partialBytes, dispatches: () => [...passes, ...last] };
}

/** A part of the operand, and what its dispatch makes of it. */
interface Range extends Pick<Part, 'chunks' | 'firstChunk' | 'firstOuter' | 'skipped'> {
  readonly sizes: Sizes;
  readonly bytes: ByteRange;
}

/**
 * Ranges of the outer axis; where it has one position, or a single one exceeds a binding, ranges of the reduced axis for each of them.
 * Every result has as many chunks. `each`: bytes of a number.
 */
function rangesOf({ outer, reduced, inner }: Sizes, maxBindingBytes: number, each: 2 | 4): readonly Range[] {
  const slabs = rowRanges(outer, reduced * inner, maxBindingBytes, 1, each);
  if (outer > 1 && slabs.every(({ bytes }) => bytes.to - bytes.from <= maxBindingBytes)) {
    const chunks = chunksFor({ outer, reduced, inner });
    return slabs.map(({ from, rows, bytes }) => ({
      sizes: { outer: rows, reduced, inner },
      bytes,
      chunks,
      firstChunk: 0,
      firstOuter: from,
      skipped: 0,
    }));
  }
  // What is read may begin up to 256 bytes before the range.
  const most = outer > 1 ? maxBindingBytes - 256 : maxBindingBytes;
  return Array.from({ length: outer }, (_, firstOuter) => {
    let firstChunk = 0;
    return rowRanges(reduced, inner, most).map(({ from, rows }): Range => {
      const sizes = { outer: 1, reduced: rows, inner };
      const first = (firstOuter * reduced + from) * inner;
      const start = first - (first % (256 / each));
      const bytes = { from: start * each, to: (first + rows * inner) * each };
      const range = { sizes, bytes, chunks: chunksFor(sizes), firstChunk, firstOuter, skipped: first - start };
      firstChunk += range.chunks;
      return range;
    });
  }).flat();
}

/** A pass over the whole axis: [outer, reduced, inner] in one piece of memory to [outer, inner] in another. */
export function combinePartials(
  part: Sizes & { readonly kind: Kind; readonly from: Memory; readonly to: Memory },
): Dispatch {
  return reducePass({
    ...part,
    chunks: 1,
    firstChunk: 0,
    chunksOfAll: 1,
    firstOuter: 0,
    skipped: 0,
    skippedResults: 0,
  });
}

function chunksFor({ outer, reduced, inner }: Sizes): number {
  const { columns, slices } = columnShape({ outer, reduced, inner });
  const groups =
    inner === 1 ? outer * Math.min(1, reduced / (4 * threads)) : outer * Math.ceil(inner / vectorOf(inner) / columns);
  const work = inner === 1 ? 4 * threads * leastOfThread : slices * leastOfThread;
  return Math.max(1, Math.min(Math.ceil(reduced / work), Math.ceil(enoughGroups / Math.max(1, groups))));
}

const vectorOf = (width: number): 1 | 4 => (width % 4 === 0 ? 4 : 1);

function reducePass(part: Part): Dispatch {
  const pass = part.inner === 1 ? rowPass(part) : columnPass(part);
  return { label: part.kind, ...pass, ...(part.halves && { extensions: ['f16'] as const }) };
}

/** WGSL: the type as which numbers lie in memory, and a number read as f32. */
const stored = (type: string, { halves }: Part): string => (halves ? type.replace('f32', 'f16') : type);
const asF32 = (type: string, { halves }: Part, text: string): string => (halves ? `${type}(${text})` : text);

function combiner(kind: Kind): { readonly combine: (a: string, b: string) => string; readonly start: string } {
  return kind === 'sum' ? { combine: plus, start: '0.0' } : { combine: maximum, start: 'nonFinite(0xff800000u)' };
}

function rowPass(part: Part): Omit<Dispatch, 'label'> {
  const { outer, reduced, kind, from, to, chunks, firstChunk, chunksOfAll, firstOuter } = part;
  const { skipped, skippedResults } = part;
  const vector = skipped % 4 === 0 ? vectorOf(reduced) : 1;
  const units = reduced / vector;
  const before = skipped === 0 ? '' : ` + ${skipped / vector}u`;
  const after = skippedResults === 0 ? '' : ` + ${skippedResults}u`;
  const step = Math.ceil(units / chunks);
  const layout = rowLayout(outer * chunks, step * vector, { vectors: vector === 4 });
  const type = vector === 4 ? 'vec4<f32>' : 'f32';
  const { combine, start } = combiner(kind);
  const each = vector === 4 && kind === 'max' ? (a: string, b: string) => `maximum4(${a}, ${b})` : combine;
  const across =
    vector === 1 ? 'part' : combine(`(${combine('part.x', 'part.y')})`, `(${combine('part.z', 'part.w')})`);
  const code =
    withMath(`${workgroupReduction({ name: 'reduceRow', lanes: layout.lanes, rows: layout.rowsOfGroup, type: 'f32', combine })}
${rowMain(
  layout,
  `  let chunk = row % ${chunks}u;
  let first = row / ${chunks}u * ${units}u${before};
  let end = min((chunk + 1u) * ${step}u, ${units}u);
  var part = ${type}(${start});
  for (var u = chunk * ${step}u + lane; u < end; u += ${layout.lanes}u) {
    let value = ${asF32(type, part, 'x[first + u]')};
    part = ${each('part', 'value')};
  }
  let total = reduceRow(thread, ${across});
  if (live && lane == 0u) {
    y[(row / ${chunks}u + ${firstOuter}u) * ${chunksOfAll}u + ${firstChunk}u + chunk${after}] = total;
  }`,
)}`);
  return { bindings: [reads('x', from, stored(type, part)), writes('y', to)], code, workgroups: rowWorkgroups(layout) };
}

/** How a workgroup is spread over columns (vectors) and slices of the reduced axis: no more slices than fill a device. */
function columnShape({ outer, reduced, inner }: Sizes): { readonly columns: number; readonly slices: number } {
  const units = inner / vectorOf(inner);
  const mostSlices = vectorOf(inner) === 4 ? 32 : 8;
  let slices = 1;
  const groups = (): number => outer * Math.ceil((units * slices) / threads);
  while (slices < mostSlices && slices * leastOfThread < reduced && groups() < enoughGroups) slices *= 2;
  return { columns: threads / slices, slices };
}

function columnPass(part: Part): Omit<Dispatch, 'label'> {
  const { outer, reduced, inner, kind, from, to, chunks, firstChunk, chunksOfAll, firstOuter } = part;
  const { skipped, skippedResults } = part;
  const vector = vectorOf(inner);
  const units = inner / vector;
  const before = skipped === 0 ? '' : ` + ${skipped / vector}u`;
  const after = skippedResults === 0 ? '' : ` + ${skippedResults / vector}u`;
  const { columns, slices } = columnShape({ outer, reduced, inner });
  const blocks = Math.ceil(units / columns);
  const step = Math.ceil(reduced / chunks);
  const type = vector === 4 ? 'vec4<f32>' : 'f32';
  const { combine, start } = combiner(kind);
  const each = kind === 'max' ? (a: string, b: string) => `maximum${vector}(${a}, ${b})` : combine;
  const groups = outer * chunks * blocks;
  const code = withMath(`var<workgroup> parts: array<${type}, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let number = min(${workgroupNumber}, ${groups - 1}u);
  let column = number % ${blocks}u * ${columns}u + thread % ${columns}u;
  let chunk = number / ${blocks}u % ${chunks}u;
  let row = number / ${blocks * chunks}u;
  let end = min((chunk + 1u) * ${step}u, ${reduced}u);
  var part = ${type}(${start});
  if (column < ${units}u) {
    for (var r = chunk * ${step}u + thread / ${columns}u; r < end; r += ${slices}u) {
      let value = ${asF32(type, part, `x[(row * ${reduced}u + r) * ${units}u + column${before}]`)};
      part = ${each('part', 'value')};
    }
  }
  parts[thread] = part;
  workgroupBarrier();
  if (thread < ${columns}u && column < ${units}u) {
    for (var slice = 1u; slice < ${slices}u; slice++) {
      part = ${each('part', `parts[slice * ${columns}u + thread]`)};
    }
    y[((row + ${firstOuter}u) * ${chunksOfAll}u + ${firstChunk}u + chunk) * ${units}u + column${after}] = part;
  }
}`);
  const bindings = [reads('x', from, stored(type, part)), writes('y', to, type)];
  return { bindings, code, workgroups: gridOf(groups) };
}
