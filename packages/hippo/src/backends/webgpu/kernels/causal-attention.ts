// causalAttention: y_i = Σ_{j≤i} p_ij v_j, p_ij = e^{scale·q_i·k_j − logSumExp_i}, without a length × length buffer (Milakov and
// Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135). A workgroup has a tile of queries of one head in workgroup memory and
// walks over tiles of keys up to the diagonal; keys and values take turns in the same memory. Every thread keeps the sums of its
// rows in registers, rescaled when a larger score turns up; the row's total is added up over its eight threads once, at the end.
// Traffic: queries and results once; keys and values once for each tile of queries, mostly from caches. Tiles with the most keys
// start first. Above the diagonal only what shares a tile with it is computed.
import type { Node } from '../../../graph/value.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import {
  type AttentionNode,
  type AttentionTile,
  addWeighted,
  chooseTile,
  declareSums,
  elementOf,
  grid,
  lanes,
  lines,
  loadTile,
  operandBytes,
  products,
  rangeOf,
  readVector,
  sequenceParts,
  storeWeights,
  type TileSizes,
  weightBytes,
  weightStride,
  weightType,
  writeVector,
} from './attention-tile.ts';
import { causalAttentionGradientChoice } from './causal-attention-gradient.ts';
import { subgroupAttentionChoice } from './causal-attention-subgroup.ts';
import type { Chooser } from './chooser.ts';
import { type Dispatch, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { literal } from './literal.ts';
import { mathFunctions } from './math.ts';

/** By preference; narrow tiles are for wide heads and for devices with the least workgroup memory. */
const candidates: readonly TileSizes[] = [
  { rows: 64, columns: 32, rowsEach: 4 },
  { rows: 64, columns: 16, rowsEach: 4 },
  { rows: 32, columns: 16, rowsEach: 4 },
  { rows: 16, columns: 8, rowsEach: 1 },
  { rows: 8, columns: 8, rowsEach: 1 },
  { rows: 2, columns: 8, rowsEach: 1 },
];

/** Sizes of a node whose operand `at` is the queries. */
function sizesOf({ inputs, attributes }: Node, at: number): AttentionNode {
  const { shape } = inputs[at] ?? { shape: [] };
  const [length = 1, headDim = 1] = shape.slice(2);
  // The operation's own attribute.
  return { sequences: elementCount(shape.slice(0, 2)), length, headDim, scale: attributes.scale as number };
}

export const attentionChoosers: Readonly<Record<string, Chooser>> = {
  causalAttention: (node, traits) => causalAttentionChoice(sizesOf(node, 0), traits),
  causalAttentionGradient: (node, traits) => causalAttentionGradientChoice(sizesOf(node, 1), traits),
};

/** By subgroup matrices where they may be used; undefined where not even the narrowest tile fits the workgroup memory. */
export function causalAttentionChoice(sizes: AttentionNode, traits: DeviceTraits): KernelChoice | undefined {
  const halves = subgroupAttentionChoice(sizes, traits);
  if (halves) return halves;
  const tile = chooseTile(sizes, candidates, { bytesOf: memoryBytes, limit: traits.maxWorkgroupBytes });
  if (!tile) return undefined;
  const code = forwardCode(tile, sizes.scale);
  const parts = sequenceParts(sizes.sequences, sizes, traits.maxBindingBytes);
  return {
    reason: `tiles of ${tile.rows} queries and ${tile.columns} keys`,
    dispatches: () => parts.map((part) => forwardDispatch(tile, code, part)),
  };
}

function memoryBytes(tile: AttentionTile): number {
  return operandBytes(tile, tile.rows + tile.columns) + weightBytes(tile) + 4 * weightStride * tile.rows;
}

function forwardDispatch(
  tile: AttentionTile,
  code: (sequences: number) => string,
  part: { readonly from: number; readonly to: number },
): Dispatch {
  const { length, headDim, rows } = tile;
  const range = rangeOf(part, 4 * length * headDim);
  const element = elementOf(tile);
  const count = part.to - part.from;
  return {
    label: 'causalAttention',
    bindings: [
      reads('query', input(0, range), element),
      reads('key', input(1, range), element),
      reads('value', input(2, range), element),
      writes('mixed', output(0, range), element),
      writes('logSumExp', output(1, rangeOf(part, 4 * length))),
    ],
    code: code(count),
    workgroups: gridOf(Math.ceil(length / rows) * count),
  };
}

function forwardCode(tile: AttentionTile, scale: number): (sequences: number) => string {
  const { rows, columns, rowsEach, columnsEach, vectorsEach, groups, threads, length } = tile;
  const row = (r: number) => `group + ${groups * r}u`;
  const memory = `var<workgroup> queries: array<vec4<f32>, ${rows * tile.stride}>;
var<workgroup> keysOrValues: array<vec4<f32>, ${columns * tile.stride}>;
var<workgroup> weights: array<${weightType(tile)}, ${rows * weightStride}>;
var<workgroup> shared8: array<f32, ${rows * weightStride}>;`;
  return (sequences) => `${mathFunctions(['expNegative1', 'log1', 'nonFinite'])}
${memory}
${['query', 'key', 'value'].map((source) => readVector(tile, source)).join('\n')}
${writeVector(tile, 'mixed')}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let number = ${workgroupNumber};
  if (number >= ${sequences * Math.ceil(length / rows)}u) { return; }
  let sequence = number % ${sequences}u;
  let first = ${rows}u * (${Math.ceil(length / rows) - 1}u - number / ${sequences}u);
  let group = thread / ${lanes}u;
  let lane = thread % ${lanes}u;
${loadTile(tile, { tile: 'queries', source: 'query', rows, first: 'first', factor: literal(scale) })}
${declareSums(tile, 'y')}
${lines(rowsEach, (r) => `var largest${r} = nonFinite(0xff800000u);\nvar total${r} = 0.0;`)}
for (var base = 0u; base < min(first + ${rows}u, ${length}u); base += ${columns}u) {
${loadTile(tile, { tile: 'keysOrValues', source: 'key', rows: columns, first: 'base' })}
workgroupBarrier();
${products(tile, 's', 'queries', 'keysOrValues')}
// A key after its query counts as −∞.
${grid(rowsEach, columnsEach, (r, c) => `if (base + lane + ${lanes * c}u > first + ${row(r)}) { s${r}_${c} = nonFinite(0xff800000u); }`)}
${lines(rowsEach, (r) => `shared8[(${row(r)}) * ${weightStride}u + lane] = ${maximum(columnsEach, (c) => `s${r}_${c}`)};`)}
workgroupBarrier();
${lines(rowsEach, (r) => `let before${r} = largest${r};`)}
${overLanes(rowsEach, (r, x) => `largest${r} = max(largest${r}, ${x});`, row)}
${lines(rowsEach, (r) => rescaled(r, tile))}
${storeWeights(tile, 's', 'weights')}
${loadTile(tile, { tile: 'keysOrValues', source: 'value', rows: columns, first: 'base' })}
workgroupBarrier();
${addWeighted(tile, 'y', 'weights', 'keysOrValues')}
workgroupBarrier();
}
${lines(rowsEach, (r) => `shared8[(${row(r)}) * ${weightStride}u + lane] = total${r};`)}
workgroupBarrier();
${lines(rowsEach, (r) => `var sum${r} = 0.0;`)}
${overLanes(rowsEach, (r, x) => `sum${r} += ${x};`, row)}
${grid(rowsEach, vectorsEach, (r, e) => `write_mixed(sequence, first + ${row(r)}, lane + ${lanes * e}u, y${r}_${e} / sum${r});`)}
${lines(rowsEach, (r) => `if (lane == 0u && first + ${row(r)} < ${length}u) { logSumExp[sequence * ${length}u + first + ${row(r)}] = largest${r} + log1(sum${r}); }`)}
}`;
}

/** Scores of row r become weights; its total and sums are brought to the new largest score. */
function rescaled(r: number, { columnsEach, vectorsEach }: AttentionTile): string {
  const weight = (c: number) => `s${r}_${c} = expNegative1(s${r}_${c} - largest${r});\ntotal${r} += s${r}_${c};`;
  return `let factor${r} = expNegative1(before${r} - largest${r});
total${r} *= factor${r};
${lines(vectorsEach, (e) => `y${r}_${e} *= factor${r};`)}
${lines(columnsEach, weight)}`;
}

function maximum(count: number, value: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => value(index)).reduce((a, b) => `max(${a}, ${b})`);
}

/** WGSL: combines what a row's eight threads have put down. */
function overLanes(rowsEach: number, text: (row: number, value: string) => string, row: (r: number) => string): string {
  return `for (var t = 0u; t < ${lanes}u; t++) {
${lines(rowsEach, (r) => text(r, `shared8[(${row(r)}) * ${weightStride}u + t]`))}
}`;
}
