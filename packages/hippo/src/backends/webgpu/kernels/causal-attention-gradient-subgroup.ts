// The gradient of causalAttention in half precision by matrices of subgroups; equations and passes as in causal-attention-gradient.ts.
// Factors (queries, keys, values, slopes dy, weights p and their slopes) are rounded to f16, all sums and the softmax are f32.
//
// Work: one dispatch over tiles of queries (dq, and dy·y for the other one), one over tiles of keys (dk, dv), 3 and 4 products for each
// pair of tiles; a matrix that a subgroup reads from workgroup memory serves its rowsEach/m rows of matrices.
// Traffic: the operands of the walk once for each tile of rows, as f32 from the second-level cache; two numbers of f32 and one or two of
// f16 in workgroup memory and back for each pair of a query and a key.
// `exp2` is the device's own: its error of a few units of 2⁻²³ (WGSL, accuracy of exp2) is nothing beside the rounding of p to f16.
// Measured on an H100, 8 × 12 heads of 64 on 2,048 steps: queries 0.63 ms with 16 keys at a time, 0.83 with 32; keys 1.07 ms with 32 queries,
// 1.51 with 16; two subgroups as fast, six or eight and 32 rows a subgroup 1.5 to 2.5 times as slow, without prefetch 1.2 to 1.4. In f32: 13.0 ms.
// dk and dq are multiplied by the scale at the end and not in the weights, which are small enough already.
import type { DeviceTraits } from '../traits.ts';
import {
  addWeighted,
  columnsText,
  declarationsText,
  declareSums,
  entryText,
  loadOwn,
  overLanes,
  placeText,
  rowText,
  scoresText,
  walkText,
  writeResults,
} from './attention-subgroup-text.ts';
import {
  chooseSubgroupTile,
  matrixWords,
  type SubgroupAttentionForm,
  type SubgroupAttentionTile,
  tileWords,
} from './attention-subgroup-tile.ts';
import { type AttentionNode, lines, rangeOf, sequenceParts } from './attention-tile.ts';
import { alignRange, type Dispatch, input, type KernelChoice, output, reads, workspace, writes } from './dispatch.ts';
import { gridOf } from './grid.ts';
import { literal } from './literal.ts';

/** By preference. */
export const gradientForms: Readonly<Record<'queries' | 'keys', readonly SubgroupAttentionForm[]>> = {
  queries: [
    { subgroups: 4, rowsEach: 16, columns: 16 },
    { subgroups: 4, rowsEach: 16, columns: 32 },
    { subgroups: 2, rowsEach: 16, columns: 32 },
    { subgroups: 2, rowsEach: 16, columns: 16 },
  ],
  keys: [
    { subgroups: 4, rowsEach: 16, columns: 32 },
    { subgroups: 2, rowsEach: 16, columns: 32 },
    { subgroups: 2, rowsEach: 16, columns: 16 },
  ],
};

const extensions = ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'] as const;
const log2e = literal(Math.LOG2E);

interface Part {
  readonly from: number;
  readonly to: number;
}

/** Undefined where the device is to compute in f32, or where no form suits the head width and the device. */
export function subgroupGradientChoice(
  sizes: AttentionNode,
  traits: DeviceTraits,
  forms = gradientForms,
): KernelChoice | undefined {
  const queries = chooseSubgroupTile(sizes, traits, {
    forms: forms.queries,
    memory: { scores: 2, weights: 1 },
  });
  const keys = chooseSubgroupTile(sizes, traits, { forms: forms.keys, memory: { scores: 2, weights: 2 } });
  if (!queries || !keys) return undefined;
  const parts = sequenceParts(sizes.sequences, sizes, traits.maxBindingBytes);
  return {
    reason: `tiles of queries ${tileWords(queries)}, of keys ${tileWords(keys)}, ${matrixWords(keys)}`,
    workspaceBytes: alignRange(4 * sizes.sequences * sizes.length),
    dispatches: () => parts.flatMap((part) => [queryDispatch(queries, part), keyDispatch(keys, part)]),
  };
}

function operandBindings({ length, headDim }: AttentionNode, part: Part) {
  const range = rangeOf(part, 4 * length * headDim);
  const rows = rangeOf(part, 4 * length);
  return {
    range,
    bindings: [
      reads('slope', input(0, range), 'vec4<f32>'),
      reads('query', input(1, range), 'vec4<f32>'),
      reads('key', input(2, range), 'vec4<f32>'),
      reads('value', input(3, range), 'vec4<f32>'),
      reads('logSumExp', input(5, rows)),
      writes('slopeSum', workspace(rows.from, rows.to)),
    ],
  };
}

