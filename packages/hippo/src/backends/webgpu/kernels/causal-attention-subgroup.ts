// causalAttention in half precision by matrices of subgroups; equations as in causal-attention.ts. Factors (queries, keys, values and
// weights) are rounded to f16, all sums and the softmax are f32.
//
// Matrices of sums cannot be multiplied row by row, so that they are brought to a new largest score by way of workgroup memory. That
// is rare: weights are e^{score − reference}, and a row's reference only rises to its largest score where a score is more than 2⁸ times
// e^reference, which f16 can hold (Zadouri et al., FlashAttention-4, rescale as rarely). The whole workgroup then does it together.
// Work: two products a pair of tiles. Traffic: keys and values once for each tile of queries, as f32 from the second-level cache; a
// number of f32 and one of f16 in workgroup memory and back for each pair of a query and a key. Tiles with the most keys start first.
// `exp2` is the device's own: see causal-attention-gradient-subgroup.ts.
import type { DeviceTraits } from '../traits.ts';
import {
  addWeighted,
  columnsText,
  declarationsText,
  declareSums,
  entryText,
  loadOwn,
  moveSums,
  overLanes,
  placeText,
  rowText,
  scoresText,
  walkText,
  widthParts,
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
import { type Dispatch, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf } from './grid.ts';
import { literal } from './literal.ts';
import { mathFunctions } from './math.ts';

/** Below every score, and finite, since compilers may assume that nothing is infinite. */
const lowest = literal(-3e38);

/** By preference. */
export const forwardForms: readonly SubgroupAttentionForm[] = [
  { subgroups: 4, rowsEach: 16, columns: 32 },
  { subgroups: 2, rowsEach: 16, columns: 32 },
  { subgroups: 2, rowsEach: 16, columns: 16 },
];

/** Undefined where the device is to compute in f32, or where no form suits the head width and the device. */
export function subgroupAttentionChoice(
  sizes: AttentionNode,
  traits: DeviceTraits,
  forms = forwardForms,
): KernelChoice | undefined {
  const tile = chooseSubgroupTile(sizes, traits, { forms, memory: { scores: 1, weights: 1 } });
  if (!tile) return undefined;
  const parts = sequenceParts(sizes.sequences, sizes, traits.maxBindingBytes);
  return {
    reason: `tiles of queries and keys ${tileWords(tile)}, ${matrixWords(tile)}`,
    dispatches: () => parts.map((part) => forwardDispatch(tile, part)),
  };
}

function forwardDispatch(tile: SubgroupAttentionTile, part: { readonly from: number; readonly to: number }): Dispatch {
  const { length, headDim, rows } = tile;
  const range = rangeOf(part, 4 * length * headDim);
  const count = part.to - part.from;
  return {
    label: 'causalAttention, subgroup matrices',
    bindings: [
      reads('query', input(0, range), 'vec4<f32>'),
      reads('key', input(1, range), 'vec4<f32>'),
      reads('value', input(2, range), 'vec4<f32>'),
      writes('mixed', output(0, range), 'vec4<f32>'),
      writes('logSumExp', output(1, rangeOf(part, 4 * length))),
    ],
    code: forwardCode(tile, count),
    extensions: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    workgroups: gridOf(Math.ceil(length / rows) * count),
  };
}

function forwardCode(tile: SubgroupAttentionTile, sequences: number): string {
  const { length, rows, vectorsEach } = tile;
  const logSumExp = (r: number): string =>
    `if (laneVector == 0u && ${rowText(tile, r)} < ${length}u) { logSumExp[sequence * ${length}u + ${rowText(tile, r)}] = reference${r} * ${literal(Math.LN2)} + log1(total${r}); }`;
  return `${mathFunctions(['log1'])}
${declarationsText(tile, ['query', 'key', 'value'])}
var<workgroup> raised: atomic<u32>;
${entryText(tile, sequences, 'backwards')}
${loadOwn(tile, ['query'])}
${declareSums(tile, 'y')}
${lines(vectorsEach, (r) => `var reference${r} = ${lowest};\nvar total${r} = 0.0;`)}
let end = min(first + ${rows}u, ${length}u);
${walkText(tile, { sources: ['key', 'value'], from: '0u', until: 'end', body: stepText(tile) })}
${lines(vectorsEach, (r) => `${overLanes(tile, `total${r}`, (other) => `total${r} + ${other}`)}\n${logSumExp(r)}`)}
${writeResults(tile, [{ name: 'y', target: 'mixed', factor: (r) => `(1.0 / total${r})` }])}
}`;
}

/** WGSL: a tile of keys. Scores are those of e to base 2; a key after its query has the lowest. */
function stepText(tile: SubgroupAttentionTile): string {
  const { vectorsEach, scale } = tile;
  const score = (r: number): string =>
    `let s${r} = select(vec4<f32>(${lowest}), scratch[${placeText(tile, 0, r)}] * ${literal(scale * Math.LOG2E)}, column <= vec4<u32>(${rowText(tile, r)}));`;
  const exceeds = (r: number): string => `any(s${r} > vec4<f32>(reference${r} + ${literal(8)}))`;
  const weights = (r: number): string => `let weight${r} = exp2(s${r} - reference${r});
total${r} += dot(weight${r}, vec4<f32>(1.0));
weights[${placeText(tile, 0, r)}] = halves(weight${r});`;
  return `${scoresText(tile, 0, 0, 0)}
workgroupBarrier();
let column = ${columnsText};
${lines(vectorsEach, score)}
if (${Array.from({ length: vectorsEach }, (_, r) => exceeds(r)).join(' || ')}) { atomicStore(&raised, 1u); }
if (workgroupUniformLoad(&raised) != 0u) {
${raiseText(tile)}
}
${lines(vectorsEach, weights)}
workgroupBarrier();
${addWeighted(tile, 'y', 0, 1)}`;
}

/** WGSL: rows' references become their largest scores, and what was summed up for them is brought to these. */
function raiseText(tile: SubgroupAttentionTile): string {
  const { vectorsEach } = tile;
  const raise = (r: number): string => `var next${r} = max(max(s${r}.x, s${r}.y), max(s${r}.z, s${r}.w));
${overLanes(tile, `next${r}`, (other) => `max(next${r}, ${other})`)}
next${r} = max(next${r}, reference${r});
let factor${r} = exp2(reference${r} - next${r});
reference${r} = next${r};
total${r} *= factor${r};`;
  const parts = widthParts(tile).map(
    (part) => `${moveSums(tile, { name: 'y', part, array: 0, way: 'store' })}
workgroupBarrier();
${lines(vectorsEach, (r) => `scratch[${placeText(tile, 0, r)}] *= factor${r};`)}
workgroupBarrier();
${moveSums(tile, { name: 'y', part, array: 0, way: 'load' })}
workgroupBarrier();`,
  );
  return `if (thread == 0u) { atomicStore(&raised, 0u); }
${lines(vectorsEach, raise)}
${parts.join('\n')}`;
}
