// Layer norm over the last axis and its gradient. Forward: x is read once and kept (rows up to 8,192 numbers), y written once.
// Gradient: dy and x are read once, dx written once. A row slot of a workgroup takes many rows, one after another, and keeps the sums
// over its rows of dWeight and dBias for the columns that its threads own; a second kernel adds the slots' sums. With 2,048 slots of
// 768 columns those are 12 MiB on top of 3·48 MiB for 16,384 rows. Rows too long to keep read everything twice and leave the columns
// to a second pass over dy and x.
import type { Node } from '../../../graph/value.ts';
import { type LayerNormAttributes, layerNormGradientOperation, layerNormOperation } from '../../../ops/layer-norm.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { alignRange, type Dispatch, input, type KernelChoice, output, reads, workspace, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { literal } from './literal.ts';
import { combinePartials } from './reduce.ts';
import {
  eachUnit,
  keepUnits,
  type RowLayout,
  rowLayout,
  rowMain,
  rowRanges,
  rowWorkgroups,
  sumOf,
  threads,
  unitText,
  vectorType,
} from './rows.ts';
import { plus, workgroupReduction } from './workgroup-reduction.ts';

export const layerNormChoosers: Readonly<Record<string, Chooser>> = {
  // The chooser stands under the name of the operation with this attribute.
  [layerNormOperation.name]: (node, traits) =>
    layerNormChoice({ ...sizesOf(node), ...(node.attributes as LayerNormAttributes) }, traits),
  [layerNormGradientOperation.name]: (node, traits) => layerNormGradientChoice(sizesOf(node), traits),
};

interface Sizes {
  readonly rows: number;
  readonly width: number;
}

type Limits = Pick<DeviceTraits, 'maxBindingBytes'>;

function sizesOf({ outputs: [result] }: Node): Sizes {
  const shape = result?.shape ?? [];
  return { rows: elementCount(shape.slice(0, -1)), width: shape[shape.length - 1] ?? 1 };
}

export function layerNormChoice(
  { rows, width, epsilon, halves = false }: Sizes & LayerNormAttributes,
  { maxBindingBytes }: Limits,
): KernelChoice {
  return {
    optionalOutputs: [1, 2],
    dispatches: ([, mean, deviation]) =>
      rowRanges(rows, width, maxBindingBytes, 1, halves ? 2 : 4).map((range) => {
        const layout = rowLayout(range.rows, width);
        const type = vectorType(layout);
        const result = halves ? type.replace('f32', 'f16') : type;
        const source = { from: range.from * width * 4, to: (range.from + range.rows) * width * 4 };
        return {
          label: 'layerNorm',
          bindings: [
            reads('x', input(0, source), type),
            reads('weight', input(1), type),
            reads('bias', input(2), type),
            writes('y', output(0, range.bytes), result),
            ...(mean ? [writes('means', output(1))] : []),
            ...(deviation ? [writes('deviations', output(2))] : []),
          ],
          code: layerNormCode(layout, {
            epsilon,
            result,
            statistics: [
              ...(mean ? [`means[row + ${range.from}u] = mean;`] : []),
              ...(deviation ? [`deviations[row + ${range.from}u] = deviation;`] : []),
            ],
          }),
          ...(halves && { extensions: ['f16'] as const }),
          workgroups: rowWorkgroups(layout),
        };
      }),
  };
}

function layerNormCode(
  layout: RowLayout,
  {
    epsilon,
    result,
    statistics,
  }: { readonly epsilon: number; readonly result: string; readonly statistics: readonly string[] },
): string {
  const { lanes, rowsOfGroup, width } = layout;
  const x = (k: number | undefined) => unitText('a', k, 'x[base + u]');
  const type = vectorType(layout);
  const rounded = (text: string): string => (result === type ? text : `${result}(${text})`);
  return `${workgroupReduction({ name: 'sumOfRow', lanes, rows: rowsOfGroup, type: 'f32', combine: plus })}
${rowMain(
  layout,
  `${keepUnits(layout, 'a', 'x[base + u]')}
  var sums = ${type}();
${eachUnit(layout, (k) => `sums += ${x(k)};`)}
  let mean = sumOfRow(thread, ${sumOf('sums', layout)}) / ${width}.0;
  sums = ${type}();
${eachUnit(layout, (k) => `let d = ${x(k)} - mean; sums += d * d;`)}
  let deviation = 1.0 / sqrt(sumOfRow(thread, ${sumOf('sums', layout)}) / ${width}.0 + ${literal(epsilon)});
  if (live) {
${eachUnit(layout, (k) => `y[base + u] = ${rounded(`(${x(k)} - mean) * deviation * weight[u] + bias[u]`)};`)}
    ${statistics.length > 0 ? `if (lane == 0u) { ${statistics.join(' ')} }` : ''}
  }`,
)}`;
}

/**
 * Row slots of the whole device, each of which keeps sums for the columns: enough to fill it, but four rows or more for each; of rows in
 * several ranges as many in all, so that their sums fit a binding as one range's do.
 */
function slotsFor(rows: number, ranges: number): number {
  return Math.min(rows, Math.ceil(2048 / ranges), Math.max(128, Math.ceil(rows / 4)));
}

/** Where the sums of slots of a range of rows begin, and how many slots there are. */
interface SlotRange {
  readonly layout: RowLayout;
  readonly from: number;
  readonly bytes: { readonly from: number; readonly to: number };
  readonly groups: number;
  readonly slots: number;
  readonly firstSlot: number;
}

