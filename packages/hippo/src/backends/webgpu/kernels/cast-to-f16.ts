// Many tensors rounded to f16 (a model's weights before a training step), as many-tensors.ts has them. A thread reads 16 bytes and writes 8, at 6 bytes a number 0.75 GB for 125M weights. Single values are rounded by the fused
// group that makes them (elementwise.ts).
import { castAllToF16Operation } from '../../../ops/cast-to-f16.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { type Dispatch, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { batchesOf, branchesText, groupsOf } from './many-tensors.ts';
import { rowRanges, threads } from './rows.ts';

export const castChoosers: Readonly<Record<string, Chooser>> = {
  [castAllToF16Operation.name]: (node, traits) =>
    castChoice(
      node.inputs.map(({ shape }) => elementCount(shape)),
      traits,
    ),
};

/** A range of a tensor. */
interface Piece {
  readonly tensor: number;
  readonly from: number;
  readonly count: number;
  readonly groups: number;
}

/** Undefined where a shader has no f16, or where a tensor is no multiple of four numbers. */
export function castChoice(
  counts: readonly number[],
  { f16, maxBindingBytes, maxStorageBuffers }: Pick<DeviceTraits, 'f16' | 'maxBindingBytes' | 'maxStorageBuffers'>,
): KernelChoice | undefined {
  if (!f16 || counts.some((count) => count % 4 !== 0)) return undefined;
  const pieces = counts.flatMap((size, tensor): Piece[] =>
    rowRanges(size, 1, maxBindingBytes, 1, 2).map(({ from, rows: count }) => ({
      tensor,
      from,
      count,
      groups: Math.ceil(count / 4 / threads),
    })),
  );
  const batches = batchesOf(pieces, Math.floor(maxStorageBuffers / 2));
  return { dispatches: () => batches.map(batchDispatch) };
}

function batchDispatch(batch: readonly Piece[]): Dispatch {
  const branches = branchesText(
    batch,
    ({ count }, at, group) => `let i = ${group} * ${threads}u + thread;
    if (i < ${count / 4}u) { y${at}[i] = vec4<f16>(x${at}[i]); }`,
  );
  return {
    label: 'castAllToF16',
    bindings: batch.flatMap(({ tensor, from, count }, at) => [
      reads(`x${at}`, input(tensor, { from: from * 4, to: (from + count) * 4 }), 'vec4<f32>'),
      writes(`y${at}`, output(tensor, { from: from * 2, to: (from + count) * 2 }), 'vec4<f16>'),
    ]),
    code: `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let group = ${workgroupNumber};
  ${branches}
}`,
    extensions: ['f16'],
    workgroups: gridOf(groupsOf(batch)),
  };
}
