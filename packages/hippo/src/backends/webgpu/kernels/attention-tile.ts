// Tiles of attention: a workgroup holds `rows` rows of one operand and walks over tiles of `columns` rows of another. Eight threads
// side by side (`lane`) share the rows of one `group`: thread (group, lane) has the products of rows group + groups·r with columns
// lane + 8·c, and the entries 4·(lane + 8·e) … of what it sums up for its rows. Rows in workgroup memory are vectors of four and an odd
// number of them long, so that eight neighbouring rows lie in different banks.
// Per vector of the width a thread makes 4·rowsEach·columnsEach multiply-adds of rowsEach + columnsEach loads.
import { alignRange, type ByteRange } from './dispatch.ts';

/** Threads that share a row. */
export const lanes = 8;

export interface TileSizes {
  readonly rows: number;
  readonly columns: number;
  /** Rows of a thread. */
  readonly rowsEach: number;
}

export interface AttentionSizes {
  readonly length: number;
  readonly headDim: number;
}

/** What a kernel is made for. */
export interface AttentionNode extends AttentionSizes {
  /** Batch times heads. */
  readonly sequences: number;
  readonly scale: number;
}

export interface AttentionTile extends TileSizes, AttentionSizes {
  /** Groups of eight threads. */
  readonly groups: number;
  readonly threads: number;
  readonly columnsEach: number;
  /** Vectors of four in a row of the operands, and from one row to the next in workgroup memory. */
  readonly vectors: number;
  readonly stride: number;
  /** Vectors of a thread in a row. */
  readonly vectorsEach: number;
}

/** Up to this length threads have one row each: short sequences need more threads, not faster ones. */
const shortLength = 128;

/** The first of the candidates whose workgroup memory fits. */
export function chooseTile(
  sizes: AttentionSizes,
  candidates: readonly TileSizes[],
  { bytesOf, limit }: { readonly bytesOf: (tile: AttentionTile) => number; readonly limit: number },
): AttentionTile | undefined {
  return candidates
    .filter(({ rowsEach }) => rowsEach === 1 || sizes.length > shortLength)
    .map((candidate) => tileOf(sizes, candidate))
    .find((tile) => bytesOf(tile) <= limit);
}

function tileOf(sizes: AttentionSizes, candidate: TileSizes): AttentionTile {
  const { rows, columns, rowsEach } = candidate;
  const vectors = Math.ceil(sizes.headDim / 4);
  const groups = rows / rowsEach;
  return {
    ...sizes,
    ...candidate,
    groups,
    threads: groups * lanes,
    columnsEach: columns / lanes,
    vectors,
    stride: vectors + 1 - (vectors % 2),
    vectorsEach: Math.ceil(vectors / lanes),
  };
}

/** Bytes of a tile of `rows` rows of an operand. */
export function operandBytes({ stride }: AttentionTile, rows: number): number {
  return 16 * stride * rows;
}

/** Vectors from one row of a tile of weights to the next, each with the columns lane, lane + 8, … of one lane. */
export const weightStride = lanes + 1;

export function weightBytes({ rows, columnsEach }: AttentionTile): number {
  return 4 * columnsEach * weightStride * rows;
}

/** WGSL type of the weights of one row and lane. */
export function weightType({ columnsEach }: AttentionTile): string {
  return columnsEach === 1 ? 'f32' : `vec${columnsEach}<f32>`;
}

/** WGSL type in which operands of this width are read and written. */
export function elementOf({ headDim }: AttentionSizes): 'f32' | 'vec4<f32>' {
  return headDim % 4 === 0 ? 'vec4<f32>' : 'f32';
}

/** 0 … count − 1, joined to lines. */
export function lines(count: number, text: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => text(index)).join('\n');
}

/** Lines for each pair of a row r and a second index. */
export function grid(rows: number, count: number, text: (row: number, index: number) => string): string {
  return lines(rows, (row) => lines(count, (index) => text(row, index)));
}

/**
 * WGSL: a function that gives vector i of an operand's rows (`rowBase` in rows of the operand), zeros past its width or length.
 * `first` is the number of the tile's first row in its sequence.
 */
export function readVector({ headDim, length, vectors }: AttentionTile, source: string): string {
  if (elementOf({ headDim, length }) === 'vec4<f32>') {
    return `fn read_${source}(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  if (first + i / ${vectors}u >= ${length}u) { return vec4<f32>(); }
  return ${source}[(sequence * ${length}u + first) * ${vectors}u + i];
}`;
  }
  const at = (entry: number) => `if (d + ${entry}u < ${headDim}u) { x[${entry}] = ${source}[at + ${entry}u]; }`;
  return `fn read_${source}(sequence: u32, first: u32, i: u32) -> vec4<f32> {
  var x = vec4<f32>();
  let row = first + i / ${vectors}u;
  if (row >= ${length}u) { return x; }
  let d = 4u * (i % ${vectors}u);
  let at = (sequence * ${length}u + row) * ${headDim}u + d;
  ${[0, 1, 2, 3].map(at).join('\n  ')}
  return x;
}`;
}

