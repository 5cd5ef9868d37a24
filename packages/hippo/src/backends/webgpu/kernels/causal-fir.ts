// The causal filter y_t = skip·u_t + Σ_{j<M} taps_j·x_{t−j}, x being u behind the state, and the same filter against time for its
// gradient: dx_t = skip·dy_t + Σ_j taps_j·dy_{t+j}. A workgroup has a tile of 1,024 steps with its neighbours in workgroup memory, a
// thread four steps; each vector read there and its taps give 16 multiply-adds. Memory: each operand once.
import { type CausalFirAttributes, causalFirOperation, type FirSizes, firSizes } from '../../../ops/causal-fir.ts';
import { type ChannelSlice, channelSlices } from './channel-slices.ts';
import type { Chooser } from './chooser.ts';
import { haloOf } from './diagonal-ssm-table.ts';
import { type Dispatch, input, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import {
  addSquare,
  addSquareAhead,
  addTriangle,
  addTriangleAhead,
  loadFunction,
  rowElement,
  storeFunction,
} from './sequence-tiles.ts';

const threads = 256;
const tile = 4 * threads;

/** Bytes of workgroup memory that a filter needs. */
export const filterBytes = (taps: number): number => 4 * (tile + 2 * haloOf(taps) + 4);

/** Bytes a channel of the operands of a filter. */
export const filterOperandBytes = ({ batch, length, taps }: FirSizes): readonly number[] => [
  4 * batch * length,
  4 * taps,
  4,
  4 * batch * (taps - 1),
];

/** What a filter reads and writes: indices of inputs, the last one of outputs. */
export interface FilterOperands {
  readonly rows: number;
  readonly taps: number;
  readonly skip: number | undefined;
  /** The last inputs before the row, or with `ahead` what is added to the last results. */
  readonly state: number | undefined;
  readonly result: number;
  readonly ahead: boolean;
}

export function filterDispatch(sizes: FirSizes, operands: FilterOperands, slice: ChannelSlice): Dispatch {
  const { batch, length, taps } = sizes;
  const { ahead, skip, state } = operands;
  const kept = taps - 1;
  const has = { skip: skip !== undefined, state: state !== undefined && kept > 0 };
  const element = rowElement(length);
  const tiles = Math.ceil(length / tile);
  const vectors = haloOf(taps) / 4;
  const count = slice.count * batch * tiles;
  const before = `fn before(row: u32, t: i32) -> f32 {
  if (t + ${kept} < 0) { return 0.0; }
  return state[row * ${kept}u + u32(t + ${kept})];
}`;
  const after = [0, 1, 2, 3].map((i) => `    sum.${'xyzw'[i]} += after(row, t + ${i});`).join('\n');
  const code = `${has.state && !ahead ? before : ''}
${
  has.state && ahead
    ? `fn after(row: u32, t: i32) -> f32 {
  let at = t - ${length - kept};
  if (at < 0 || at >= ${kept}) { return 0.0; }
  return state[row * ${kept}u + u32(at)];
}`
    : ''
}
${loadFunction('x', length, has.state && !ahead ? 'before' : undefined)}
${storeFunction('y', length)}
var<workgroup> line: array<vec4<f32>, ${tile / 4 + vectors}>;
var<workgroup> filterTaps: array<vec4<f32>, ${vectors + 1}>;
fn tapOf(channel: u32, j: u32) -> f32 {
  if (j >= ${taps}u) { return 0.0; }
  ${has.skip ? `if (j == 0u) { return taps[channel * ${taps}u] + skip[channel]; }` : ''}
  return taps[channel * ${taps}u + j];
}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let number = ${workgroupNumber};
  if (number >= ${count}u) { return; }
  let row = number / ${tiles}u;
  let first = i32(number % ${tiles}u) * ${tile};
  let channel = row / ${batch}u;
  for (var i = thread; i < ${vectors + 1}u; i += ${threads}u) {
    filterTaps[i] = vec4<f32>(tapOf(channel, 4u * i), tapOf(channel, 4u * i + 1u), tapOf(channel, 4u * i + 2u), tapOf(channel, 4u * i + 3u));
  }
  for (var i = thread; i < ${tile / 4 + vectors}u; i += ${threads}u) { line[i] = load_x(row, first + 4 * i32(i)${ahead ? '' : ` - ${4 * vectors}`}); }
  workgroupBarrier();
  let own = thread + ${ahead ? 0 : vectors}u;
  let t = first + 4 * i32(thread);
  var sum = vec4<f32>(0.0);
  var high = filterTaps[0];
  var x = line[own];
  ${(ahead ? addTriangleAhead : addTriangle)('sum', 'high', 'x')}
  for (var d = 1u; d < ${vectors + 1}u; d++) {
    let low = high;
    high = filterTaps[d];
    x = line[own ${ahead ? '+' : '-'} d];
    ${(ahead ? addSquareAhead : addSquare)('sum', 'low', 'high', 'x')}
  }
${has.state && ahead ? after : ''}
  store_y(row, u32(t), sum);
}`;
  const bindings = [
    reads('x', slice.of(input(operands.rows), 4 * batch * length), element),
    reads('taps', slice.of(input(operands.taps), 4 * taps)),
    ...(skip === undefined ? [] : [reads('skip', slice.of(input(skip), 4))]),
    ...(state !== undefined && has.state ? [reads('state', slice.of(input(state), 4 * batch * kept))] : []),
    writes('y', slice.of(output(operands.result), 4 * batch * length), element),
  ];
  return { label: ahead ? 'filter against time' : 'filter', bindings, code, workgroups: gridOf(count) };
}

/** The last inputs of the filter, oldest first: its state for the next call. */
export function shiftEndDispatch(
  { batch, length, taps }: Omit<FirSizes, 'channels'>,
  operands: { readonly u: number; readonly state: number | undefined; readonly endState: number },
  slice: ChannelSlice,
): Dispatch {
  const kept = taps - 1;
  const count = slice.count * batch * kept;
  const before = operands.state === undefined ? '0.0' : `state[row * ${kept}u + at + ${length}u]`;
  const code = `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${count}u) { return; }
  let row = i / ${kept}u;
  let at = i % ${kept}u;
  if (at + ${length}u < ${kept}u) { endState[i] = ${before}; return; }
  endState[i] = u[row * ${length}u + at + ${length}u - ${kept}u];
}`;
  const bindings = [
    reads('u', slice.of(input(operands.u), 4 * batch * length)),
    ...(operands.state === undefined ? [] : [reads('state', slice.of(input(operands.state), 4 * batch * kept))]),
    writes('endState', slice.of(output(operands.endState), 4 * batch * kept)),
  ];
  return { label: 'state of the filter', bindings, code, workgroups: gridOf(Math.ceil(count / threads)) };
}

export const causalFirChoosers: Readonly<Record<string, Chooser>> = {
  [causalFirOperation.name]: ({ inputs, attributes }, traits) => {
    const [u, taps] = inputs;
    if (!u || !taps) return undefined;
    // A node's attributes are those of its operation.
    const { skip, state } = attributes as CausalFirAttributes;
    const sizes = firSizes(u, taps);
    if (filterBytes(sizes.taps) > traits.maxWorkgroupBytes) return undefined;
    const given = { skip: skip ? 2 : undefined, state: state ? (skip ? 3 : 2) : undefined };
    const slices = channelSlices(sizes.channels, filterOperandBytes(sizes), traits.maxBindingBytes);
    return {
      optionalOutputs: [1],
      dispatches: ([, wantsEnd]) =>
        slices.flatMap((slice) => [
          filterDispatch(sizes, { rows: 0, taps: 1, ...given, result: 0, ahead: false }, slice),
          ...(wantsEnd && sizes.taps > 1
            ? [shiftEndDispatch(sizes, { u: 0, state: given.state, endState: 1 }, slice)]
            : []),
        ]),
    };
  },
};
