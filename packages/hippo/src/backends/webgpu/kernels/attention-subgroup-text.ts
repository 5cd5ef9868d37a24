// The WGSL that attention's passes by matrices of subgroups share, on tiles as attention-subgroup-tile.ts has them.
import { countsOf, lengthsOf, type SubgroupAttentionTile } from './attention-subgroup-tile.ts';
import { lines } from './attention-tile.ts';
import { gridParameters, workgroupNumber } from './grid.ts';

/** A sum of terms as WGSL, without zeros. */
const plus = (...terms: readonly (string | number)[]): string => {
  const texts = terms.filter((term) => term !== 0).map((term) => (typeof term === 'number' ? `${term}u` : term));
  return texts.length === 0 ? '0u' : texts.join(' + ');
};

/** WGSL: the types and the workgroup memory, and a reader for each operand of which tiles are made. */
export function declarationsText(tile: SubgroupAttentionTile, sources: readonly string[]): string {
  const { m, n, k } = tile.matrix;
  const { length, rows, columns, vectors } = tile;
  const { columnTiles, weights, scratch } = lengthsOf(tile);
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
var<workgroup> weights: array<Halves, ${weights}>;
var<workgroup> scratch: array<vec4<f32>, ${scratch}>;
fn halves(x: vec4<f32>) -> Halves { return Halves(x); }
${sources.map(reader).join('\n')}`;
}

/** WGSL: the beginning of `main`. `order` of the tiles: that in which those with the most work come first. */
export function entryText(tile: SubgroupAttentionTile, sequences: number, order: 'forwards' | 'backwards'): string {
  const { rows, rowsEach, threads, length, columnStride, lanesEach } = tile;
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
let subgroupRow = subgroup * ${rowsEach}u;
let laneRow = subgroupRow + lane / ${lanesEach}u;
let laneVector = lane % ${lanesEach}u;
let subgroupPlace = subgroupRow * ${columnStride}u;
let lanePlace = laneRow * ${columnStride}u + laneVector;`;
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

function leftLoad(array: string, offset: string, stride: number): string {
  return `subgroupMatrixLoad<LeftMatrix, row_major>(&${array}, ${offset}, ${stride}u)`;
}

/** WGSL: the workgroup's own rows of one or two operands go into matrices. */
export function loadOwn(tile: SubgroupAttentionTile, sources: readonly string[]): string {
  const { matrix, rows, vectors, stride, threads } = tile;
  const { high, deep } = countsOf(tile);
  const stage = (source: string): string =>
    `for (var piece = thread; piece < ${rows * vectors}u; piece += ${threads}u) {
  columnTiles[piece / ${vectors}u * ${stride}u + piece % ${vectors}u] = halves(read_${source}(sequence, first, piece));
}`;
  const load = (operand: number, i: number, l: number): string => {
    const offset = plus(`subgroupRow * ${stride}u`, i * matrix.m * stride + (l * matrix.k) / 4);
    return `let held${operand}_${i}_${l} = ${leftLoad('columnTiles', offset, stride)};`;
  };
  return sources
    .map(
      (source, operand) => `${stage(source)}
workgroupBarrier();
${lines(high, (i) => lines(deep, (l) => load(operand, i, l)))}`,
    )
    .join('\nworkgroupBarrier();\n');
}

/** WGSL: matrices of scores Σ_d own row[d] · column[d] into an array of `scratch`; `own`, `columns`: which operand of either kind. */
export function scoresText(tile: SubgroupAttentionTile, own: number, columns: number, array: number): string {
  const { matrix, stride, rows, columnStride } = tile;
  const { m, n, k } = matrix;
  const { high, columnsWide, deep } = countsOf(tile);
  const name = (i: number, j: number) => `score${i}_${j}`;
  const right = (j: number, l: number): string => {
    const place = columns * tile.columns * stride + j * n * stride + (l * k) / 4;
    return `let right = subgroupMatrixLoad<RightMatrix, col_major>(&columnTiles, ${place}u, ${stride}u);`;
  };
  const add = (i: number, j: number, l: number) =>
    `${name(i, j)} = subgroupMatrixMultiplyAccumulate(held${own}_${i}_${l}, right, ${name(i, j)});`;
  const step = (l: number): string => `{
${lines(columnsWide, (j) => `{ ${right(j, l)}\n${lines(high, (i) => add(i, j, l))} }`)}
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
  const { matrix, stride, rows, columnStride } = tile;
  const { m, n, k } = matrix;
  const { high, columnsDeep, wide } = countsOf(tile);
  const left = (i: number, l: number): string => {
    const offset = plus(`subgroupRow * ${columnStride}u`, (array * rows + i * m) * columnStride + (l * k) / 4);
    return `let left${i} = ${leftLoad('weights', offset, columnStride)};`;
  };
  const right = (j: number, l: number): string => {
    const place = columns * tile.columns * stride + l * k * stride + (j * n) / 4;
    return `let right = subgroupMatrixLoad<RightMatrix, row_major>(&columnTiles, ${place}u, ${stride}u);`;
  };
  const add = (i: number, j: number) =>
    `${name}${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right, ${name}${i}_${j});`;
  const step = (l: number): string => `{
${lines(high, (i) => left(i, l))}
${lines(wide, (j) => `{ ${right(j, l)}\n${lines(high, (i) => add(i, j))} }`)}
}`;
  return lines(columnsDeep, step);
}

/** Part `at` of the width, as wide as the columns, in which sums pass through `scratch`. */
interface WidthPart {
  readonly at: number;
  readonly matrices: readonly number[];
}

export function widthParts(tile: SubgroupAttentionTile): readonly WidthPart[] {
  const { matrix, columns, headDim } = tile;
  const { wide } = countsOf(tile);
  const all = Array.from({ length: wide }, (_, j) => j);
  return Array.from({ length: Math.ceil(headDim / columns) }, (_, at) => ({
    at,
    matrices: all.filter((j) => Math.floor((j * matrix.n) / columns) === at),
  }));
}

/** WGSL: sums `name` of a part of the width to or from array `array` of `scratch`. */
export function moveSums(tile: SubgroupAttentionTile, { name, part, array, way }: MovedSums): string {
  const { matrix, rows, columns, columnStride } = tile;
  const { high } = countsOf(tile);
  const move = (i: number, j: number): string => {
    const column = (j * matrix.n - part.at * columns) / 4;
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
  const { length, rows, columns, vectors, vectorsEach } = tile;
  const one = (part: WidthPart, r: number): string => {
    const row = rowText(tile, r);
    const vector = plus('laneVector', (part.at * columns) / 4);
    const conditions = [
      ...(length % rows === 0 ? [] : [`${row} < ${length}u`]),
      ...((part.at + 1) * columns <= 4 * vectors ? [] : [`${vector} < ${vectors}u`]),
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
  const { columns, vectors, stride, threads } = tile;
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
  return `${declare}
${fetch(from)}
for (var base = ${from}; base < ${until}; base += ${columns}u) {
workgroupBarrier();
${store}
workgroupBarrier();
if (base + ${columns}u < ${until}) {
${fetch(`base + ${columns}u`)}
}
${body}
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
export const columnsText = 'vec4<u32>(base + 4u * laneVector) + vec4<u32>(0u, 1u, 2u, 3u)';
