// The gradient of causalAttention, from weights made again: p_ij = e^{scale·q_i·k_j − logSumExp_i}, s_ij = p_ij (dy_i·v_j − dy_i·y_i),
//   dq_i = scale Σ_{j≤i} s_ij k_j    dk_j = scale Σ_{i≥j} s_ij q_i    dv_j = Σ_{i≥j} p_ij dy_i
// Two dispatches, each with every sum in one thread's registers, so that nothing is added by atomics: one over tiles of queries (dq,
// and dy·y for the other one), one over tiles of keys (dk, dv). Products: 3 and 4 a pair of rows instead of 5 in one pass.
// Traffic: as the forward kernel; the tile's own two operands stay in workgroup memory.
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
import { subgroupGradientChoice } from './causal-attention-gradient-subgroup.ts';
import { alignRange, type Dispatch, input, type KernelChoice, output, reads, workspace, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { literal } from './literal.ts';
import { mathFunctions } from './math.ts';

/** By preference; see causal-attention.ts. */
const candidates: readonly TileSizes[] = [
  { rows: 32, columns: 32, rowsEach: 2 },
  { rows: 32, columns: 16, rowsEach: 2 },
  { rows: 16, columns: 16, rowsEach: 2 },
  { rows: 16, columns: 8, rowsEach: 1 },
  { rows: 8, columns: 8, rowsEach: 1 },
  { rows: 2, columns: 8, rowsEach: 1 },
];

interface Part {
  readonly from: number;
  readonly to: number;
}

/** By subgroup matrices where they may be used; undefined where not even the narrowest tile fits the workgroup memory. */
export function causalAttentionGradientChoice(sizes: AttentionNode, traits: DeviceTraits): KernelChoice | undefined {
  const halves = subgroupGradientChoice(sizes, traits);
  if (halves) return halves;
  const tile = chooseTile(sizes, candidates, { bytesOf: memoryBytes, limit: traits.maxWorkgroupBytes });
  if (!tile) return undefined;
  const parts = sequenceParts(sizes.sequences, sizes, traits.maxBindingBytes);
  return {
    reason: `tiles of ${tile.rows} × ${tile.columns} queries and keys`,
    workspaceBytes: alignRange(4 * sizes.sequences * sizes.length),
    dispatches: () =>
      parts.flatMap((part) => [queryDispatch(tile, sizes.scale, part), keyDispatch(tile, sizes.scale, part)]),
  };
}

function memoryBytes(tile: AttentionTile): number {
  return operandBytes(tile, 2 * (tile.rows + tile.columns)) + 2 * weightBytes(tile);
}

/** Bindings of both passes but their results. */
function operandBindings(tile: AttentionTile, part: Part) {
  const { length, headDim } = tile;
  const range = rangeOf(part, 4 * length * headDim);
  const element = elementOf(tile);
  const rows = rangeOf(part, 4 * length);
  return {
    range,
    element,
    bindings: [
      reads('slope', input(0, range), element),
      reads('query', input(1, range), element),
      reads('key', input(2, range), element),
      reads('value', input(3, range), element),
      reads('logSumExp', input(5, rows)),
      writes('slopeSum', workspace(rows.from, rows.to)),
    ],
  };
}

function memoryText(tile: AttentionTile, weights: readonly string[]): string {
  const { rows, columns, stride } = tile;
  const operand = (name: string, count: number) => `var<workgroup> ${name}: array<vec4<f32>, ${count * stride}>;`;
  return [
    ...['rowsA', 'rowsB'].map((name) => operand(name, rows)),
    ...['columnsA', 'columnsB'].map((name) => operand(name, columns)),
    ...weights.map((name) => `var<workgroup> ${name}: array<${weightType(tile)}, ${rows * weightStride}>;`),
  ].join('\n');
}

function entry(tile: AttentionTile, sequences: number, tileNumber: string): string {
  const { rows, threads, length } = tile;
  const tiles = Math.ceil(length / rows);
  return `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let number = ${workgroupNumber};
  if (number >= ${sequences * tiles}u) { return; }
  let sequence = number % ${sequences}u;
  let first = ${rows}u * (${tileNumber.replace('TILES', `${tiles - 1}u`).replace('NUMBER', `number / ${sequences}u`)});
  let group = thread / ${lanes}u;
  let lane = thread % ${lanes}u;`;
}

/** Rows are queries, columns keys. */
function queryDispatch(tile: AttentionTile, scale: number, part: Part): Dispatch {
  const { rows, columns, rowsEach, columnsEach, vectorsEach, groups, length, vectors } = tile;
  const { range, element, bindings } = operandBindings(tile, part);
  const count = part.to - part.from;
  const row = (r: number) => `group + ${groups * r}u`;
  const place = (r: number) => `sequence * ${length}u + min(first + ${row(r)}, ${length - 1}u)`;
  const code = `${mathFunctions(['expNegative1'])}
${memoryText(tile, ['weights'])}
${['slope', 'query', 'key', 'value', 'mixed'].map((source) => readVector(tile, source)).join('\n')}
${writeVector(tile, 'queryGradient')}
${entry(tile, count, 'TILES - NUMBER')}
${loadTile(tile, { tile: 'rowsA', source: 'query', rows, first: 'first', factor: literal(scale) })}
${loadTile(tile, { tile: 'rowsB', source: 'slope', rows, first: 'first' })}
${lines(rowsEach, (r) => `let logSum${r} = logSumExp[${place(r)}];\nvar own${r} = 0.0;`)}
workgroupBarrier();
// Σ dy·y of a thread's rows; the eight threads of a row make the same sum.
for (var d = 0u; d < ${vectors}u; d++) {
${lines(rowsEach, (r) => `  own${r} += dot(rowsB[(${row(r)}) * ${tile.stride}u + d], read_mixed(sequence, first + ${row(r)}, d));`)}
}
${lines(rowsEach, (r) => `if (lane == 0u && first + ${row(r)} < ${length}u) { slopeSum[sequence * ${length}u + first + ${row(r)}] = own${r}; }`)}
${declareSums(tile, 'dq')}
for (var base = 0u; base < min(first + ${rows}u, ${length}u); base += ${columns}u) {
${loadTile(tile, { tile: 'columnsA', source: 'key', rows: columns, first: 'base' })}
${loadTile(tile, { tile: 'columnsB', source: 'value', rows: columns, first: 'base' })}
workgroupBarrier();
${products(tile, 's', 'rowsA', 'columnsA')}
${products(tile, 'g', 'rowsB', 'columnsB')}
${grid(
  rowsEach,
  columnsEach,
  (r, c) =>
    `s${r}_${c} = select(0.0, expNegative1(s${r}_${c} - logSum${r}) * (g${r}_${c} - own${r}), base + lane + ${lanes * c}u <= first + ${row(r)});`,
)}
${storeWeights(tile, 's', 'weights')}
workgroupBarrier();
${addWeighted(tile, 'dq', 'weights', 'columnsA')}
workgroupBarrier();
}
${grid(rowsEach, vectorsEach, (r, e) => `write_queryGradient(sequence, first + ${row(r)}, lane + ${lanes * e}u, dq${r}_${e} * ${literal(scale)});`)}
}`;
  return {
    label: 'causalAttentionGradient of queries',
    bindings: [
      ...bindings,
      reads('mixed', input(4, range), element),
      writes('queryGradient', output(0, range), element),
    ],
    code,
    workgroups: gridOf(Math.ceil(length / rows) * count),
  };
}

/** Rows are keys, columns queries. */
function keyDispatch(tile: AttentionTile, scale: number, part: Part): Dispatch {
  const { rows, columns, rowsEach, columnsEach, vectorsEach, groups, length } = tile;
  const { range, element, bindings } = operandBindings(tile, part);
  const count = part.to - part.from;
  const row = (r: number) => `group + ${groups * r}u`;
  const column = (c: number) => `base + lane + ${lanes * c}u`;
  const visible = (r: number, c: number) => `${column(c)} >= first + ${row(r)} && ${column(c)} < ${length}u`;
  const code = `${mathFunctions(['expNegative1'])}
${memoryText(tile, ['weights', 'slopes'])}
${['slope', 'query', 'key', 'value'].map((source) => readVector(tile, source)).join('\n')}
${['keyGradient', 'valueGradient'].map((target) => writeVector(tile, target)).join('\n')}
${entry(tile, count, 'NUMBER')}
${loadTile(tile, { tile: 'rowsA', source: 'key', rows, first: 'first', factor: literal(scale) })}
${loadTile(tile, { tile: 'rowsB', source: 'value', rows, first: 'first' })}
${declareSums(tile, 'dk')}
${declareSums(tile, 'dv')}
for (var base = first - first % ${columns}u; base < ${length}u; base += ${columns}u) {
${loadTile(tile, { tile: 'columnsA', source: 'query', rows: columns, first: 'base' })}
${loadTile(tile, { tile: 'columnsB', source: 'slope', rows: columns, first: 'base' })}
workgroupBarrier();
${products(tile, 's', 'rowsA', 'columnsA')}
${products(tile, 'g', 'rowsB', 'columnsB')}
${lines(columnsEach, (c) => `let place${c} = sequence * ${length}u + min(${column(c)}, ${length - 1}u);\nlet logSum${c} = logSumExp[place${c}];\nlet own${c} = slopeSum[place${c}];`)}
${grid(
  rowsEach,
  columnsEach,
  (r, c) => `s${r}_${c} = select(0.0, expNegative1(s${r}_${c} - logSum${c}), ${visible(r, c)});
g${r}_${c} = select(0.0, s${r}_${c} * (g${r}_${c} - own${c}), ${visible(r, c)});`,
)}
${storeWeights(tile, 's', 'weights')}
${storeWeights(tile, 'g', 'slopes')}
workgroupBarrier();
${addWeighted(tile, 'dv', 'weights', 'columnsB')}
${addWeighted(tile, 'dk', 'slopes', 'columnsA')}
workgroupBarrier();
}
${grid(
  rowsEach,
  vectorsEach,
  (r, e) => `write_keyGradient(sequence, first + ${row(r)}, lane + ${lanes * e}u, dk${r}_${e} * ${literal(scale)});
write_valueGradient(sequence, first + ${row(r)}, lane + ${lanes * e}u, dv${r}_${e});`,
)}
}`;
  return {
    label: 'causalAttentionGradient of keys',
    bindings: [
      ...bindings,
      writes('keyGradient', output(1, range), element),
      writes('valueGradient', output(2, range), element),
    ],
    code,
    workgroups: gridOf(Math.ceil(length / rows) * count),
  };
}
