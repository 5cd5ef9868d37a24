// Σ x² over many tensors, as many-tensors.ts has them. A workgroup squares and adds 16,384 numbers of one. A last pass adds up the
// workgroups' sums. Every number is read once: 0.5 GB for 125M parameters.
import { sumSquaresOperation } from '../../../ops/sum-squares.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { type Dispatch, input, type KernelChoice, output, reads, workspace, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { batchesOf, branchesText, groupsOf } from './many-tensors.ts';
import { combinePartials } from './reduce.ts';
import { rowRanges, threads } from './rows.ts';
import { plus, workgroupReduction } from './workgroup-reduction.ts';

/** Vectors of four that a thread adds up. */
const vectorsOfThread = 16;
const numbersOfGroup = 4 * threads * vectorsOfThread;

export const sumSquaresChoosers: Readonly<Record<string, Chooser>> = {
  [sumSquaresOperation.name]: (node, traits) =>
    sumSquaresChoice(
      node.inputs.map(({ shape }) => elementCount(shape)),
      traits,
    ),
};

/** A range of a tensor and the number of workgroups that read it. */
interface Piece {
  readonly tensor: number;
  readonly count: number;
  readonly bytes: { readonly from: number; readonly to: number };
  readonly groups: number;
}

export function sumSquaresChoice(
  counts: readonly number[],
  { maxBindingBytes, maxStorageBuffers }: Pick<DeviceTraits, 'maxBindingBytes' | 'maxStorageBuffers'>,
): KernelChoice {
  const pieces: Piece[] = counts.flatMap((size, tensor) =>
    rowRanges(size, 1, maxBindingBytes).map(({ rows: count, bytes }) => ({
      tensor,
      count,
      bytes,
      groups: Math.ceil(count / numbersOfGroup),
    })),
  );
  const total = groupsOf(pieces);
  const partials = workspace(0, total * 4);
  const dispatches: Dispatch[] = [];
  let first = 0;
  for (const batch of batchesOf(pieces, maxStorageBuffers - 1)) {
    const groups = groupsOf(batch);
    dispatches.push({
      label: 'sumSquares',
      bindings: [
        ...batch.map(({ tensor, bytes }, i) => reads(`x${i}`, input(tensor, bytes), 'vec4<f32>')),
        writes('partials', partials),
      ],
      code: batchCode(batch, first, groups),
      workgroups: gridOf(groups),
    });
    first += groups;
  }
  dispatches.push(combinePartials({ outer: 1, reduced: total, inner: 1, kind: 'sum', from: partials, to: output(0) }));
  return { workspaceBytes: total * 4, dispatches: () => dispatches };
}

function batchCode(batch: readonly Piece[], first: number, groups: number): string {
  const branches = branchesText(batch, ({ count }, i, group) => {
    const vectors = Math.ceil(count / 4);
    // What lies behind the last number of a tensor belongs to nobody.
    const rest = count % 4;
    const last =
      rest === 0
        ? ''
        : ` if (u == ${vectors - 1}u) { v = select(vec4<f32>(), v, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(${rest}u)); }`;
    return `let start = ${group} * ${threads * vectorsOfThread}u + thread;
    let end = min(start + ${threads * vectorsOfThread}u, ${vectors}u);
    for (var u = start; u < end; u += ${threads}u) { var v = x${i}[u];${last} squares += v * v; }`;
  });
  return `${workgroupReduction({ name: 'sumOfGroup', lanes: threads, rows: 1, type: 'f32', combine: plus })}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let group = min(${workgroupNumber}, ${groups - 1}u);
  var squares = vec4<f32>();
  ${branches}
  let total = sumOfGroup(thread, (squares.x + squares.y) + (squares.z + squares.w));
  if (thread == 0u) { partials[group + ${first}u] = total; }
}`;
}