/** WGSL: a function that writes vector `at` of a row of a result. */
export function writeVector({ headDim, length, vectors }: AttentionTile, target: string): string {
  const vectorWise = elementOf({ headDim, length }) === 'vec4<f32>';
  const entry = (e: number) => `if (4u * at + ${e}u < ${headDim}u) { ${target}[start + ${e}u] = x[${e}]; }`;
  const body = vectorWise
    ? `${target}[(sequence * ${length}u + row) * ${vectors}u + at] = x;`
    : `let start = (sequence * ${length}u + row) * ${headDim}u + 4u * at;\n  ${[0, 1, 2, 3].map(entry).join('\n  ')}`;
  return `fn write_${target}(sequence: u32, row: u32, at: u32, x: vec4<f32>) {
  if (row >= ${length}u || at >= ${vectors}u) { return; }
  ${body}
}`;
}

/** WGSL: fills a tile in workgroup memory with `rows` rows of an operand from row `first` on. */
export function loadTile(
  { vectors, stride, threads }: AttentionTile,
  { tile, source, rows, first, factor }: LoadedTile,
): string {
  const times = factor === undefined ? '' : ` * ${factor}`;
  return `for (var i = thread; i < ${rows * vectors}u; i += ${threads}u) {
  ${tile}[(i / ${vectors}u) * ${stride}u + i % ${vectors}u] = read_${source}(sequence, ${first}, i)${times};
}`;
}

export interface LoadedTile {
  readonly tile: string;
  readonly source: string;
  readonly rows: number;
  /** WGSL: number of the first row. */
  readonly first: string;
  /** WGSL: what the numbers are multiplied by. */
  readonly factor?: string;
}

/** WGSL: declares `name`r_c = Σ_d rowsTile[row r][d] · columnsTile[column c][d]. */
export function products(tile: AttentionTile, name: string, rowsTile: string, columnsTile: string): string {
  const { rowsEach, columnsEach, groups, stride, vectors } = tile;
  const one = (r: number, c: number): string =>
    `${['x', 'y', 'z', 'w'].map((e) => `a${r}.${e} * b${c}.${e}`).join(' + ')} + ${name}${r}_${c}`;
  return `${grid(rowsEach, columnsEach, (r, c) => `var ${name}${r}_${c} = 0.0;`)}
for (var d = 0u; d < ${vectors}u; d++) {
${lines(rowsEach, (r) => `  let a${r} = ${rowsTile}[(group + ${groups * r}u) * ${stride}u + d];`)}
${lines(columnsEach, (c) => `  let b${c} = ${columnsTile}[(lane + ${lanes * c}u) * ${stride}u + d];`)}
${grid(rowsEach, columnsEach, (r, c) => `  ${name}${r}_${c} = ${one(r, c)};`)}
}`;
}

/** WGSL: the weights `name`r_c become a row of the tile of weights. */
export function storeWeights(tile: AttentionTile, name: string, weights: string): string {
  const { rowsEach, columnsEach, groups } = tile;
  const row = (r: number) => Array.from({ length: columnsEach }, (_, c) => `${name}${r}_${c}`).join(', ');
  return lines(
    rowsEach,
    (r) => `${weights}[(group + ${groups * r}u) * ${weightStride}u + lane] = ${weightType(tile)}(${row(r)});`,
  );
}

/** WGSL: declares the vectors `name`r_e of a thread's rows, zeros. */
export function declareSums({ rowsEach, vectorsEach }: AttentionTile, name: string): string {
  return grid(rowsEach, vectorsEach, (r, e) => `var ${name}${r}_${e} = vec4<f32>();`);
}

/** WGSL: `name`r_e += Σ over the tile's columns of weight · row of `columnsTile`. Lanes past the width add what nobody reads. */
export function addWeighted(tile: AttentionTile, name: string, weights: string, columnsTile: string): string {
  const { rowsEach, columnsEach, vectorsEach, groups, stride, vectors } = tile;
  const weight = (r: number, c: number) => (columnsEach === 1 ? `p${r}` : `p${r}[${c}]`);
  const at = (e: number) =>
    lanes * (e + 1) <= vectors ? `lane + ${lanes * e}u` : `min(lane + ${lanes * e}u, ${vectors - 1}u)`;
  return `for (var t = 0u; t < ${lanes}u; t++) {
${lines(rowsEach, (r) => `  let p${r} = ${weights}[(group + ${groups * r}u) * ${weightStride}u + t];`)}
${grid(columnsEach, vectorsEach, (c, e) => {
  const x = `x${c}_${e}`;
  const load = `  let ${x} = ${columnsTile}[(t + ${lanes * c}u) * ${stride}u + ${at(e)}];`;
  return `${load}\n${lines(rowsEach, (r) => `  ${name}${r}_${e} += ${weight(r, c)} * ${x};`)}`;
})}
}`;
}

/** Sequences (batch times heads) in parts whose operands a binding may cover and whose ranges start where they must. */
export function sequenceParts(
  sequences: number,
  { length, headDim }: AttentionSizes,
  maxBindingBytes: number,
): readonly { readonly from: number; readonly to: number }[] {
  const bytes = 4 * length * headDim;
  let step = 1;
  while ((4 * length * step) % alignRange(1) !== 0) step *= 2;
  const most = Math.max(step, Math.floor(maxBindingBytes / bytes / step) * step);
  if (bytes * sequences <= maxBindingBytes) return [{ from: 0, to: sequences }];
  return Array.from({ length: Math.ceil(sequences / most) }, (_, part) => ({
    from: part * most,
    to: Math.min(sequences, (part + 1) * most),
  }));
}

/** The bytes of some sequences of an operand with `width` numbers a row. */
export function rangeOf({ from, to }: { readonly from: number; readonly to: number }, rowBytes: number): ByteRange {
  return { from: from * rowBytes, to: to * rowBytes };
}
