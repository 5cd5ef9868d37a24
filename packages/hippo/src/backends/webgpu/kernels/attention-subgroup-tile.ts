// Tiles of attention by matrices of subgroups. A workgroup owns `rows` rows of two operands, `rowsEach` of them a subgroup, and walks
// over tiles of `columns` rows of two others. Factors are rounded to f16 on their way into workgroup memory; sums are f32.
//
// Both operands of the walk lie behind one another in `columnTiles`. A subgroup's own rows are left factors of the scores; `held`: they
// stay in its matrices (registers) over the whole walk, having passed through `columnTiles`, and take no workgroup memory. Scores leave
// their matrices by way of `scratch`, become weights in f32, and go to `weights` as left factors of what is summed up. There a subgroup
// reads only what it wrote; WGSL has no barrier for a subgroup alone, so the workgroup's must do.
// Subgroups lie in a grid with `across` of them side by side: those share rows, and each has a part of the columns (scores) and of the
// width (sums). With two, matrices that a subgroup reads serve more products, and its own rows take twice as many registers.
// Lanes of a subgroup share a row in groups: lane (row, column) has vectors of four scores of rows row, row + step, …, so that everything
// about a row stays in registers of its lanes.
// Rows of f16 numbers are eight longer than their content, so that the rows of a matrix begin in different banks; those of f32
// scores too: the four rows that half a warp stores at once then cover all banks.
import type { DeviceTraits, SubgroupMatrix } from '../traits.ts';
import { type AttentionNode, lines } from './attention-tile.ts';
import { gridParameters, workgroupNumber } from './grid.ts';
import { usableMatrix } from './matmul-forms.ts';

/** What may be chosen. */
export interface SubgroupAttentionForm {
  readonly subgroups: number;
  /** Subgroups that share their rows, side by side. */
  readonly across: 1 | 2;
  /** Rows of a subgroup. */
  readonly rowsEach: number;
  readonly columns: number;
  readonly held: boolean;
  /** The next step's numbers are fetched before this step is computed. */
  readonly prefetch: boolean;
}

/** A workgroup's own operands, and the arrays of scores and of weights that a pass needs. */
export interface PassMemory {
  readonly operands: 1 | 2;
  readonly scores: number;
  readonly weights: number;
}

export interface SubgroupAttentionTile extends SubgroupAttentionForm, AttentionNode, PassMemory {
  readonly matrix: SubgroupMatrix;
  /** Threads of a subgroup. */
  readonly size: number;
  readonly rows: number;
  readonly threads: number;
  /** Vectors of four numbers in a row of the operands. */
  readonly vectors: number;
  /** Vectors from one row to the next in `columnTiles`, in `weights` and in `scratch`. */
  readonly stride: number;
  readonly columnStride: number;
  /** A subgroup's columns of scores, and its part of the width of sums. */
  readonly columnsEach: number;
  readonly widthEach: number;
  /** Lanes that share a row, the rows between two of a lane, and the vectors of scores of a lane. */
  readonly lanesEach: number;
  readonly rowStep: number;
  readonly vectorsEach: number;
}

/** Numbers by which a row in workgroup memory is longer than its content. */
const padding = 8;

/** The first of the forms that suits the sizes and fits the device; undefined: none, or the device is to compute in f32. */
export function chooseSubgroupTile(
  node: AttentionNode,
  traits: DeviceTraits,
  { forms, memory }: { readonly forms: readonly SubgroupAttentionForm[]; readonly memory: PassMemory },
): SubgroupAttentionTile | undefined {
  const matrix = usableMatrix(traits);
  if (!matrix || !traits.subgroups) return undefined;
  const size = traits.subgroups.max;
  return forms
    .map((form) => ({ ...subgroupTile(node, form, { matrix, size }), ...memory }))
    .filter(isWhole)
    .find((tile) => tile.threads <= traits.maxThreads && bytesOf(tile) <= traits.maxWorkgroupBytes);
}

function subgroupTile(
  node: AttentionNode,
  form: SubgroupAttentionForm,
  { matrix, size }: { readonly matrix: SubgroupMatrix; readonly size: number },
): Omit<SubgroupAttentionTile, keyof PassMemory> {
  const { subgroups, across, rowsEach, columns } = form;
  const columnsEach = columns / across;
  const lanesEach = columnsEach / 4;
  return {
    ...node,
    ...form,
    matrix,
    size,
    rows: (subgroups / across) * rowsEach,
    threads: subgroups * size,
    vectors: node.headDim / 4,
    stride: (node.headDim + padding) / 4,
    columnStride: (columns + padding) / 4,
    columnsEach,
    widthEach: node.headDim / across,
    lanesEach,
    rowStep: size / lanesEach,
    vectorsEach: (rowsEach * lanesEach) / size,
  };
}

