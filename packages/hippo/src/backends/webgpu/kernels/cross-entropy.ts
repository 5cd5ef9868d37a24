// Cross-entropy of rows of scores and its gradient. A workgroup takes a row and reads it once: each thread keeps the largest score
// so far and the sum of exponentials relative to it, which grows by e^(old − new) when the largest does. The gradient reads and writes
// each score once, in place where the plan wants. 16,384 rows of 50,264 scores: 3.3 GB for the loss, 6.6 GB for the gradient.
import type { Node } from '../../../graph/value.ts';
import {
  type CrossEntropyAttributes,
  crossEntropyGradientOperation,
  crossEntropyOperation,
} from '../../../ops/cross-entropy.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { withMath } from './math.ts';
import {
  largestOf,
  type RowLayout,
  rowLayout,
  rowMain,
  rowRanges,
  rowWorkgroups,
  sumOf,
  threads,
  vectorType,
} from './rows.ts';
import { larger, plus, workgroupReduction } from './workgroup-reduction.ts';

export const crossEntropyChoosers: Readonly<Record<string, Chooser>> = {
  [crossEntropyOperation.name]: (node, traits) => crossEntropyChoice(sizesOf(node, 0), traits),
  [crossEntropyGradientOperation.name]: (node, traits) => crossEntropyGradientChoice(sizesOf(node, 1), traits),
};

interface Sizes extends CrossEntropyAttributes {
  readonly rows: number;
  readonly columns: number;
}

function sizesOf(node: Node, logits: number): Sizes {
  const [rows = 0, columns = 0] = node.inputs[logits]?.shape ?? [];
  // The chooser stands under the names of operations with these attributes.
  const { classes, ignoreIndex } = node.attributes as CrossEntropyAttributes;
  return { rows, columns, classes, ignoreIndex };
}

type Limits = Pick<DeviceTraits, 'maxBindingBytes'>;

/** WGSL: the scores of vector `u` of a row with −∞ where they are no classes. */
function classesOnly(score: string, { vector, width }: RowLayout, classes: number): string {
  if (classes === width) return score;
  const infinity = 'nonFinite(0xff800000u)';
  return vector === 1
    ? `select(${score}, ${infinity}, u >= ${classes}u)`
    : `select(${score}, vec4<f32>(${infinity}), vec4<u32>(4u * u) + vec4<u32>(0u, 1u, 2u, 3u) >= vec4<u32>(${classes}u))`;
}

export function crossEntropyChoice(
  { rows, columns, classes, ignoreIndex }: Sizes,
  { maxBindingBytes }: Limits,
): KernelChoice {
  return {
    optionalOutputs: [1],
    dispatches: ([, logSumExp]) =>
      rowRanges(rows, columns, maxBindingBytes).map((range) => {
        const layout = rowLayout(range.rows, columns);
        return {
          label: 'crossEntropy',
          bindings: [
            reads('logits', input(0, range.bytes), vectorType(layout)),
            reads('targets', input(1), 'i32'),
            writes('losses', output(0)),
            ...(logSumExp ? [writes('logSums', output(1))] : []),
          ],
          code: lossCode(layout, { classes, ignoreIndex, from: range.from, logSumExp: logSumExp === true }),
          workgroups: rowWorkgroups(layout),
        };
      }),
  };
}

function lossCode(
  layout: RowLayout,
  {
    classes,
    ignoreIndex,
    from,
    logSumExp,
  }: CrossEntropyAttributes & { readonly from: number; readonly logSumExp: boolean },
): string {
  const { lanes, rowsOfGroup, units, vector } = layout;
  const reduction = { lanes, rows: rowsOfGroup, type: 'f32' };
  const score = vector === 1 ? 'logits[base + place]' : 'logits[base + place / 4u][place % 4u]';
  // NaN loses against the largest and comes back in the sum. From the lowest finite number: −∞ − (−∞) would be NaN.
  return withMath(`${workgroupReduction({ ...reduction, name: 'largestOfRow', combine: larger })}
${workgroupReduction({ ...reduction, name: 'sumOfRow', combine: plus })}
${rowMain(
  layout,
  `  var most = -3.4028234e38;
  var sums = ${vectorType(layout)}();
  for (var u = lane; u < ${units}u; u += ${lanes}u) {
    let v = ${classesOnly('logits[base + u]', layout, classes)};
    let next = larger1(most, ${largestOf('v', layout)});
    sums = sums * expNegative1(most - next) + expNegative${vector}(v - next);
    most = next;
  }
  let largest = largestOfRow(thread, most);
  let total = sumOfRow(thread, (${sumOf('sums', layout)}) * expNegative1(most - largest));
  if (live && lane == 0u) {
    let logSum = select(largest + log1(total), nonFinite(0x7fc00000u), total == 0.0);
    let wanted = targets[row + ${from}u];
    let inside = wanted >= 0 && wanted < ${classes};
    let place = u32(select(0, wanted, inside));
    let loss = select(nonFinite(0x7fc00000u), logSum - ${score}, inside);
    losses[row + ${from}u] = select(loss, 0.0, wanted == ${ignoreIndex});
    ${logSumExp ? `logSums[row + ${from}u] = logSum;` : ''}
  }`,
)}`);
}

export function crossEntropyGradientChoice(
  { rows, columns, classes, ignoreIndex }: Sizes,
  { maxBindingBytes }: Limits,
): KernelChoice {
  return {
    dispatches: () =>
      rowRanges(rows, columns, maxBindingBytes).map((range) => {
        const layout = rowLayout(range.rows, columns);
        const { units, vector } = layout;
        const type = vectorType(layout);
        const count = range.rows * units;
        const numbers = vector === 1 ? 'u' : 'vec4<u32>(4u * u) + vec4<u32>(0u, 1u, 2u, 3u)';
        const words = vector === 1 ? 'u32' : 'vec4<u32>';
        const code = withMath(`@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${count}u) { return; }
  let row = i / ${units}u + ${range.from}u;
  let u = i % ${units}u;
  let wanted = targets[row];
  let places = ${numbers};
  let share = expNegative${vector}(logits[i] - logSums[row]);
  let hit = select(${type}(0.0), ${type}(1.0), places == ${words}(bitcast<u32>(wanted)));
  let counts = (places < ${words}(${classes}u)) & (${words}(select(1u, 0u, wanted == ${ignoreIndex})) == ${words}(1u));
  d[i] = select(${type}(0.0), (share - hit) * dLoss[row], counts);
}`);
        return {
          label: 'crossEntropyGradient',
          bindings: [
            reads('dLoss', input(0)),
            reads('logits', input(1, range.bytes), type),
            reads('targets', input(2), 'i32'),
            reads('logSums', input(3)),
            writes('d', output(0, range.bytes), type),
          ],
          code,
          workgroups: gridOf(Math.ceil(count / threads)),
        };
      }),
  };
}