export function layerNormGradientChoice({ rows, width }: Sizes, { maxBindingBytes }: Limits): KernelChoice {
  const ranges: SlotRange[] = [];
  let slotsOfAll = 0;
  const parts = rowRanges(rows, width, maxBindingBytes);
  for (const { from, rows: own, bytes } of parts) {
    const layout = rowLayout(own, width);
    const groups = Math.ceil(slotsFor(own, parts.length) / layout.rowsOfGroup);
    const slots = groups * layout.rowsOfGroup;
    ranges.push({ layout, from, bytes, groups, slots, firstSlot: slotsOfAll });
    slotsOfAll += slots;
  }
  const bytes = slotsOfAll * width * 4;
  const second = alignRange(bytes);
  const sums = [workspace(0, bytes), workspace(second, second + bytes)] as const;
  const dispatches = ranges.flatMap((range): Dispatch[] => {
    const { layout, groups } = range;
    const type = vectorType(layout);
    const operands = [
      reads('dy', input(0, range.bytes), type),
      reads('x', input(1, range.bytes), type),
      reads('weight', input(2), type),
      reads('means', input(3)),
      reads('deviations', input(4)),
    ];
    const columns = [writes('weightSums', sums[0], type), writes('biasSums', sums[1], type)];
    const dx = writes('dx', output(0, range.bytes), type);
    const label = 'layerNormGradient';
    if (layout.kept)
      return [{ label, bindings: [...operands, dx, ...columns], code: slotCode(range), workgroups: gridOf(groups) }];
    const others = operands.filter(({ name }) => name !== 'weight');
    return [
      {
        label,
        bindings: [...others, ...columns],
        code: columnCode(range),
        workgroups: gridOf(Math.ceil((layout.units * range.slots) / threads)),
      },
      { label, bindings: [...operands, dx], code: longRowCode(range), workgroups: rowWorkgroups(layout) },
    ];
  });
  const sumColumns = (at: 0 | 1): Dispatch =>
    combinePartials({ outer: 1, reduced: slotsOfAll, inner: width, kind: 'sum', from: sums[at], to: output(at + 1) });
  return { workspaceBytes: second + bytes, dispatches: () => [...dispatches, sumColumns(0), sumColumns(1)] };
}

/** The statistics of a row, then the two means that dx needs. */
function rowHead({ layout, from }: SlotRange): string {
  return `let mean = means[row + ${from}u];
    let deviation = deviations[row + ${from}u];
    var products = ${vectorType(layout)}();
    var gradients = ${vectorType(layout)}();`;
}

function rowMeans(layout: RowLayout): string {
  return `let both = sumOfRow(thread, vec2<f32>(${sumOf('gradients', layout)}, ${sumOf('products', layout)})) / ${layout.width}.0;`;
}

function sumOfRow({ lanes, rowsOfGroup }: RowLayout): string {
  return workgroupReduction({ name: 'sumOfRow', lanes, rows: rowsOfGroup, type: 'vec2<f32>', combine: plus });
}

function slotCode(range: SlotRange): string {
  const { layout, slots, firstSlot } = range;
  const { units, rows } = layout;
  const type = vectorType(layout);
  const registers = Array.from(
    { length: layout.unitsOfLane },
    (_, k) => `  var w${k} = ${type}();\n  var b${k} = ${type}();`,
  );
  // The parameters of `rowMain` are those of slots here: each takes the rows slot, slot + slots, …
  return `${sumOfRow(layout)}
${rowMain(
  { ...layout, rows: slots },
  `${keepUnits(layout, 'c', 'weight[u]')}
${registers.join('\n')}
  for (var turn = 0u; turn < ${Math.ceil(rows / slots)}u; turn++) {
    let own = number + turn * ${slots}u;
    let alive = own < ${rows}u;
    let row = min(own, ${rows - 1}u);
    let base = row * ${units}u;
    ${rowHead(range)}
${keepUnits(layout, 'g', 'dy[base + u]')}
${keepUnits(layout, 'n', '(x[base + u] - mean) * deviation')}
${eachUnit(layout, (k) => `let p = g${k} * c${k}; gradients += p; products += p * n${k};`)}
    ${rowMeans(layout)}
    if (alive) {
${eachUnit(layout, (k) => `dx[base + u] = deviation * (g${k} * c${k} - both.x - n${k} * both.y); w${k} += g${k} * n${k}; b${k} += g${k};`)}
    }
  }
  if (live) {
    let sums = (number + ${firstSlot}u) * ${units}u;
${eachUnit(layout, (k) => `weightSums[sums + u] = w${k}; biasSums[sums + u] = b${k};`)}
  }`,
)}`;
}

function longRowCode(range: SlotRange): string {
  const { layout } = range;
  const normal = '(x[base + u] - mean) * deviation';
  return `${sumOfRow(layout)}
${rowMain(
  layout,
  `    ${rowHead(range)}
${eachUnit(layout, () => `let p = dy[base + u] * weight[u]; gradients += p; products += p * (${normal});`)}
    ${rowMeans(layout)}
  if (live) {
${eachUnit(layout, () => `dx[base + u] = deviation * (dy[base + u] * weight[u] - both.x - ${normal} * both.y);`)}
  }`,
)}`;
}

function columnCode({ layout, from, slots, firstSlot }: SlotRange): string {
  const { units, rows } = layout;
  const type = vectorType(layout);
  return `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${units * slots}u) { return; }
  let u = i % ${units}u;
  let slot = i / ${units}u;
  var w = ${type}();
  var b = ${type}();
  for (var row = slot; row < ${rows}u; row += ${slots}u) {
    let g = dy[row * ${units}u + u];
    w += g * (x[row * ${units}u + u] - means[row + ${from}u]) * deviations[row + ${from}u];
    b += g;
  }
  weightSums[(slot + ${firstSlot}u) * ${units}u + u] = w;
  biasSums[(slot + ${firstSlot}u) * ${units}u + u] = b;
}`;
}