/** Whether everything divides into matrices, and a subgroup's scores among its lanes. */
function isWhole(tile: SubgroupAttentionTile): boolean {
  const { matrix, headDim, rowsEach, columns, columnsEach, widthEach, size, lanesEach, rowStep } = tile;
  const { m, n, k } = matrix;
  const across = [columnsEach, widthEach].every((count) => count % n === 0);
  const inMatrices = across && rowsEach % m === 0 && [headDim, columns].every((count) => count % k === 0);
  const isPower = (lanesEach & (lanesEach - 1)) === 0;
  return inMatrices && isPower && k % 4 === 0 && size % lanesEach === 0 && rowsEach % rowStep === 0;
}

/** Vectors in the arrays of workgroup memory; what would follow the last row's content is left out. */
function lengthsOf(tile: SubgroupAttentionTile) {
  const { rows, columns, stride, columnStride, held, operands, scores, weights } = tile;
  const last = padding / 4;
  return {
    columnTiles: (held ? Math.max(2 * columns, rows) : 2 * columns) * stride - last,
    ownTiles: held ? 0 : operands * rows * stride - last,
    weights: weights * rows * columnStride - last,
    scratch: scores * rows * columnStride - last,
  };
}

/** Bytes of workgroup memory, with a little for a flag. */
function bytesOf(tile: SubgroupAttentionTile): number {
  const { columnTiles, ownTiles, weights, scratch } = lengthsOf(tile);
  return 8 * (columnTiles + ownTiles + weights) + 16 * scratch + 16;
}

/** For `reason`. */
export function describeTile({ matrix, rows, columns }: SubgroupAttentionTile): string {
  return `${rows} × ${columns} in f16 by subgroup matrices ${matrix.m}×${matrix.n}×${matrix.k}`;
}

/** A sum of terms as WGSL, without zeros. */
const plus = (...terms: readonly (string | number)[]): string => {
  const texts = terms.filter((term) => term !== 0).map((term) => (typeof term === 'number' ? `${term}u` : term));
  return texts.length === 0 ? '0u' : texts.join(' + ');
};

/** WGSL: the types and the workgroup memory, and a reader for each operand of which tiles are made. */
export function declarationsText(tile: SubgroupAttentionTile, sources: readonly string[]): string {
  const { m, n, k } = tile.matrix;
  const { length, rows, columns, vectors } = tile;
  const { columnTiles, ownTiles, weights, scratch } = lengthsOf(tile);
  const inside = length % rows === 0 && length % columns === 0;
  const guard = `  if (piece >= (${length}u - first) * ${vectors}u) { return vec4<f32>(); }\n`;
  const reader = (
    source: string,
  ): string => `// Vector \`piece\` of the rows from \`first\` on, zeros past the last row.
fn read_${source}(sequence: u32, first: u32, piece: u32) -> vec4<f32> {
${inside ? '' : guard}  return ${source}[(sequence * ${length}u + first) * ${vectors}u + piece];
}`;
  return `alias Halves = vec4<f16>;
alias LeftMatrix = subgroup_matrix_left<f16, ${k}, ${m}>;
alias RightMatrix = subgroup_matrix_right<f16, ${n}, ${k}>;
alias Sums = subgroup_matrix_result<f32, ${n}, ${m}>;
var<workgroup> columnTiles: array<Halves, ${columnTiles}>;
${ownTiles > 0 ? `var<workgroup> ownTiles: array<Halves, ${ownTiles}>;\n` : ''}var<workgroup> weights: array<Halves, ${weights}>;
var<workgroup> scratch: array<vec4<f32>, ${scratch}>;
fn halves(x: vec4<f32>) -> Halves { return Halves(x); }
${sources.map(reader).join('\n')}`;
}

/** WGSL: how far the subgroup's part begins behind that of the first one beside it. */
const beside = ({ across }: SubgroupAttentionTile, each: number): string | number =>
  across === 1 ? 0 : `side * ${each}u`;

