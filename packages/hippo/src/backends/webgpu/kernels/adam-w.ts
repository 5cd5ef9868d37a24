// AdamW's update in place: parameter, two moments and gradient are read once, the first three written once, 28 bytes a number (3.5 GB
// for 125M parameters). A first dispatch gathers the five scalars, so that a parameter binds four tensors, up to seven where nothing is
// in place, and the scalars; as many parameters share a dispatch as bindings allow. Dispatches of different parameters write
// different buffers and only read the scalars', so that a device may run them side by side.
import type { Node } from '../../../graph/value.ts';
import { type AdamWAttributes, adamWOperation } from '../../../ops/adam-w.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { type Binding, type Dispatch, input, type KernelChoice, output, reads, workspace, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { literal } from './literal.ts';
import { batchesOf, branchesText, groupsOf } from './many-tensors.ts';
import { rowRanges, threads } from './rows.ts';

export const adamWChoosers: Readonly<Record<string, Chooser>> = {
  [adamWOperation.name]: (node, traits) => adamWChoice(sizesOf(node), traits),
};

interface Segment {
  readonly count: number;
  readonly decay: number;
  readonly cap: number;
}

type Sizes = Pick<AdamWAttributes, 'beta1' | 'beta2' | 'epsilon'> & { readonly segments: readonly Segment[] };

function sizesOf(node: Node): Sizes {
  // The chooser stands under the name of the operation with these attributes.
  const attributes = node.attributes as AdamWAttributes;
  const segments = attributes.decays.map((decay, i) => ({
    count: elementCount(node.outputs[3 * i]?.shape ?? []),
    decay,
    cap: attributes.caps[i] ?? Number.POSITIVE_INFINITY,
  }));
  return { ...attributes, segments };
}

const scalarNames = ['healthy', 'scale', 'rate', 'correction1', 'correction2'];
const scalars = workspace(0, 32);
/** Bindings of a parameter whose results all lie elsewhere. */
const mostBindings = 7;

/** A range of a parameter. */
interface Piece extends Segment {
  readonly segment: number;
  readonly bytes: { readonly from: number; readonly to: number };
  readonly groups: number;
}

export function adamWChoice(
  sizes: Sizes,
  { maxBindingBytes, maxStorageBuffers }: Pick<DeviceTraits, 'maxBindingBytes' | 'maxStorageBuffers'>,
): KernelChoice {
  const pieces = sizes.segments.flatMap((segment, index): Piece[] =>
    rowRanges(segment.count, 1, maxBindingBytes).map(({ rows: count, bytes }) => ({
      ...segment,
      segment: index,
      count,
      bytes,
      groups: Math.ceil(count / 4 / threads),
    })),
  );
  const together = Math.max(1, Math.floor((maxStorageBuffers - 1) / mostBindings));
  const dispatches: Dispatch[] = [gatherScalars()];
  for (const batch of batchesOf(pieces, together)) {
    dispatches.push({
      label: 'adamW',
      bindings: [reads('scalars', scalars), ...batch.flatMap(bindingsOf)],
      code: updateCode(batch, sizes),
      workgroups: gridOf(groupsOf(batch)),
    });
  }
  return { workspaceBytes: 256, dispatches: () => dispatches };
}

function gatherScalars(): Dispatch {
  const copies = scalarNames.map((name, i) => `  scalars[${i}] = ${name}[0];`);
  return {
    label: 'adamW scalars',
    bindings: [...scalarNames.map((name, i) => reads(name, input(i))), writes('scalars', scalars)],
    code: `@compute @workgroup_size(1)\nfn main() {\n${copies.join('\n')}\n}`,
    workgroups: [1, 1, 1],
  };
}

function bindingsOf({ segment, bytes }: Piece, i: number): Binding[] {
  const first = scalarNames.length + 4 * segment;
  const type = 'vec4<f32>';
  return [
    ...['p', 'm', 'v', 'g'].map((name, k) => reads(`${name}${i}`, input(first + k, bytes), type)),
    ...['newP', 'newM', 'newV'].map((name, k) => writes(`${name}${i}`, output(3 * segment + k, bytes), type)),
  ];
}

function updateCode(batch: readonly Piece[], { beta1, beta2, epsilon }: Sizes): string {
  const branches = branchesText(batch, ({ count, decay, cap }, i, group) => {
    const rate = Number.isFinite(cap) ? `min(rate, ${literal(cap)})` : 'rate';
    const step = decay === 0 ? 'direction' : `(direction + ${literal(decay)} * p)`;
    return `let i = ${group} * ${threads}u + thread;
    if (i >= ${Math.ceil(count / 4)}u) { return; }
    let p = p${i}[i];
    let m = m${i}[i];
    let v = v${i}[i];
    let g = g${i}[i] * scale;
    let first = m * ${literal(beta1)} + g * ${literal(1 - beta1)};
    let second = v * ${literal(beta2)} + g * g * ${literal(1 - beta2)};
    let direction = first * correction1 / (sqrt(second * correction2) + ${literal(epsilon)});
    newP${i}[i] = select(p - ${rate} * ${step}, p, sick);
    newM${i}[i] = select(first, m, sick);
    newV${i}[i] = select(second, v, sick);`;
  });
  return `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let group = ${workgroupNumber};
  let sick = scalars[0] == 0.0;
  let scale = scalars[1];
  let rate = scalars[2];
  let correction1 = scalars[3];
  let correction2 = scalars[4];
  ${branches}
}`;
}
