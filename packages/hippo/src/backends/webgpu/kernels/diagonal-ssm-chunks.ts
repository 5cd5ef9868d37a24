// The diagonal state-space model in chunk form (convolution.md 2), alone or as the H3 mixer y = q ⊙ diagonal(v ⊙ shift(k)):
//   y_i = Σ_{j≤i} k_{i−j} u_j + 2 Re Σ_n c_n λ_n^{i+1} x_n,   x_n ← λ_n^T x_n + Σ_j λ_n^{T−1−j} u_j      within a chunk of T steps.
// A workgroup walks one channel's rows in tiles, a thread has a chunk of T = 32 steps in registers; states pass from chunk to chunk
// through workgroup memory, where one thread a state walks over the tile's chunks.
// Multiply-adds a step with N states and M taps: T/2 + 4N + M (N = 32, M = 64: 208); every table entry read feeds 4 of them. Memory: each
// operand once, plus M steps a tile of k. Larger T trades 4N/T of the walk for T/2; the recurrence costs 6N and needs a sum
// over states at every step. Measured on an H100, 768 × 65,536 steps at lengths 1,024 / 4,096 / 32,768: 1.40 / 1.53 / 1.56 ms with 8 states
// at once; 16 at once 1.68 / 1.79 / 1.76, 32 at once 3.0 to 3.2; T = 16 2.2, T = 64 3.0 to 3.3.
import type { DeviceTraits } from '../traits.ts';
import { shiftEndDispatch } from './causal-fir.ts';
import { type ChannelSlice, channelSlices } from './channel-slices.ts';
import { haloOf, powerCount, type SsmTable, ssmTable, ssmTableDispatch, tableMemory } from './diagonal-ssm-table.ts';
import { type Binding, type Dispatch, input, type KernelChoice, output, reads, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import {
  addSquare,
  addTriangle,
  loadFunction,
  type RowSizes,
  rowElement,
  spreadFunction,
  stageRows,
  storeFunction,
  type Tiles,
  tilesOf,
  unstageRows,
} from './sequence-tiles.ts';

export interface ChunkSizes extends RowSizes {
  readonly states: number;
  /** Taps of the shift; 0: the model alone. */
  readonly taps: number;
}

/** Indices of the node's operands and results. */
export interface ChunkOperands {
  /** u, or q, k and v. */
  readonly rows: readonly number[];
  readonly shift: number | undefined;
  readonly poles: number;
  readonly skip: number | undefined;
  readonly shiftState: number | undefined;
  readonly state: number | undefined;
  readonly endState: number;
}

/** Chosen by measurement, bench/gpu/h3-mixer.ts --choices; exported so that it can make others. */
export const parameters = {
  /** Steps of a chunk, a multiple of 16; short rows gain nothing from long chunks, and their shaders compile sooner. */
  chunk: 32,
  shortChunk: 16,
  shortLength: 512,
  /** Most states whose sums are in workgroup memory at once. */
  block: 8,
  /** Workgroups that keep a large device busy; beyond them a workgroup takes several groups of rows of its channel. */
  enoughWorkgroups: 4096,
};
const threads = 64;

interface Layout {
  readonly sizes: ChunkSizes;
  readonly table: SsmTable;
  readonly tiles: Tiles;
  /** States whose sums are in workgroup memory at once. */
  readonly block: number;
  /** Groups of rows of a channel, and how many workgroups share them. */
  readonly rowGroups: number;
  readonly parts: number;
}

const chunkOf = (length: number): number =>
  length <= parameters.shortLength ? parameters.shortChunk : parameters.chunk;

function layoutOf(sizes: ChunkSizes, { maxWorkgroupBytes }: DeviceTraits): Layout | undefined {
  const { states, taps, batch, channels, length } = sizes;
  const chunk = chunkOf(length);
  const halo = haloOf(taps);
  const fixed = 8 * states + 4 * chunk + (taps > 0 ? 4 * halo + 16 : 0);
  const tiles = tilesOf(sizes, { threads, chunk, halo, mostBytes: (maxWorkgroupBytes - fixed) * 0.7 });
  const left = maxWorkgroupBytes - fixed - 16 * tiles.lineVectors - 8 * (threads + 1);
  // Half the states at a time leave room for a second workgroup where there is more than the base.
  const block = Math.min(states, parameters.block, Math.floor(left / (8 * threads + 168)));
  if (block < 1) return undefined;
  const rowGroups = Math.ceil(batch / tiles.rows);
  // As many groups for each, so that all end at once.
  const groupsEach = Math.max(1, Math.floor((rowGroups * channels) / parameters.enoughWorkgroups));
  const parts = Math.ceil(rowGroups / groupsEach);
  return { sizes, table: ssmTable(states, chunk, taps), tiles, block, rowGroups, parts };
}

/** The kernel, or undefined where a channel's parameters do not fit workgroup memory. */
export function chunkChoice(
  sizes: ChunkSizes,
  operands: ChunkOperands,
  traits: DeviceTraits,
): KernelChoice | undefined {
  const layout = layoutOf(sizes, traits);
  if (!layout) return undefined;
  const { channels, batch, length, states } = sizes;
  const { table } = layout;
  const slices = channelSlices(
    channels,
    [
      4 * batch * length,
      8 * batch * states,
      16 * table.vectors,
      4 * states,
      4 * sizes.taps,
      4 * batch * Math.max(0, sizes.taps - 1),
    ],
    traits.maxBindingBytes,
  );
  return {
    workspaceBytes: 16 * table.vectors * channels,
    dispatches: (wanted) =>
      slices.flatMap((slice) => [
        ssmTableDispatch(table, { poles: operands.poles, skip: operands.skip, taps: operands.shift }, slice),
        chunkDispatch(layout, operands, { slice, wantsEnd: wanted[operands.endState] ?? false }),
        ...(sizes.taps > 1 && wanted[1]
          ? [shiftEndDispatch(sizes, { u: operands.rows[1] ?? 0, state: operands.shiftState, endState: 1 }, slice)]
          : []),
      ]),
  };
}

function chunkDispatch(
  layout: Layout,
  operands: ChunkOperands,
  { slice, wantsEnd }: { readonly slice: ChannelSlice; readonly wantsEnd: boolean },
): Dispatch {
  const { sizes, table, parts } = layout;
  const { batch, length, states, taps } = sizes;
  const element = rowElement(length);
  const mixer = operands.rows.length === 3;
  const names = mixer ? ['q', 'k', 'v'] : ['u'];
  const rows = (name: string, index: number): Binding =>
    reads(name, slice.of(input(index), 4 * batch * length), element);
  const bindings: Binding[] = [
    ...names.map((name, i) => rows(name, operands.rows[i] ?? 0)),
    reads('table', slice.of(tableMemory(table, slice.count), 16 * table.vectors), 'vec4<f32>'),
    ...(operands.shiftState === undefined || taps < 2
      ? []
      : [reads('shiftState', slice.of(input(operands.shiftState), 4 * batch * (taps - 1)))]),
    ...(operands.state === undefined ? [] : [reads('state', slice.of(input(operands.state), 8 * batch * states))]),
    writes('y', slice.of(output(0), 4 * batch * length), element),
    ...(wantsEnd ? [writes('endState', slice.of(output(operands.endState), 8 * batch * states))] : []),
  ];
  const has = { mixer, wantsEnd, state: operands.state !== undefined, shiftState: operands.shiftState !== undefined };
  return {
    label: mixer ? 'H3 mixer in chunks' : 'diagonal model in chunks',
    bindings,
    code: chunkShader(layout, has, slice.count * parts),
    workgroups: gridOf(slice.count * parts),
  };
}

interface Has {
  readonly mixer: boolean;
  readonly state: boolean;
  readonly shiftState: boolean;
  readonly wantsEnd: boolean;
}

const each = (count: number, text: (i: number) => string, separator = '\n      '): string =>
  Array.from({ length: count }, (_, i) => text(i)).join(separator);

function chunkShader(layout: Layout, has: Has, workgroups: number): string {
  const { sizes, table, tiles, block, rowGroups, parts } = layout;
  const { batch, states, length } = sizes;
  const { chunk } = tiles;
  const vectors = chunk / 4;
  const carried = tiles.count > 1;
  return `${declarations(layout, has)}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let number = ${workgroupNumber};
  if (number >= ${workgroups}u) { return; }
  let channel = number / ${parts}u;
  let entries = channel * ${table.vectors}u;
  let ownRow = thread / ${tiles.chunks}u;
  let ownChunk = thread % ${tiles.chunks}u;
  // Where this thread's chunk starts in the buffer; threads without a chunk of their own repeat one and keep nothing.
  let own = min(ownRow, ${tiles.rows - 1}u) * ${tiles.rowVectors}u + ${tiles.halo / 4}u + ownChunk * ${vectors}u;
  for (var i = thread; i < ${vectors}u; i += ${threads}u) { kernel[i] = table[entries + ${table.kernel}u + i]; }${
    has.mixer
      ? `\n  for (var i = thread; i < ${tiles.halo / 4 + 1}u; i += ${threads}u) { shift[i] = table[entries + ${table.shift}u + i]; }`
      : ''
  }
  for (var group = number % ${parts}u; group < ${rowGroups}u; group += ${parts}u) {
    let firstRow = channel * ${batch}u + group * ${tiles.rows}u;
    let rowCount = min(${tiles.rows}u, ${batch}u - group * ${tiles.rows}u);
    let holds = ownRow < rowCount;${carried ? carryStart(states, has) : ''}
    for (var tile = 0u; tile < ${tiles.count}u; tile++) {
    ${has.mixer ? gatedInput(tiles) : plainInput(tiles)}
    // The convolution within the chunk.
    ${each(vectors, (i) => `var y${i} = vec4<f32>(0.0);`, ' ')}
    {
      ${each(vectors, (d) => `let k${d} = kernel[${d}];`, ' ')}
      ${each(vectors, (d) => each(vectors - d, (j) => (d === 0 ? addTriangle(`y${j}`, 'k0', `u${j}`) : addSquare(`y${j + d}`, `k${d - 1}`, `k${d}`, `u${j}`))))}
    }
    for (var base = 0u; base < ${states}u; base += ${block}u) {
      let count = min(${block}u, ${states}u - base);
      workgroupBarrier();
      for (var i = thread; i < count * 8u; i += ${threads}u) { powers[i] = table[entries + base * 8u + i]; }
      for (var i = thread; i < count * 2u; i += ${threads}u) { coefficients[i] = table[entries + ${table.coefficients}u + base * 2u + i]; }
      workgroupBarrier();
      ${localStates(layout)}
      workgroupBarrier();
      ${walk(layout, has, carried)}
      workgroupBarrier();
      ${stateOutputs(layout)}${has.wantsEnd && length % chunk !== 0 ? partialEnd(layout) : ''}
    }
    workgroupBarrier();
    if (holds) { ${each(vectors, (i) => `line[spread(own + ${i}u)] = y${i};`, ' ')} }
    workgroupBarrier();
    ${unstageRows(tiles, length, 'y', 'line', has.mixer ? 'q' : undefined)}
    workgroupBarrier();
    }
  }
}`;
}

function declarations({ sizes, tiles, block }: Layout, has: Has): string {
  const { length, taps, states } = sizes;
  const vectors = tiles.chunk / 4;
  const shifted = has.shiftState && taps > 1;
  const before = `fn before(row: u32, t: i32) -> f32 {
  let at = t + ${taps - 1};
  if (at < 0) { return 0.0; }
  return shiftState[row * ${taps - 1}u + u32(at)];
}`;
  const loads = has.mixer
    ? [
        ...(shifted ? [before] : []),
        loadFunction('q', length),
        loadFunction('k', length, shifted ? 'before' : undefined),
        loadFunction('v', length),
      ]
    : [loadFunction('u', length)];
  return [
    spreadFunction,
    ...loads,
    storeFunction('y', length),
    `var<workgroup> line: array<vec4<f32>, ${tiles.lineVectors}>;
var<workgroup> kernel: array<vec4<f32>, ${vectors}>;${has.mixer ? `\nvar<workgroup> shift: array<vec4<f32>, ${tiles.halo / 4 + 1}>;` : ''}
var<workgroup> powers: array<vec4<f32>, ${8 * block}>;
var<workgroup> coefficients: array<vec4<f32>, ${2 * block}>;
var<workgroup> sums: array<vec2<f32>, ${(threads + 1) * (block + 1)}>;${tiles.count > 1 ? `\nvar<workgroup> carry: array<vec2<f32>, ${states}>;` : ''}
fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}`,
  ].join('\n');
}

/** The state in operand `state`, or zero. */
const givenState = (row: string, n: string, states: number, has: Has): string =>
  has.state
    ? `vec2<f32>(state[${row} * ${2 * states}u + ${n}], state[${row} * ${2 * states}u + ${states}u + ${n}])`
    : 'vec2<f32>(0.0)';

function carryStart(states: number, has: Has): string {
  return `
    workgroupBarrier();
    for (var n = thread; n < ${states}u; n += ${threads}u) { carry[n] = ${givenState('firstRow', 'n', states, has)}; }`;
}

function plainInput(tiles: Tiles): string {
  const vectors = tiles.chunk / 4;
  return `${stageRows(tiles, false, 'u', 'line')}
    workgroupBarrier();
    ${each(vectors, (i) => `let u${i} = line[spread(own + ${i}u)];`, ' ')}`;
}

/** u = v ⊙ shift(k): the taps pass over the window vector by vector, the window moving through registers. */
function gatedInput(tiles: Tiles): string {
  const vectors = tiles.chunk / 4;
  const shiftBy = (count: number): string => `${each(count, (i) => `w${count - i} = w${count - i - 1};`, ' ')}`;
  return `${stageRows(tiles, true, 'k', 'line')}
    workgroupBarrier();
    ${each(vectors, (i) => `var u${i} = vec4<f32>(0.0); var w${i} = line[spread(own + ${i}u)];`)}
    {
      var high = shift[0];
      ${each(vectors, (i) => addTriangle(`u${i}`, 'high', `w${i}`))}
      for (var d = 1u; d < ${tiles.halo / 4 + 1}u; d++) {
      let low = high;
      high = shift[d];
      ${shiftBy(vectors - 1)}
      w0 = line[spread(own - d)];
      ${each(vectors, (i) => addSquare(`u${i}`, 'low', 'high', `w${i}`))}
      }
    }
    workgroupBarrier();
    ${stageRows(tiles, false, 'v', 'line')}
    workgroupBarrier();
    ${each(vectors, (i) => `u${i} *= line[spread(own + ${i}u)];`)}`;
}

/** How many groups of at most 16 steps a chunk has, and the vectors of each. */
function partsOf(chunk: number): readonly [number, number] {
  return [Math.ceil(chunk / powerCount), Math.min(chunk, powerCount) / 4];
}

const lanes = ['x', 'y', 'z', 'w'];
/** Step i of the chunk in the registers `name`. */
const step = (name: string, i: number): string => `${name}${Math.floor(i / 4)}.${lanes[i % 4]}`;

/** Σ_j λ^{T−1−j} u_j for each state of the block, 16 steps after 16 with the same powers. */
function localStates({ tiles, block }: Layout): string {
  const [parts, size] = partsOf(tiles.chunk);
  const dots = (part: number, m: number): string => {
    const u = `u${part * size + size - 1 - m}`;
    return `a${part} += vec2<f32>(dot(re, ${u}), dot(im, ${u}));`;
  };
  const powers = (m: number): string =>
    `let re = powers[n * 8u + ${m}u].wzyx; let im = powers[n * 8u + ${4 + m}u].wzyx;`;
  return `if (holds) {
        for (var n = 0u; n < count; n++) {
        ${each(parts, (part) => `var a${part} = vec2<f32>(0.0);`, ' ')}
        ${each(size, (m) => `{ ${powers(m)} ${each(parts, (part) => dots(part, m), ' ')} }`, '\n        ')}
        ${each(parts - 1, (part) => `a${part + 1} += times(coefficients[2u * n + 1u].xy, a${part});`, '\n        ')}
        sums[thread * ${block + 1}u + n] = a${parts - 1};
        }
      }`;
}

/** From the sums of chunks to the states at their starts, one thread a state. */
function walk({ sizes, tiles, block }: Layout, has: Has, carried: boolean): string {
  const { states, length } = sizes;
  const { chunk } = tiles;
  const whole = length % chunk === 0;
  const end = `endState[(firstRow + r) * ${2 * states}u + base + n] = x.x;
        endState[(firstRow + r) * ${2 * states}u + ${states}u + base + n] = x.y;`;
  const last = carried ? `if (tile == ${tiles.count - 1}u) { ${end} }` : end;
  // Chunks of the last tile that lie behind the row: its end state is that before them.
  const chunksOfLast = Math.ceil(length / chunk) - (tiles.count - 1) * tiles.chunks;
  const bound =
    chunksOfLast === tiles.chunks
      ? `${tiles.chunks}u`
      : `select(${tiles.chunks}u, ${chunksOfLast}u, tile == ${tiles.count - 1}u)`;
  return `for (var i = thread; i < count * rowCount; i += ${threads}u) {
        let n = i % count;
        let r = i / count;
        let whole = coefficients[2u * n].zw;
        var x = ${carried ? 'carry[base + n]' : givenState('(firstRow + r)', '(base + n)', states, has)};
        var at = r * ${tiles.chunks * (block + 1)}u + n;
        var sum = sums[at];
        for (var g = 0u; g < ${bound}; g++) {
          // Read ahead: the store below would hold up a load that follows it.
          let next = sums[at + ${block + 1}u];
          sums[at] = x;
          x = times(whole, x) + sum;
          sum = next;
          at += ${block + 1}u;
        }${carried ? '\n        carry[base + n] = x;' : ''}${has.wantsEnd && whole ? `\n        ${last}` : ''}
      }`;
}

/** y_i += Re(λⁱ · 2cλ x), 16 steps after 16 with the same powers. */
function stateOutputs({ tiles, block }: Layout): string {
  const [parts, size] = partsOf(tiles.chunk);
  const next = (part: number): string =>
    part === 0
      ? `let a0 = times(coefficients[2u * n].xy, sums[thread * ${block + 1}u + n]);`
      : `let a${part} = times(coefficients[2u * n + 1u].xy, a${part - 1});`;
  return `for (var n = 0u; n < count; n++) {
      ${each(parts, next)}
      ${each(size, (m) => `{ let re = powers[n * 8u + ${m}u]; let im = powers[n * 8u + ${4 + m}u]; ${each(parts, (part) => `y${part * size + m} += re * a${part}.x - im * a${part}.y;`, ' ')} }`)}
      }`;
}

/** The end state of rows whose last chunk is not whole: its thread takes the last steps one by one. */
function partialEnd({ sizes, tiles, block }: Layout): string {
  const { states, length } = sizes;
  const { chunk } = tiles;
  const last = Math.ceil(length / chunk) - 1;
  return `
      if (holds && tile == ${tiles.count - 1}u && ownChunk == ${last % tiles.chunks}u) {
        for (var n = 0u; n < count; n++) {
          let pole = vec2<f32>(powers[n * 8u].y, powers[n * 8u + 4u].y);
          var x = sums[thread * ${block + 1}u + n];
          ${each(length % chunk, (i) => `x = times(pole, x) + vec2<f32>(${step('u', i)}, 0.0);`, '\n          ')}
          let at = (firstRow + ownRow) * ${2 * states}u + base + n;
          endState[at] = x.x;
          endState[at + ${states}u] = x.y;
        }
      }`;
}