/** WGSL: the beginning of `main`. `order` of the tiles: that in which those with the most work come first. */
export function entryText(tile: SubgroupAttentionTile, sequences: number, order: 'forwards' | 'backwards'): string {
  const { rows, rowsEach, threads, length, across, columnsEach, columnStride, lanesEach } = tile;
  const tiles = Math.ceil(length / rows);
  const number = order === 'backwards' ? `(${tiles - 1}u - number / ${sequences}u)` : `(number / ${sequences}u)`;
  return `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32, ${gridParameters}) {
let number = ${workgroupNumber};
if (number >= ${sequences * tiles}u) { return; }
let sequence = number % ${sequences}u;
let first = ${rows}u * ${number};
// The subgroup's first row in the tile and its place in a row, the lane's first row and its vector among the subgroup's.
let subgroupRow = subgroup${across === 1 ? '' : ` / ${across}u`} * ${rowsEach}u;
${across === 1 ? '' : `let side = subgroup % ${across}u;\n`}let laneRow = subgroupRow + lane / ${lanesEach}u;
let laneVector = lane % ${lanesEach}u;
let subgroupPlace = ${plus(`subgroupRow * ${columnStride}u`, beside(tile, columnsEach / 4))};
let lanePlace = ${plus(`laneRow * ${columnStride}u`, beside(tile, columnsEach / 4), 'laneVector')};`;
}

/** WGSL: row r of a lane in its sequence. */
export const rowText = ({ rowStep }: SubgroupAttentionTile, r: number): string => plus('first', 'laneRow', r * rowStep);

/** WGSL: place of a lane's vector r in an array of scores or of weights. */
export function placeText({ rows, columnStride, rowStep }: SubgroupAttentionTile, array: number, r: number): string {
  return plus('lanePlace', (array * rows + r * rowStep) * columnStride);
}

/** WGSL: `name` becomes the same for all lanes of a row. */
export function overLanes({ lanesEach }: SubgroupAttentionTile, name: string, combine: (x: string) => string): string {
  return lines(Math.log2(lanesEach), (bit) => `${name} = ${combine(`subgroupShuffleXor(${name}, ${2 ** bit}u)`)};`);
}

/** Matrices of a subgroup's rows, columns and width as rows or columns of sums; of all columns and the whole width along them. */
function countsOf({ matrix: { m, n, k }, rowsEach, columns, columnsEach, headDim, widthEach }: SubgroupAttentionTile) {
  return {
    high: rowsEach / m,
    columnsWide: columnsEach / n,
    columnsDeep: columns / k,
    wide: widthEach / n,
    deep: headDim / k,
  };
}

function leftLoad(array: string, offset: string, stride: number): string {
  return `subgroupMatrixLoad<LeftMatrix, row_major>(&${array}, ${offset}, ${stride}u)`;
}

function ownLoad(tile: SubgroupAttentionTile, operand: number, i: number, l: number): string {
  const { matrix, stride, rows, held } = tile;
  const region = held ? 0 : operand * rows * stride;
  const offset = plus(`subgroupRow * ${stride}u`, region + i * matrix.m * stride + (l * matrix.k) / 4);
  return leftLoad(held ? 'columnTiles' : 'ownTiles', offset, stride);
}

/** WGSL: the workgroup's own rows of one or two operands go into matrices or into workgroup memory. */
export function loadOwn(tile: SubgroupAttentionTile, sources: readonly string[]): string {
  const { rows, vectors, stride, threads, held } = tile;
  const { high, deep } = countsOf(tile);
  const stage = (source: string, array: string, from: number): string =>
    `for (var piece = thread; piece < ${rows * vectors}u; piece += ${threads}u) {
  ${array}[${plus(`piece / ${vectors}u * ${stride}u + piece % ${vectors}u`, from)}] = halves(read_${source}(sequence, first, piece));
}`;
  if (!held) return sources.map((source, at) => stage(source, 'ownTiles', at * rows * stride)).join('\n');
  const load = (operand: number): string =>
    lines(high, (i) => lines(deep, (l) => `let held${operand}_${i}_${l} = ${ownLoad(tile, operand, i, l)};`));
  return sources
    .map((source, at) => `${stage(source, 'columnTiles', 0)}\nworkgroupBarrier();\n${load(at)}`)
    .join('\nworkgroupBarrier();\n');
}

