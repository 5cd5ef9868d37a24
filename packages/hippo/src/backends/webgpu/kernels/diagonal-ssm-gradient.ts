// The gradient of the diagonal state-space model in chunks of T = 16 steps, from dy and u alone. With h the conjugate of the state's
// gradient (h_start = λ^T h_end + 2c Σ_i λ^{i+1} dy_i, walking back in time), x the chunk's first state and k the model's kernel:
//   du_j = Σ_{i≥j} k_{i−j} dy_i + Re(h_end λ^{T−1−j}),      conj dc = 2 Σ_chunks λ x Σ_i λ^i dy_i + 2 Σ_{l<T} dk_l λ^l,
//   conj dlogλ = Σ_chunks [2cλ x Σ_i (i+1) λ^i dy_i + h_end (T λ^T x + Σ_j (T−1−j) λ^{T−1−j} u_j)] + 2c Σ_{l<T} l dk_l λ^l,
//   dk_l = Σ dy_i u_{i−l} within chunks,      dskip = dk_0.
// So every state costs 10 multiply-adds a step where recurrences cost 16, and nothing is kept for each step. A workgroup walks its rows of one
// channel from the last tile to the first (states at tile starts come from a first walk); its sums are added up by a last dispatch.
// From chunk to chunk a state goes by segments, one thread each. In a training step on an H100, 768 × 2,048: 0.28 ms; with one thread a
// state, 8 of 64 walking over 128 chunks, and powers made by each tap for itself it was 0.42 ms.
import {
  type DiagonalSsmGradientAttributes,
  diagonalSsmGradientOperation,
  ssmSizes,
} from '../../../ops/diagonal-ssm.ts';
import type { DeviceTraits } from '../traits.ts';
import { type ChannelSlice, channelSlices } from './channel-slices.ts';
import type { Chooser } from './chooser.ts';
import { chunk, gradientAt, type Layout, layoutOf, threads, vectors } from './diagonal-ssm-gradient-layout.ts';
import { addSegments, each, firstWalk, lastSteps, loadPowers, stage, walk } from './diagonal-ssm-gradient-walk.ts';
import { ssmTableDispatch } from './diagonal-ssm-table.ts';
import { type Dispatch, input, type KernelChoice, type Memory, output, reads, workspace, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import {
  addSquareAhead,
  addTriangleAhead,
  loadFunction,
  rowElement,
  spreadFunction,
  storeFunction,
  unstageRows,
} from './sequence-tiles.ts';

/** Indices of inputs and outputs. */
interface Operands {
  readonly dEnd: number | undefined;
  readonly u: number;
  readonly skip: number | undefined;
  readonly state: number | undefined;
  readonly dSkip: number | undefined;
  readonly dState: number | undefined;
}

export const diagonalSsmGradientChoosers: Readonly<Record<string, Chooser>> = {
  [diagonalSsmGradientOperation.name]: ({ inputs, attributes }, traits) => {
    // A node's attributes are those of its operation.
    const { skip, state, endGradient } = attributes as DiagonalSsmGradientAttributes;
    const u = endGradient ? 2 : 1;
    const [row, pole] = inputs.slice(u);
    const layout = row && pole && layoutOf(ssmSizes(row, pole), traits);
    if (!layout) return undefined;
    return gradientChoice(
      layout,
      {
        dEnd: endGradient ? 1 : undefined,
        u,
        skip: skip ? u + 5 : undefined,
        state: state ? u + (skip ? 6 : 5) : undefined,
        dSkip: skip ? 5 : undefined,
        dState: state ? (skip ? 6 : 5) : undefined,
      },
      traits,
    );
  },
};

/** The parts of the workspace, as the channels of a slice see them. */
interface Places {
  readonly table: Memory;
  readonly given: Memory;
  readonly starts: Memory;
  readonly sums: Memory;
}

function gradientChoice(layout: Layout, operands: Operands, traits: DeviceTraits): KernelChoice {
  const { sizes, table, bytes } = layout;
  const { channels, batch, length, states } = sizes;
  const perChannel = [4 * batch * length, 8 * batch * states, 4 * states, ...Object.values(bytes)];
  const slices = channelSlices(channels, perChannel, traits.maxBindingBytes);
  let at = 0;
  const part = (size: number): Memory => {
    const memory = workspace(at, at + channels * size);
    at += channels * size;
    return memory;
  };
  const whole = {
    table: part(bytes.table),
    given: part(bytes.given),
    starts: part(bytes.starts),
    sums: part(bytes.sums),
  };
  return {
    workspaceBytes: at,
    reason: 'in chunks',
    dispatches: () =>
      slices.flatMap((slice) => {
        const places = {
          table: slice.of(whole.table, bytes.table),
          given: slice.of(whole.given, bytes.given),
          starts: slice.of(whole.starts, bytes.starts),
          sums: slice.of(whole.sums, bytes.sums),
        };
        return [
          ssmTableDispatch(table, { poles: operands.u + 1, skip: operands.skip, taps: undefined }, slice),
          statesDispatch(layout, operands, { slice, places }, true),
          walkDispatch(layout, operands, { slice, places }),
          sumDispatch(layout, operands, { slice, places }),
          ...(operands.dState === undefined ? [] : [statesDispatch(layout, operands, { slice, places }, false)]),
        ];
      }),
  };
}

interface Where {
  readonly slice: ChannelSlice;
  readonly places: Places;
}

/**
 * Puts the state at the start and the gradient of that at the end side by side, zeros where there is none, so that the walk need not know;
 * or takes the gradient of the state out, which the walk leaves in the state's place.
 */
function statesDispatch(
  { sizes, bytes }: Layout,
  operands: Operands,
  { slice, places }: Where,
  before: boolean,
): Dispatch {
  const { batch, states } = sizes;
  const perRow = 2 * states;
  const count = slice.count * batch * perRow;
  const { state, dEnd, dState = 0 } = operands;
  const of = (index: number, name: string) => reads(name, slice.of(input(index), 4 * batch * perRow));
  const body = before
    ? `given[at] = ${state === undefined ? '0.0' : 'state[i]'};
  given[at + ${perRow}u] = ${dEnd === undefined ? '0.0' : 'dEnd[i]'};`
    : 'dState[i] = given[at];';
  const code = `@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * 256u + thread;
  if (i >= ${count}u) { return; }
  let channel = i / ${batch * perRow}u;
  let at = channel * ${bytes.given / 4}u + (i / ${perRow}u) % ${batch}u * ${2 * perRow}u + i % ${perRow}u;
  ${body}
}`;
  const bindings = before
    ? [
        ...(state === undefined ? [] : [of(state, 'state')]),
        ...(dEnd === undefined ? [] : [of(dEnd, 'dEnd')]),
        writes('given', places.given),
      ]
    : [reads('given', places.given), writes('dState', slice.of(output(dState), 4 * batch * perRow))];
  return { label: 'states of the gradient', bindings, code, workgroups: gridOf(Math.ceil(count / 256)) };
}

function walkDispatch(layout: Layout, operands: Operands, { slice, places }: Where): Dispatch {
  const { sizes, tiles, parts } = layout;
  const { batch, length } = sizes;
  const rowBytes = 4 * batch * length;
  const element = rowElement(length);
  return {
    label: 'gradient of the diagonal model in chunks',
    bindings: [
      reads('u', slice.of(input(operands.u), rowBytes), element),
      reads('dy', slice.of(input(0), rowBytes), element),
      reads('table', places.table, 'vec4<f32>'),
      writes('given', places.given),
      ...(tiles.count > 1 ? [writes('starts', places.starts, 'vec2<f32>')] : []),
      writes('sums', places.sums, 'vec4<f32>'),
      writes('du', slice.of(output(0), rowBytes), element),
    ],
    code: walkShader(layout, operands.dEnd !== undefined, slice.count * parts),
    workgroups: gridOf(slice.count * parts),
  };
}

function walkShader(layout: Layout, hasEnd: boolean, workgroups: number): string {
  const { sizes, table, tiles, block, rowGroups, parts, many, perPart, bytes } = layout;
  const { batch, states, length } = sizes;
  return `${declarations(layout)}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let number = ${workgroupNumber};
  if (number >= ${workgroups}u) { return; }
  let channel = number / ${parts}u;
  let entries = channel * ${table.vectors}u;
  let ownRow = thread / ${tiles.chunks}u;
  // Where this thread's chunk starts in the buffers; threads without a chunk of their own repeat one and keep nothing.
  let own = min(ownRow, ${tiles.rows - 1}u) * ${tiles.rowVectors}u + thread % ${tiles.chunks}u * ${vectors}u;
  for (var i = thread; i < ${vectors}u; i += ${threads}u) { kernel[i] = table[entries + ${table.kernel}u + i]; }
${many ? `  let ownSums = channel * ${bytes.sums / 16}u + number % ${parts}u * ${perPart}u;\n` : ''}  for (var n = thread; n < ${states}u; n += ${threads}u) { ${gradientAt(layout, 'n')} = vec4<f32>(0.0); }
  ${each(vectors, (d) => `var dk${d} = vec4<f32>(0.0);`, ' ')}
  for (var group = number % ${parts}u; group < ${rowGroups}u; group += ${parts}u) {
    let firstRow = channel * ${batch}u + group * ${tiles.rows}u;
    let firstGiven = channel * ${bytes.given / 4}u + group * ${tiles.rows * 4 * states}u;
    ${tiles.count > 1 ? `let firstStart = channel * ${bytes.starts / 8}u + group * ${tiles.count * states}u;` : ''}
    let rowCount = min(${tiles.rows}u, ${batch}u - group * ${tiles.rows}u);
    let holds = ownRow < rowCount;
    ${tiles.count > 1 ? firstWalk(layout) : ''}
    for (var before = ${tiles.count}u; before > 0u; before--) {
    let tile = before - 1u;
    workgroupBarrier();
${many ? '    storageBarrier();\n' : ''}    ${stage(tiles, 'u')}
    ${stage(tiles, 'dy')}
    workgroupBarrier();
    ${each(vectors, (i) => `let u${i} = uLine[spread(own + ${i}u)]; let g${i} = dyLine[spread(own + ${i}u)];`)}
    ${each(vectors, (i) => `let weightedU${i} = u${i} * vec4<f32>(${[0, 1, 2, 3].map((j) => `${chunk - 1 - 4 * i - j}.0`).join(', ')}); let weightedG${i} = g${i} * vec4<f32>(${[1, 2, 3, 4].map((j) => `${4 * i + j}.0`).join(', ')});`)}
    ${each(vectors, (i) => `var d${i} = vec4<f32>(0.0);`, ' ')}
    ${chunkProducts()}
    for (var base = 0u; base < ${states}u; base += ${block}u) {
      let count = min(${block}u, ${states}u - base);
      ${loadPowers(layout)}
      if (holds) {
        for (var n = 0u; n < count; n++) {
        var x = vec2<f32>(0.0); var f = x; var d = x; var e = x;
        ${each(
          vectors,
          (m) => `{ let re = powers[n * 8u + ${m}u]; let im = powers[n * 8u + ${4 + m}u];
          x += vec2<f32>(dot(re.wzyx, u${vectors - 1 - m}), dot(im.wzyx, u${vectors - 1 - m})); f += vec2<f32>(dot(re.wzyx, weightedU${vectors - 1 - m}), dot(im.wzyx, weightedU${vectors - 1 - m}));
          d += vec2<f32>(dot(re, g${m}), dot(im, g${m})); e += vec2<f32>(dot(re, weightedG${m}), dot(im, weightedG${m})); }`,
        )}
        let at = thread * ${2 * block + 1}u + 2u * n;
        locals[at] = vec4<f32>(x, d);
        locals[at + 1u] = vec4<f32>(f, e);
        }
      }
      workgroupBarrier();
      ${walk(layout)}
      workgroupBarrier();
      ${addSegments(layout)}
      for (var n = 0u; n < count; n++) {
        let h = locals[thread * ${2 * block + 1}u + 2u * n].zw;
        ${each(vectors, (m) => `d${vectors - 1 - m} += powers[n * 8u + ${m}u].wzyx * h.x - powers[n * 8u + ${4 + m}u].wzyx * h.y;`)}
      }
    }
    workgroupBarrier();
    if (holds) { ${each(vectors, (i) => `dyLine[spread(own + ${i}u)] = d${i};`, ' ')} }
    workgroupBarrier();
    ${hasEnd ? lastSteps(layout) : ''}
    ${unstageRows(tiles, length, 'du', 'dyLine')}
    }
  }
  workgroupBarrier();
  ${each(vectors, (d) => `locals[thread] = dk${d}; workgroupBarrier(); if (thread < 8u) { dk${d} = vec4<f32>(0.0); for (var i = thread; i < ${threads}u; i += 8u) { dk${d} += locals[i]; } locals[thread] = dk${d}; } workgroupBarrier(); if (thread == 0u) { var sum = vec4<f32>(0.0); for (var i = 0u; i < 8u; i++) { sum += locals[i]; } sums[channel * ${bytes.sums / 16}u + number % ${parts}u * ${perPart}u + ${states + d}u] = sum; } workgroupBarrier();`)}
${many ? '' : `  for (var n = thread; n < ${states}u; n += ${threads}u) { sums[channel * ${bytes.sums / 16}u + number % ${parts}u * ${perPart}u + n] = gradients[n]; }\n`}}`;
}

function declarations({ sizes, tiles, block, many }: Layout): string {
  const { length, states } = sizes;
  const shared = `// (conj dlogλ, Σ x Σ λ^i dy_i) of every state.
var<workgroup> gradients: array<vec4<f32>, ${states}>;${tiles.count > 1 ? `\nvar<workgroup> carry: array<vec2<f32>, ${states}>;` : ''}`;
  return `${spreadFunction}
${loadFunction('u', length)}
${loadFunction('dy', length)}
${storeFunction('du', length)}
var<workgroup> uLine: array<vec4<f32>, ${tiles.lineVectors}>;
var<workgroup> dyLine: array<vec4<f32>, ${tiles.lineVectors}>;
var<workgroup> kernel: array<vec4<f32>, ${vectors}>;
var<workgroup> powers: array<vec4<f32>, ${8 * block}>;
var<workgroup> coefficients: array<vec4<f32>, ${2 * block}>;
// Of a chunk and a state: (Σ λ^{T−1−j} u_j, Σ λ^i dy_i), which become (state at the start, h at the end), and the weighted sums.
var<workgroup> locals: array<vec4<f32>, ${threads * (2 * block + 1)}>;
// Of a segment and a state: (x at its end, h at its start) if nothing enters it, and λ to the power of its steps.
var<workgroup> ends: array<vec4<f32>, ${threads}>;
var<workgroup> spans: array<vec2<f32>, ${threads}>;
${many ? '' : shared}
fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}`;
}

/** du and dk from what lies within the chunk. */
function chunkProducts(): string {
  const transposed = each(vectors, (d) =>
    each(vectors - d, (j) =>
      d === 0 ? addTriangleAhead(`d${j}`, 'k0', `g${j}`) : addSquareAhead(`d${j}`, `k${d - 1}`, `k${d}`, `g${j + d}`),
    ),
  );
  const lags = each(vectors, (d) =>
    each(vectors - d, (j) => {
      const [g, x] = [`g${j + d}`, `u${j}`];
      const earlier = j === 0 ? 'vec4<f32>(0.0)' : `u${j - 1}`;
      return `dk${d} += vec4<f32>(dot(${g}, ${x}), dot(${g}, vec4<f32>(${earlier}.w, ${x}.xyz)), dot(${g}, vec4<f32>(${earlier}.zw, ${x}.xy)), dot(${g}, vec4<f32>(${earlier}.yzw, ${x}.x)));`;
    }),
  );
  return `{
      ${each(vectors, (d) => `let k${d} = kernel[${d}];`, ' ')}
      ${transposed}
      if (holds) {
      ${lags}
      }
    }`;
}

function sumDispatch(
  { sizes, table, parts, perPart, bytes }: Layout,
  operands: Operands,
  { slice, places }: Where,
): Dispatch {
  const { states } = sizes;
  const count = slice.count * states;
  const { dSkip } = operands;
  const outputs = ['dLogPoleRe', 'dLogPoleIm', 'dCRe', 'dCIm'];
  const code = `fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let i = ${workgroupNumber} * ${threads}u + thread;
  if (i >= ${count}u) { return; }
  let channel = i / ${states}u;
  let n = i % ${states}u;
  let first = channel * ${bytes.sums / 16}u;
  let entries = channel * ${table.vectors}u;
  var total = vec4<f32>(0.0);
  for (var part = 0u; part < ${parts}u; part++) { total += sums[first + part * ${perPart}u + n]; }
  let pole = vec2<f32>(table[entries + n * 8u].y, table[entries + n * 8u + 4u].y);
  let c = table[entries + ${table.coefficients}u + 2u * n + 1u].zw;
  var dPole = total.xy;
  var dC = 2.0 * times(pole, total.zw);
  for (var l = 0u; l < ${chunk}u; l++) {
    var dk = 0.0;
    for (var part = 0u; part < ${parts}u; part++) { dk += sums[first + part * ${perPart}u + ${states}u + l / 4u][l % 4u]; }
    let power = dk * vec2<f32>(table[entries + n * 8u + l / 4u][l % 4u], table[entries + n * 8u + 4u + l / 4u][l % 4u]);
    dC += 2.0 * power;
    dPole += f32(l) * times(c, power);
    ${dSkip === undefined ? '' : `if (l == 0u && n == 0u) { dSkip[${slice.numberOf('channel')}] = dk; }`}
  }
  dLogPoleRe[i] = dPole.x;
  dLogPoleIm[i] = -dPole.y;
  dCRe[i] = dC.x;
  dCIm[i] = -dC.y;
}`;
  const bindings = [
    reads('sums', places.sums, 'vec4<f32>'),
    reads('table', places.table, 'vec4<f32>'),
    ...outputs.map((name, index) => writes(name, slice.of(output(index + 1), 4 * states))),
    ...(dSkip === undefined ? [] : [writes('dSkip', slice.of(output(dSkip), 4))]),
  ];
  return {
    label: "gradient of the diagonal model's parameters",
    bindings,
    code,
    workgroups: gridOf(Math.ceil(count / threads)),
  };
}
