// Kernels that work row by row (softmax, layer norm, cross-entropy): how a workgroup of 256 threads is shared by rows, and the text
// around what happens to them. Rows are read as vectors of four where their width allows; a row that fits is kept in registers (unrolled
// text), so that each pass after the first costs no memory.
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';

export const threads = 256;
/** Vectors of a row that a thread keeps. */
const mostKept = 8;
/** Fewer rows than so many get more threads each: there are not enough of them to fill a large device. */
const fewRows = 512;

export interface RowLayout {
  readonly rows: number;
  readonly width: number;
  /** Numbers read at a time. */
  readonly vector: 1 | 4;
  /** Vectors of a row. */
  readonly units: number;
  /** Threads of a row, and rows of a workgroup. */
  readonly lanes: number;
  readonly rowsOfGroup: number;
  /** Vectors of a row that a thread has at most. */
  readonly unitsOfLane: number;
  readonly kept: boolean;
}

export function rowLayout(rows: number, width: number, options: { readonly vectors?: boolean } = {}): RowLayout {
  const vector = width % 4 === 0 && options.vectors !== false ? 4 : 1;
  const units = width / vector;
  const share = rows < fewRows ? 1 : 4;
  const lanes = Math.min(threads, Math.max(4, 2 ** Math.ceil(Math.log2(units / share))));
  const unitsOfLane = Math.ceil(units / lanes);
  const rowsOfGroup = threads / lanes;
  return { rows, width, vector, units, lanes, rowsOfGroup, unitsOfLane, kept: unitsOfLane <= mostKept };
}

export const vectorType = ({ vector }: { readonly vector: 1 | 4 }): string => (vector === 4 ? 'vec4<f32>' : 'f32');

/** WGSL: the numbers of a vector added up. */
export function sumOf(vector: string, { vector: size }: RowLayout): string {
  return size === 1 ? vector : `(${vector}.x + ${vector}.y) + (${vector}.z + ${vector}.w)`;
}

/** WGSL: the largest number of a vector; NaN loses. */
export function largestOf(vector: string, { vector: size }: RowLayout): string {
  return size === 1 ? vector : `larger1(larger1(${vector}.x, ${vector}.y), larger1(${vector}.z, ${vector}.w))`;
}

/** WGSL: a statement for each vector of the thread's share of its row, unrolled where the row is kept; `u` numbers it in the row. */
export function eachUnit(layout: RowLayout, statement: (kept: number | undefined) => string): string {
  const { units, lanes, unitsOfLane, kept } = layout;
  if (!kept) return `  for (var u = lane; u < ${units}u; u += ${lanes}u) {\n    ${statement(undefined)}\n  }`;
  return Array.from({ length: unitsOfLane }, (_, k) => {
    const unit = k === 0 ? 'lane' : `lane + ${k * lanes}u`;
    const inside = (k + 1) * lanes <= units ? statement(k) : `if (u < ${units}u) { ${statement(k)} }`;
    return `  { let u = ${unit}; ${inside} }`;
  }).join('\n');
}

/** WGSL: reads the thread's share of a row into registers, where rows are kept; `read` is the text that reads vector `u`. */
export function keepUnits(layout: RowLayout, name: string, read: string): string {
  if (!layout.kept) return '';
  const declarations = Array.from(
    { length: layout.unitsOfLane },
    (_, k) => `  var ${name}${k} = ${vectorType(layout)}();`,
  );
  return [...declarations, eachUnit(layout, (k) => `${name}${k} = ${read};`)].join('\n');
}

/** WGSL: vector `u` of what `keepUnits` kept, or read again. */
export function unitText(name: string, kept: number | undefined, read: string): string {
  return kept === undefined ? read : `${name}${kept}`;
}

/** WGSL: the entry point. The body sees `row`, `lane`, `thread`, `base` (the row's first vector) and `live`: false where there is no such row. */
export function rowMain({ rows, units, lanes, rowsOfGroup }: RowLayout, body: string): string {
  return `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let number = ${workgroupNumber} * ${rowsOfGroup}u + thread / ${lanes}u;
  let lane = thread % ${lanes}u;
  let live = number < ${rows}u;
  let row = min(number, ${rows - 1}u);
  let base = row * ${units}u;
${body}
}`;
}

export function rowWorkgroups({ rows, rowsOfGroup }: RowLayout): [number, number, number] {
  return gridOf(Math.ceil(rows / rowsOfGroup));
}

export interface RowRange {
  readonly from: number;
  readonly rows: number;
  /** Of a matrix of rows of the width asked for. */
  readonly bytes: { readonly from: number; readonly to: number };
}

/**
 * Ranges of rows of a matrix that a binding may cover, at whose starts a binding may begin.
 * @param multiple of rows, for each start.
 * @param each bytes of a number; a binding must cover the rows in f32 too.
 */
export function rowRanges(
  rows: number,
  width: number,
  maxBindingBytes: number,
  multiple = 1,
  each: 2 | 4 = 4,
): readonly RowRange[] {
  let aligned = multiple;
  while ((aligned * width * each) % 256 !== 0) aligned += multiple;
  const most =
    rows * width * 4 <= maxBindingBytes ? rows : Math.floor(maxBindingBytes / (4 * width * aligned)) * aligned;
  const step = Math.max(most, Math.min(rows, aligned));
  return Array.from({ length: Math.ceil(rows / step) }, (_, part) => {
    const from = part * step;
    const count = Math.min(step, rows - from);
    return { from, rows: count, bytes: { from: from * width * each, to: (from + count) * width * each } };
  });
}