/** WGSL: matrices of scores Σ_d own row[d] · column[d] into an array of `scratch`; `own`, `columns`: which operand of either kind. */
export function scoresText(tile: SubgroupAttentionTile, own: number, columns: number, array: number): string {
  const { matrix, stride, rows, columnsEach, columnStride, held } = tile;
  const { m, n, k } = matrix;
  const { high, columnsWide, deep } = countsOf(tile);
  const name = (i: number, j: number) => `score${i}_${j}`;
  const left = (i: number, l: number) => (held ? `held${own}_${i}_${l}` : `left${i}`);
  const right = (j: number, l: number): string => {
    const place = columns * tile.columns * stride + j * n * stride + (l * k) / 4;
    const offset = plus(beside(tile, columnsEach * stride), place);
    return `let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, ${offset}, ${stride}u);`;
  };
  const add = (i: number, j: number, l: number) =>
    `${name(i, j)} = subgroupMatrixMultiplyAccumulate(${left(i, l)}, right, ${name(i, j)});`;
  const step = (l: number): string => `{
${held ? '' : `${lines(high, (i) => `let left${i} = ${ownLoad(tile, own, i, l)};`)}\n`}${lines(columnsWide, (j) => `{ ${right(j, l)}\n${lines(high, (i) => add(i, j, l))} }`)}
}`;
  const store = (i: number, j: number): string => {
    const offset = plus('subgroupPlace', (array * rows + i * m) * columnStride + (j * n) / 4);
    return `subgroupMatrixStore<row_major>(&scratch, ${offset}, ${name(i, j)}, ${columnStride}u);`;
  };
  return `{
${lines(high, (i) => lines(columnsWide, (j) => `var ${name(i, j)} = Sums();`))}
${lines(deep, step)}
${lines(high, (i) => lines(columnsWide, (j) => store(i, j)))}
}`;
}

/** WGSL: declares the sums `name`i_j of a subgroup's rows over the width, zeros. */
export function declareSums(tile: SubgroupAttentionTile, name: string): string {
  const { high, wide } = countsOf(tile);
  return lines(high, (i) => lines(wide, (j) => `var ${name}${i}_${j} = Sums();`));
}

/** WGSL: `name`i_j += Σ over the columns of weight · column, with the weights in array `array`. */
export function addWeighted(tile: SubgroupAttentionTile, name: string, array: number, columns: number): string {
  const { matrix, stride, rows, columnStride, widthEach } = tile;
  const { m, n, k } = matrix;
  const { high, columnsDeep, wide } = countsOf(tile);
  const left = (i: number, l: number): string => {
    const offset = plus(`subgroupRow * ${columnStride}u`, (array * rows + i * m) * columnStride + (l * k) / 4);
    return `let left${i} = ${leftLoad('weights', offset, columnStride)};`;
  };
  const right = (j: number, l: number): string => {
    const place = columns * tile.columns * stride + l * k * stride + (j * n) / 4;
    const offset = plus(beside(tile, widthEach / 4), place);
    return `let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, ${offset}, ${stride}u);`;
  };
  const add = (i: number, j: number) =>
    `${name}${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right, ${name}${i}_${j});`;
  const step = (l: number): string => `{
${lines(high, (i) => left(i, l))}
${lines(wide, (j) => `{ ${right(j, l)}\n${lines(high, (i) => add(i, j))} }`)}
}`;
  return lines(columnsDeep, step);
}

/** Part `at` of a subgroup's width, as wide as its columns, in which sums pass through `scratch`. */
interface WidthPart {
  readonly at: number;
  readonly matrices: readonly number[];
}

export function widthParts(tile: SubgroupAttentionTile): readonly WidthPart[] {
  const { matrix, columnsEach, widthEach } = tile;
  const { wide } = countsOf(tile);
  const all = Array.from({ length: wide }, (_, j) => j);
  return Array.from({ length: Math.ceil(widthEach / columnsEach) }, (_, at) => ({
    at,
    matrices: all.filter((j) => Math.floor((j * matrix.n) / columnsEach) === at),
  }));
}

/** WGSL: sums `name` of a part of the width to or from array `array` of `scratch`. */
export function moveSums(tile: SubgroupAttentionTile, { name, part, array, way }: MovedSums): string {
  const { matrix, rows, columnsEach, columnStride } = tile;
  const { high } = countsOf(tile);
  const move = (i: number, j: number): string => {
    const column = (j * matrix.n - part.at * columnsEach) / 4;
    const offset = plus('subgroupPlace', (array * rows + i * matrix.m) * columnStride + column);
    return way === 'store'
      ? `subgroupMatrixStore<row_major>(&scratch, ${offset}, ${name}${i}_${j}, ${columnStride}u);`
      : `${name}${i}_${j} = subgroupMatrixLoad<Sums, row_major>(&scratch, ${offset}, ${columnStride}u);`;
  };
  return lines(high, (i) => part.matrices.map((j) => move(i, j)).join('\n'));
}

