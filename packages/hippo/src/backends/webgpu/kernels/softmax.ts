// Softmax over the last axis and its gradient, several short rows a workgroup. Rows up to 8,192 numbers (2,048 where the width is no
// multiple of four) are read once and kept; longer ones are read three times (twice by the gradient), from caches if they fit.
import type { Node } from '../../../graph/value.ts';
import { softmaxGradientOperation, softmaxOperation } from '../../../ops/softmax.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { withMath } from './math.ts';
import {
  eachUnit,
  keepUnits,
  largestOf,
  type RowLayout,
  rowLayout,
  rowMain,
  rowRanges,
  rowWorkgroups,
  sumOf,
  unitText,
  vectorType,
} from './rows.ts';
import { larger, plus, workgroupReduction } from './workgroup-reduction.ts';

export const softmaxChoosers: Readonly<Record<string, Chooser>> = {
  [softmaxOperation.name]: (node, traits) => softmaxChoice(sizesOf(node), traits),
  [softmaxGradientOperation.name]: (node, traits) => softmaxGradientChoice(sizesOf(node), traits),
};

interface Sizes {
  readonly rows: number;
  readonly width: number;
}

function sizesOf({ outputs: [result] }: Node): Sizes {
  const shape = result?.shape ?? [];
  const width = shape[shape.length - 1] ?? 1;
  return { rows: elementCount(shape.slice(0, -1)), width };
}

export function softmaxChoice(
  { rows, width }: Sizes,
  { maxBindingBytes }: Pick<DeviceTraits, 'maxBindingBytes'>,
): KernelChoice {
  return {
    dispatches: () =>
      rowRanges(rows, width, maxBindingBytes).map((range) => {
        const layout = rowLayout(range.rows, width);
        const type = vectorType(layout);
        return {
          label: 'softmax',
          bindings: [reads('x', input(0, range.bytes), type), writes('y', output(0, range.bytes), type)],
          code: softmaxCode(layout),
          workgroups: rowWorkgroups(layout),
        };
      }),
  };
}

function softmaxCode(layout: RowLayout): string {
  const { lanes, rowsOfGroup, vector } = layout;
  const reduction = { lanes, rows: rowsOfGroup, type: 'f32' };
  const x = (k: number | undefined) => unitText('a', k, 'x[base + u]');
  const type = vectorType(layout);
  const power = `expNegative${vector}`;
  // NaN loses here and comes back in the sum. From the lowest finite number: −∞ − (−∞) would be NaN.
  return withMath(`${workgroupReduction({ ...reduction, name: 'largestOfRow', combine: larger })}
${workgroupReduction({ ...reduction, name: 'sumOfRow', combine: plus })}
${rowMain(
  layout,
  `${keepUnits(layout, 'a', 'x[base + u]')}
  var most = -3.4028234e38;
${eachUnit(layout, (k) => `let v = ${x(k)}; most = larger1(most, ${largestOf('v', layout)});`)}
  most = largestOfRow(thread, most);
  var sums = ${type}();
${eachUnit(layout, (k) => (k === undefined ? `sums += ${power}(${x(k)} - most);` : `a${k} = ${power}(a${k} - most); sums += a${k};`))}
  let total = sumOfRow(thread, ${sumOf('sums', layout)});
  // Nothing but −∞ is no distribution.
  let share = select(1.0 / total, nonFinite(0x7fc00000u), total == 0.0);
  if (live) {
${eachUnit(layout, (k) => `y[base + u] = ${k === undefined ? `${power}(${x(k)} - most)` : `a${k}`} * share;`)}
  }`,
)}`);
}

/** dx = y ⊙ (dy − Σ dy ⊙ y). */
export function softmaxGradientChoice(
  { rows, width }: Sizes,
  { maxBindingBytes }: Pick<DeviceTraits, 'maxBindingBytes'>,
): KernelChoice {
  return {
    dispatches: () =>
      rowRanges(rows, width, maxBindingBytes).map((range) => {
        const layout = rowLayout(range.rows, width);
        const type = vectorType(layout);
        return {
          label: 'softmaxGradient',
          bindings: [
            reads('y', input(0, range.bytes), type),
            reads('g', input(1, range.bytes), type),
            writes('d', output(0, range.bytes), type),
          ],
          code: softmaxGradientCode(layout),
          workgroups: rowWorkgroups(layout),
        };
      }),
  };
}

function softmaxGradientCode(layout: RowLayout): string {
  const { lanes, rowsOfGroup } = layout;
  const y = (k: number | undefined) => unitText('a', k, 'y[base + u]');
  const g = (k: number | undefined) => unitText('b', k, 'g[base + u]');
  return `${workgroupReduction({ name: 'sumOfRow', lanes, rows: rowsOfGroup, type: 'f32', combine: plus })}
${rowMain(
  layout,
  `${keepUnits(layout, 'a', 'y[base + u]')}
${keepUnits(layout, 'b', 'g[base + u]')}
  var products = ${vectorType(layout)}();
${eachUnit(layout, (k) => `products += ${y(k)} * ${g(k)};`)}
  let total = sumOfRow(thread, ${sumOf('products', layout)});
  if (live) {
${eachUnit(layout, (k) => `d[base + u] = ${y(k)} * (${g(k)} - total);`)}
  }`,
)}`;
}