/** Rows are queries, columns keys. */
function queryDispatch(tile: SubgroupAttentionTile, part: Part): Dispatch {
  const { length, rows, vectorsEach, scale } = tile;
  const { range, bindings } = operandBindings(tile, part);
  const count = part.to - part.from;
  const weights = (r: number): string => `{
let visible = column <= vec4<u32>(${rowText(tile, r)});
let weight = exp2(scratch[${placeText(tile, 0, r)}] * ${literal(scale * Math.LOG2E)} - logSum${r});
let x = weight * (scratch[${placeText(tile, 1, r)}] - own${r});
weights[${placeText(tile, 0, r)}] = halves(select(vec4<f32>(), x, visible));
}`;
  const code = `${declarationsText(tile, ['slope', 'query', 'key', 'value'])}
${entryText(tile, count, 'backwards')}
${lines(vectorsEach, (r) => rowSums(tile, r))}
${loadOwn(tile, ['query', 'slope'])}
${declareSums(tile, 'dq')}
let end = min(first + ${rows}u, ${length}u);
${walkText(tile, {
  sources: ['key', 'value'],
  from: '0u',
  until: 'end',
  body: `${scoresText(tile, 0, 0, 0)}
${scoresText(tile, 1, 1, 1)}
workgroupBarrier();
let column = ${columnsText};
${lines(vectorsEach, weights)}
workgroupBarrier();
${addWeighted(tile, 'dq', 0, 0)}`,
})}
${writeResults(tile, [{ name: 'dq', target: 'queryGradient', factor: () => literal(scale) }])}
}`;
  return {
    label: 'causalAttentionGradient of queries, subgroup matrices',
    bindings: [
      ...bindings,
      reads('mixed', input(4, range), 'vec4<f32>'),
      writes('queryGradient', output(0, range), 'vec4<f32>'),
    ],
    code,
    extensions,
    workgroups: gridOf(Math.ceil(length / rows) * count),
  };
}

/** WGSL: what a lane needs of its row r: logSumExp to base 2, and Σ dy·y, which goes to the workspace too. */
function rowSums(tile: SubgroupAttentionTile, r: number): string {
  const { length, vectors, lanesEach } = tile;
  const row = rowText(tile, r);
  const place = `place${r}`;
  return `let ${place} = sequence * ${length}u + min(${row}, ${length - 1}u);
let logSum${r} = ${log2e} * logSumExp[${place}];
var own${r} = 0.0;
for (var d = laneVector; d < ${vectors}u; d += ${lanesEach}u) { own${r} += dot(slope[${place} * ${vectors}u + d], mixed[${place} * ${vectors}u + d]); }
${overLanes(tile, `own${r}`, (other) => `own${r} + ${other}`)}
if (laneVector == 0u && ${row} < ${length}u) { slopeSum[${place}] = own${r}; }`;
}

/** Rows are keys, columns queries. */
function keyDispatch(tile: SubgroupAttentionTile, part: Part): Dispatch {
  const { length, rows, columns, vectorsEach, scale } = tile;
  const { range, bindings } = operandBindings(tile, part);
  const count = part.to - part.from;
  const inside = length % columns === 0;
  const ofColumns = (source: string): string =>
    `vec4<f32>(${['x', 'y', 'z', 'w'].map((e) => `${source}[place.${e}]`).join(', ')})`;
  const weights = (r: number): string => `{
let visible = (column >= vec4<u32>(${rowText(tile, r)}))${inside ? '' : ` & (column < vec4<u32>(${length}u))`};
let weight = exp2(scratch[${placeText(tile, 0, r)}] * ${literal(scale * Math.LOG2E)} - logSum);
let x = weight * (scratch[${placeText(tile, 1, r)}] - own);
weights[${placeText(tile, 0, r)}] = halves(select(vec4<f32>(), weight, visible));
weights[${placeText(tile, 1, r)}] = halves(select(vec4<f32>(), x, visible));
}`;
  const code = `${declarationsText(tile, ['slope', 'query', 'key', 'value'])}
${entryText(tile, count, 'forwards')}
${loadOwn(tile, ['key', 'value'])}
${declareSums(tile, 'dk')}
${declareSums(tile, 'dv')}
${walkText(tile, {
  sources: ['query', 'slope'],
  from: rows % columns === 0 ? 'first' : `first - first % ${columns}u`,
  until: `${length}u`,
  body: `let column = ${columnsText};
let place = vec4<u32>(sequence * ${length}u) + ${inside ? 'column' : `min(column, vec4<u32>(${length - 1}u))`};
let logSum = ${log2e} * ${ofColumns('logSumExp')};
let own = ${ofColumns('slopeSum')};
${scoresText(tile, 0, 0, 0)}
${scoresText(tile, 1, 1, 1)}
workgroupBarrier();
${lines(vectorsEach, weights)}
workgroupBarrier();
${addWeighted(tile, 'dv', 0, 1)}
${addWeighted(tile, 'dk', 1, 0)}`,
})}
${writeResults(tile, [
  { name: 'dk', target: 'keyGradient', factor: () => literal(scale) },
  { name: 'dv', target: 'valueGradient', factor: () => '1.0' },
])}
}`;
  return {
    label: 'causalAttentionGradient of keys, subgroup matrices',
    bindings: [
      ...bindings,
      writes('keyGradient', output(1, range), 'vec4<f32>'),
      writes('valueGradient', output(2, range), 'vec4<f32>'),
    ],
    code,
    extensions,
    workgroups: gridOf(Math.ceil(length / rows) * count),
  };
}