interface MovedSums {
  readonly name: string;
  readonly part: WidthPart;
  readonly array: number;
  readonly way: 'store' | 'load';
}

/** A result: sums `name`, each row times `factor`. */
interface SubgroupResult {
  readonly name: string;
  readonly target: string;
  /** WGSL: what row r of a lane is multiplied by. */
  readonly factor: (r: number) => string;
}

/** WGSL: writes sums to the results, by way of `scratch`; at most as many as it has arrays. */
export function writeResults(tile: SubgroupAttentionTile, results: readonly SubgroupResult[]): string {
  const { length, rows, columnsEach, widthEach, vectors, vectorsEach } = tile;
  const one = (part: WidthPart, r: number): string => {
    const row = rowText(tile, r);
    const inWidth = plus('laneVector', (part.at * columnsEach) / 4);
    const vector = plus(beside(tile, widthEach / 4), inWidth);
    const conditions = [
      ...(length % rows === 0 ? [] : [`${row} < ${length}u`]),
      ...((part.at + 1) * columnsEach <= widthEach ? [] : [`${inWidth} < ${widthEach / 4}u`]),
    ];
    const writes = results.map(
      ({ target, factor }, array) =>
        `${target}[(sequence * ${length}u + ${row}) * ${vectors}u + ${vector}] = scratch[${placeText(tile, array, r)}] * ${factor(r)};`,
    );
    return conditions.length === 0 ? writes.join('\n') : `if (${conditions.join(' && ')}) {\n${writes.join('\n')}\n}`;
  };
  return widthParts(tile)
    .map(
      (part) => `workgroupBarrier();
${results.map(({ name }, array) => moveSums(tile, { name, part, array, way: 'store' })).join('\n')}
workgroupBarrier();
${lines(vectorsEach, (r) => one(part, r))}`,
    )
    .join('\n');
}

/** WGSL: a loop over the tiles of columns from `from` to `until` with both operands of `sources` in `columnTiles`. */
export function walkText(tile: SubgroupAttentionTile, { sources, from, until, body }: Walk): string {
  const { columns, vectors, stride, threads, prefetch } = tile;
  const count = columns * vectors;
  const each = (text: (operand: number, source: string, slot: number, piece: string) => string): string =>
    sources
      .map((source, operand) =>
        lines(Math.ceil(count / threads), (slot) => {
          const line = text(operand, source, slot, plus('thread', slot * threads));
          return (slot + 1) * threads > count ? `if (thread < ${count - slot * threads}u) { ${line} }` : line;
        }),
      )
      .join('\n');
  const declare = sources
    .map((_, operand) => lines(Math.ceil(count / threads), (slot) => `var next${operand}_${slot}: vec4<f32>;`))
    .join('\n');
  const fetch = (base: string): string =>
    each((operand, source, slot, piece) => `next${operand}_${slot} = read_${source}(sequence, ${base}, ${piece});`);
  const store = each((operand, _, slot, piece) => {
    const place = `(${piece}) / ${vectors}u * ${stride}u + (${piece}) % ${vectors}u`;
    return `columnTiles[${plus(place, operand * columns * stride)}] = halves(next${operand}_${slot});`;
  });
  const before = prefetch ? `${declare}\n${fetch(from)}\n` : '';
  const turn = prefetch ? store : `{\n${declare}\n${fetch('base')}\n${store}\n}`;
  const after = prefetch ? `if (base + ${columns}u < ${until}) {\n${fetch(`base + ${columns}u`)}\n}\n` : '';
  return `${before}for (var base = ${from}; base < ${until}; base += ${columns}u) {
workgroupBarrier();
${turn}
workgroupBarrier();
${after}${body}
}`;
}

interface Walk {
  readonly sources: readonly [string, string];
  /** WGSL, the same for the whole workgroup. */
  readonly from: string;
  readonly until: string;
  readonly body: string;
}

/** WGSL: the columns of a lane's vector of scores. */
export function columnsText(tile: SubgroupAttentionTile): string {
  return `vec4<u32>(${plus('base', beside(tile, tile.columnsEach), '4u * laneVector')}) + vec4<u32>(0u, 1u, 2u, 3u)`;
}
