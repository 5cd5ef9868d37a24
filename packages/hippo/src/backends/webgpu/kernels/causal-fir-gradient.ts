// The gradient of the causal filter (causal-fir.ts): du is dy filtered against time, dState that filter's values before the row, and
//   dtaps_j = Σ_{b,t} dy_t·x_{t−j},   dskip = Σ_{b,t} dy_t·u_t, which is dtaps_0.
// The sums are made in two steps of fixed order. First a workgroup has some tiles of a channel's rows in workgroup memory; a thread has
// four lags and a part of the tile, so that two vectors read there give 16 multiply-adds. Then a thread adds the workgroups' sums.
import {
  type CausalFirGradientAttributes,
  causalFirGradientOperation,
  type FirSizes,
  firSizes,
} from '../../../ops/causal-fir.ts';
import { filterBytes, filterDispatch, filterOperandBytes } from './causal-fir.ts';
import { type ChannelSlice, channelSlices } from './channel-slices.ts';
import type { Chooser } from './chooser.ts';
import { haloOf } from './diagonal-ssm-table.ts';
import { type Dispatch, input, output, reads, workspace, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { loadFunction, rowElement } from './sequence-tiles.ts';

const threads = 64;
const mostTileSteps = 1024;
/** Workgroups that keep a large device busy. */
const enoughWorkgroups = 2048;

/** Indices of inputs and outputs. */
export interface FilterGradientOperands {
  readonly dy: number;
  readonly dEnd: number | undefined;
  readonly u: number;
  readonly taps: number;
  readonly skip: number | undefined;
  readonly state: number | undefined;
  readonly dSkip: number | undefined;
  readonly dState: number | undefined;
}

/** How the sums over a channel's rows are shared. */
interface Sharing {
  /** Steps of a tile and tiles of a row. */
  readonly steps: number;
  readonly tiles: number;
  /** Lags in vectors of four, and how many of them a workgroup has at once. */
  readonly lagVectors: number;
  readonly lagGroups: number;
  /** Workgroups of a channel for one group of lags. */
  readonly parts: number;
}

function sharingOf({ channels, batch, length, taps }: FirSizes): Sharing {
  const steps = Math.min(mostTileSteps, Math.ceil(length / 16) * 16);
  const tiles = Math.ceil(length / steps);
  const lagVectors = Math.min(16, 2 ** Math.ceil(Math.log2(Math.ceil(taps / 4))));
  const lagGroups = Math.ceil(taps / (4 * lagVectors));
  const parts = Math.min(batch * tiles, Math.ceil(enoughWorkgroups / (channels * lagGroups)));
  return { steps, tiles, lagVectors, lagGroups, parts };
}

export const causalFirGradientChoosers: Readonly<Record<string, Chooser>> = {
  [causalFirGradientOperation.name]: ({ inputs, attributes }, traits) => {
    // A node's attributes are those of its operation.
    const { skip, state, endGradient } = attributes as CausalFirGradientAttributes;
    const first = endGradient ? 2 : 1;
    const [u, taps] = inputs.slice(first);
    if (!u || !taps) return undefined;
    const sizes = firSizes(u, taps);
    if (Math.max(filterBytes(sizes.taps), correlationBytes(sizes)) > traits.maxWorkgroupBytes) return undefined;
    const operands: FilterGradientOperands = {
      dy: 0,
      dEnd: endGradient ? 1 : undefined,
      u: first,
      taps: first + 1,
      skip: skip ? first + 2 : undefined,
      state: state ? first + (skip ? 3 : 2) : undefined,
      dSkip: skip ? 2 : undefined,
      dState: state ? (skip ? 3 : 2) : undefined,
    };
    const sums = partialBytes(sizes);
    const slices = channelSlices(sizes.channels, [...filterOperandBytes(sizes), sums], traits.maxBindingBytes);
    const { dy, taps: given, skip: skipAt, dEnd } = operands;
    return {
      workspaceBytes: sums * sizes.channels,
      dispatches: () =>
        slices.flatMap((slice) => [
          filterDispatch(sizes, { rows: dy, taps: given, skip: skipAt, state: dEnd, result: 0, ahead: true }, slice),
          ...(operands.dState === undefined || sizes.taps < 2 ? [] : [stateGradient(sizes, operands, slice)]),
          ...tapsGradient(sizes, operands, slice),
        ]),
    };
  },
};

/** Bytes of workgroup memory that the sums need. */
export const correlationBytes = (sizes: FirSizes): number => {
  const { steps } = sharingOf(sizes);
  return 4 * (2 * steps + haloOf(sizes.taps) + 4) + 16 * threads;
};

/** Bytes of a channel's sums before they are added up, at the start of the workspace. */
export function partialBytes(sizes: FirSizes): number {
  const { lagVectors, lagGroups, parts } = sharingOf(sizes);
  return Math.ceil((16 * lagVectors * lagGroups * parts) / 256) * 256;
}

/** dState_i = Σ_j taps_j·dy_{i−(M−1)+j}, and the end state's gradient where the row is shorter than the state. */
function stateGradient(
  { batch, length, taps }: FirSizes,
  operands: FilterGradientOperands,
  slice: ChannelSlice,
): Dispatch {
  const kept = taps - 1;
  const count = slice.count * batch * kept;
  const { dEnd, dState = 0 } = operands;
  const code = `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${count}u) { return; }
  let row = i / ${kept}u;
  let at = i % ${kept}u;
  let ahead = ${kept}u - at;
  var sum = 0.0;
  ${dEnd === undefined ? '' : `if (at >= ${length}u) { sum = dEnd[row * ${kept}u + at - ${length}u]; }`}
  for (var j = ahead; j < min(${taps}u, ahead + ${length}u); j++) { sum += taps[row / ${batch}u * ${taps}u + j] * dy[row * ${length}u + j - ahead]; }
  dState[i] = sum;
}`;
  const states = 4 * batch * kept;
  const bindings = [
    reads('dy', slice.of(input(operands.dy), 4 * batch * length)),
    reads('taps', slice.of(input(operands.taps), 4 * taps)),
    ...(dEnd === undefined ? [] : [reads('dEnd', slice.of(input(dEnd), states))]),
    writes('dState', slice.of(output(dState), states)),
  ];
  return { label: "gradient of the filter's state", bindings, code, workgroups: gridOf(Math.ceil(count / threads)) };
}

/** The gradients of taps and skip term: dtaps is output 1. */
export const tapsGradient = (
  sizes: FirSizes,
  operands: FilterGradientOperands,
  slice: ChannelSlice,
): readonly Dispatch[] => [correlate(sizes, operands, slice), addParts(sizes, operands, slice)];

/** Σ dy_t·x_{t−j} over the tiles of one workgroup. */
function correlate(sizes: FirSizes, operands: FilterGradientOperands, slice: ChannelSlice): Dispatch {
  const { batch, length, taps } = sizes;
  const { steps, tiles, lagVectors, lagGroups, parts } = sharingOf(sizes);
  const kept = taps - 1;
  const halo = haloOf(taps) / 4 + 1;
  const segments = threads / lagVectors;
  const segment = Math.ceil(steps / 4 / segments);
  const element = rowElement(length);
  const hasState = operands.state !== undefined && kept > 0;
  const count = slice.count * lagGroups * parts;
  const code = `${
    hasState
      ? `fn before(row: u32, t: i32) -> f32 {
  if (t + ${kept} < 0) { return 0.0; }
  return state[row * ${kept}u + u32(t + ${kept})];
}`
      : ''
  }
${loadFunction('x', length, hasState ? 'before' : undefined)}
${loadFunction('dy', length)}
var<workgroup> xLine: array<vec4<f32>, ${steps / 4 + halo}>;
var<workgroup> dyLine: array<vec4<f32>, ${steps / 4}>;
var<workgroup> partial: array<vec4<f32>, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let number = ${workgroupNumber};
  if (number >= ${count}u) { return; }
  let channel = number / ${lagGroups * parts}u;
  let lagGroup = number / ${parts}u % ${lagGroups}u;
  // In vectors of four steps.
  let lag = lagGroup * ${lagVectors}u + thread % ${lagVectors}u;
  let start = thread / ${lagVectors}u * ${segment}u;
  let end = min(start + ${segment}u, ${steps / 4}u);
  var sum = vec4<f32>(0.0);
  for (var unit = number % ${parts}u; unit < ${batch * tiles}u; unit += ${parts}u) {
    let row = channel * ${batch}u + unit / ${tiles}u;
    let first = i32(unit % ${tiles}u) * ${steps};
    workgroupBarrier();
    for (var i = thread; i < ${steps / 4 + halo}u; i += ${threads}u) { xLine[i] = load_x(row, first + 4 * (i32(i) - ${halo})); }
    for (var i = thread; i < ${steps / 4}u; i += ${threads}u) { dyLine[i] = load_dy(row, first + 4 * i32(i)); }
    workgroupBarrier();
    if (lag <= ${halo - 1}u) {
      var earlier = xLine[start + ${halo - 1}u - lag];
      for (var i = start; i < end; i++) {
        let x = xLine[i + ${halo}u - lag];
        let g = dyLine[i];
        sum += vec4<f32>(dot(g, x), dot(g, vec4<f32>(earlier.w, x.xyz)), dot(g, vec4<f32>(earlier.zw, x.xy)), dot(g, vec4<f32>(earlier.yzw, x.x)));
        earlier = x;
      }
    }
  }
  partial[thread] = sum;
  workgroupBarrier();
  if (thread < ${lagVectors}u) {
    for (var s = 1u; s < ${segments}u; s++) { sum += partial[thread + s * ${lagVectors}u]; }
    sums[channel * ${partialBytes(sizes) / 16}u + (number % ${parts}u) * ${lagVectors * lagGroups}u + lag] = sum;
  }
}`;
  const rowBytes = 4 * batch * length;
  const bindings = [
    reads('x', slice.of(input(operands.u), rowBytes), element),
    reads('dy', slice.of(input(operands.dy), rowBytes), element),
    ...(operands.state !== undefined && hasState
      ? [reads('state', slice.of(input(operands.state), 4 * batch * kept))]
      : []),
    writes('sums', sumsMemory(sizes, slice), 'vec4<f32>'),
  ];
  return { label: 'gradient of taps, parts', bindings, code, workgroups: gridOf(count) };
}

const sumsMemory = (sizes: FirSizes, slice: ChannelSlice) =>
  slice.of(workspace(0, partialBytes(sizes) * slice.count), partialBytes(sizes));

function addParts(sizes: FirSizes, operands: FilterGradientOperands, slice: ChannelSlice): Dispatch {
  const { taps } = sizes;
  const { lagVectors, lagGroups, parts } = sharingOf(sizes);
  const count = slice.count * taps;
  const { dSkip } = operands;
  const code = `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${count}u) { return; }
  let channel = i / ${taps}u;
  let lag = i % ${taps}u;
  var sum = 0.0;
  for (var part = 0u; part < ${parts}u; part++) { sum += sums[channel * ${partialBytes(sizes) / 4}u + part * ${4 * lagVectors * lagGroups}u + lag]; }
  dTaps[i] = sum;
  ${dSkip === undefined ? '' : 'if (lag == 0u) { dSkip[channel] = sum; }'}
}`;
  const bindings = [
    reads('sums', sumsMemory(sizes, slice)),
    writes('dTaps', slice.of(output(1), 4 * taps)),
    ...(dSkip === undefined ? [] : [writes('dSkip', slice.of(output(dSkip), 4))]),
  ];
  return { label: 'gradient of taps', bindings, code, workgroups: gridOf(Math.ceil(count / threads)) };
}
