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
  type SsmSizes,
  ssmSizes,
} from '../../../ops/diagonal-ssm.ts';
import type { DeviceTraits } from '../traits.ts';
import { type ChannelSlice, channelSlices } from './channel-slices.ts';
import type { Chooser } from './chooser.ts';
import { powerCount, type SsmTable, ssmTable, ssmTableDispatch } from './diagonal-ssm-table.ts';
import {
  alignRange,
  type Dispatch,
  input,
  type KernelChoice,
  type Memory,
  output,
  reads,
  workspace,
  writes,
} from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import {
  addSquareAhead,
  addTriangleAhead,
  loadFunction,
  rowElement,
  spreadFunction,
  stageRows,
  storeFunction,
  type Tiles,
  tilesOf,
  unstageRows,
} from './sequence-tiles.ts';

/** To be chosen by measurement. */
export const parameters = {
  /** States whose sums are in workgroup memory at once, and segments of a tile that a state's walk is shared by. */
  block: 8,
  segments: 8,
  /** Workgroups that keep a large device busy. */
  enoughWorkgroups: 2048,
};
const threads = 64;
const chunk = powerCount;
const vectors = chunk / 4;

interface Layout {
  readonly sizes: SsmSizes;
  readonly table: SsmTable;
  readonly tiles: Tiles;
  /** States whose sums are in workgroup memory at once. */
  readonly block: number;
  readonly rowGroups: number;
  readonly parts: number;
  /** Bytes of a channel in each part of the workspace, which lie in this order. */
  readonly bytes: { readonly table: number; readonly given: number; readonly starts: number; readonly sums: number };
}

function layoutOf(sizes: SsmSizes, { maxWorkgroupBytes }: DeviceTraits): Layout | undefined {
  const { channels, batch, states } = sizes;
  const tiles = tilesOf(sizes, { threads, chunk, halo: 0, mostBytes: maxWorkgroupBytes * 0.3 });
  const left = maxWorkgroupBytes - 32 * tiles.lineVectors - 24 * states - 16 * vectors - 40 * threads;
  const block = Math.min(states, parameters.block, Math.floor(left / (32 * threads + 160)));
  if (block < 1) return undefined;
  const rowGroups = Math.ceil(batch / tiles.rows);
  const groupsEach = Math.max(1, Math.floor((rowGroups * channels) / parameters.enoughWorkgroups));
  const parts = Math.ceil(rowGroups / groupsEach);
  const table = ssmTable(states, chunk, 0);
  const bytes = {
    table: 16 * table.vectors,
    given: alignRange(16 * batch * states),
    starts: tiles.count > 1 ? alignRange(8 * batch * tiles.count * states) : 0,
    sums: alignRange(16 * parts * (states + vectors)),
  };
  return { sizes, table, tiles, block, rowGroups, parts, bytes };
}

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
  const perChannel = [4 * batch * length, 8 * batch * states, 4 * states, 4, ...Object.values(bytes)];
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

const each = (count: number, text: (i: number) => string, separator = '\n      '): string =>
  Array.from({ length: count }, (_, i) => text(i)).join(separator);

const stage = (tiles: Tiles, name: string): string => stageRows(tiles, false, name, `${name}Line`);

/** WGSL: the next block of states' powers and coefficients into workgroup memory. */
const loadPowers = ({ table }: Layout): string => `workgroupBarrier();
      for (var i = thread; i < count * 8u; i += ${threads}u) { powers[i] = table[entries + base * 8u + i]; }
      for (var i = thread; i < count * 2u; i += ${threads}u) { coefficients[i] = table[entries + ${table.coefficients}u + base * 2u + i]; }
      workgroupBarrier();`;

function walkShader(layout: Layout, hasEnd: boolean, workgroups: number): string {
  const { sizes, table, tiles, block, rowGroups, parts, bytes } = layout;
  const { batch, states, length } = sizes;
  const perPart = states + vectors;
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
  for (var n = thread; n < ${states}u; n += ${threads}u) { gradients[n] = vec4<f32>(0.0); }
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
    ${stage(tiles, 'u')}
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
  for (var n = thread; n < ${states}u; n += ${threads}u) { sums[channel * ${bytes.sums / 16}u + number % ${parts}u * ${perPart}u + n] = gradients[n]; }
}`;
}

function declarations({ sizes, tiles, block }: Layout): string {
  const { length, states } = sizes;
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
// (conj dlogλ, Σ x Σ λ^i dy_i) of every state.
var<workgroup> gradients: array<vec4<f32>, ${states}>;${tiles.count > 1 ? `\nvar<workgroup> carry: array<vec2<f32>, ${states}>;` : ''}
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

/** The states at the starts of all tiles but the first. */
function firstWalk(layout: Layout): string {
  const { sizes, tiles, block } = layout;
  const { states } = sizes;
  const segments = segmentsOf(layout);
  return `for (var tile = 0u; tile < ${tiles.count - 1}u; tile++) {
      workgroupBarrier();
      ${stage(tiles, 'u')}
      workgroupBarrier();
      ${each(vectors, (i) => `let u${i} = uLine[spread(own + ${i}u)];`, ' ')}
      for (var base = 0u; base < ${states}u; base += ${block}u) {
        let count = min(${block}u, ${states}u - base);
        ${loadPowers(layout)}
        for (var n = 0u; n < count; n++) {
          var x = vec2<f32>(0.0);
          ${each(vectors, (m) => `x += vec2<f32>(dot(powers[n * 8u + ${m}u].wzyx, u${vectors - 1 - m}), dot(powers[n * 8u + ${4 + m}u].wzyx, u${vectors - 1 - m}));`)}
          locals[thread * ${2 * block + 1}u + 2u * n] = vec4<f32>(x, 0.0, 0.0);
        }
        workgroupBarrier();
        // Each segment alone, then one thread a state from segment to segment.
        {
          let n = thread % count;
          let segment = thread / count;
          if (segment < ${segments.count}u) {
            let whole = coefficients[2u * n].zw;
            var x = vec2<f32>(0.0); var span = vec2<f32>(1.0, 0.0);
            for (var g = segment * ${segments.chunks}u; g < min(segment * ${segments.chunks}u + ${segments.chunks}u, ${tiles.chunks}u); g++) {
              x = times(whole, x) + locals[g * ${2 * block + 1}u + 2u * n].xy;
              span = times(whole, span);
            }
            ends[thread] = vec4<f32>(x, 0.0, 0.0);
            spans[thread] = span;
          }
        }
        workgroupBarrier();
        if (thread < count) {
          let at = firstGiven + base + thread;
          var x = vec2<f32>(given[at], given[at + ${states}u]);
          if (tile > 0u) { x = starts[firstStart + tile * ${states}u + base + thread]; }
          for (var s = 0u; s < ${segments.count}u; s++) { x = times(spans[s * count + thread], x) + ends[s * count + thread].xy; }
          starts[firstStart + (tile + 1u) * ${states}u + base + thread] = x;
        }
      }
    }
    storageBarrier();`;
}

/** Segments that a row's chunks in a tile are cut into for the walk, and the chunks of each. */
function segmentsOf({ tiles, block }: Layout): { readonly count: number; readonly chunks: number } {
  const wanted = Math.max(1, Math.min(parameters.segments, Math.floor(threads / (block * tiles.rows))));
  const chunks = Math.ceil(tiles.chunks / wanted);
  return { count: Math.ceil(tiles.chunks / chunks), chunks };
}

/** What the pieces of the walk know of the row's last chunk. */
interface End {
  /** Chunks of the row in its last tile, and steps of the last of them. */
  readonly chunks: number;
  readonly rest: number;
  /** WGSL: whether the tile is the last. */
  readonly isLast: string;
}

function endOf({ sizes: { length }, tiles }: Layout): End {
  const chunksOfRow = Math.ceil(length / chunk);
  return {
    chunks: chunksOfRow - (tiles.count - 1) * tiles.chunks,
    rest: length - (chunksOfRow - 1) * chunk,
    isLast: tiles.count > 1 ? `tile == ${tiles.count - 1}u` : 'true',
  };
}

/** WGSL: λ_n^m of the block. */
const powerAt = (m: string): string =>
  `vec2<f32>(powers[n * 8u + ${m} / 4u][${m} % 4u], powers[n * 8u + 4u + ${m} / 4u][${m} % 4u])`;

/**
 * From the sums of chunks to x at their starts, h at their ends and the gradients: a thread has a state of a segment of a row's chunks. With
 * more than one segment their own sums come first, from which each thread makes what enters its segment.
 */
function walk(layout: Layout): string {
  const { sizes, tiles, block } = layout;
  const stride = 2 * block + 1;
  const segments = segmentsOf(layout);
  const carried = tiles.count > 1;
  const { chunks, isLast } = endOf(layout);
  const units = `count * rowCount * ${segments.count}u`;
  const place = `let n = unit % count;
        let segment = unit / count % ${segments.count}u;
        let r = unit / (count * ${segments.count}u);
        let c = coefficients[2u * n].xy;
        let whole = coefficients[2u * n].zw;
        let at = firstGiven + r * ${4 * sizes.states}u + base + n;
        let first = r * ${tiles.chunks * stride}u + 2u * n;
        let chunks = select(${tiles.chunks}u, ${chunks}u, ${isLast});
        let start = segment * ${segments.chunks}u;
        let end = min(start + ${segments.chunks}u, chunks);`;
  const entering = `x = vec2<f32>(given[at], given[at + ${sizes.states}u]);
        ${carried ? `if (tile > 0u) { x = starts[firstStart + tile * ${sizes.states}u + base + n]; }` : ''}
        h = vec2<f32>(given[at + ${2 * sizes.states}u], -given[at + ${3 * sizes.states}u]);
        ${carried ? `if (!(${isLast})) { h = carry[base + n]; }` : ''}`;
  if (segments.count === 1)
    return `for (var unit = thread; unit < ${units}; unit += ${threads}u) {
        ${place}
        var x: vec2<f32>; var h: vec2<f32>;
        ${entering}
        ${walkSegment(layout)}
      }`;
  // What enters the tile is read by all segments before the barrier and replaced by the first one after it.
  return `var x = vec2<f32>(0.0);
      var h = vec2<f32>(0.0);
      let unit = thread;
      {
        ${place}
        if (unit < ${units}) {
        ${entering}
        ${segmentSums(layout)}
        }
      }
      workgroupBarrier();
      if (unit < ${units}) {
        ${place}
        for (var other = unit - segment * count; other < unit; other += count) { x = times(spans[other], x) + ends[other].xy; }
        for (var after = (chunks + ${segments.chunks - 1}u) / ${segments.chunks}u; after > segment + 1u; after--) {
          let other = unit + (after - 1u - segment) * count;
          h = times(spans[other], h) + ends[other].zw;
        }
        ${walkSegment(layout)}
      }`;
}

/** A segment alone: x at its end, h at its start, and the power of λ across it. */
function segmentSums(layout: Layout): string {
  const { rest, chunks, isLast } = endOf(layout);
  const short = rest === chunk ? '' : `if (${isLast} && g + 1u == ${chunks}u) { across = ${powerAt(`${rest}u`)}; }`;
  return `var ownX = vec2<f32>(0.0); var ownH = vec2<f32>(0.0); var span = vec2<f32>(1.0, 0.0);
        for (var g = start; g < end; g++) {
          let local = locals[first + g * ${2 * layout.block + 1}u];
          var across = whole;
          ${short}
          ownX = times(whole, ownX) + local.xy;
          ownH += times(span, times(c, local.zw));
          span = times(across, span);
        }
        ends[unit] = vec4<f32>(ownX, ownH);
        spans[unit] = span;`;
}

/** A segment from what enters it: forwards for x, backwards for h and the gradients, which it leaves in its first chunk's place. */
function walkSegment(layout: Layout): string {
  const { sizes, tiles, block } = layout;
  const { rest, chunks, isLast } = endOf(layout);
  const stride = 2 * block + 1;
  const shortEnd =
    rest === chunk
      ? ''
      : `
              across = ${powerAt(`${rest}u`)};
              steps = ${rest}.0;
              later = vec2<f32>(0.0);
              for (var j = 0u; j < ${rest}u; j++) {
                let m = ${rest - 1}u - j;
                let u = uLine[spread(r * ${tiles.rowVectors}u + ${(chunks - 1) * vectors}u + j / 4u)][j % 4u];
                later += f32(m) * u * ${powerAt('m')};
              }`;
  return `for (var g = start; g < end; g++) {
            let local = locals[first + g * ${stride}u];
            locals[first + g * ${stride}u] = vec4<f32>(x, local.zw);
            x = times(whole, x) + local.xy;
          }
          var total = vec4<f32>(0.0);
          for (var before = end; before > start; before--) {
            let place = first + (before - 1u) * ${stride}u;
            let local = locals[place];
            let weighted = locals[place + 1u];
            var across = whole;
            var steps = ${chunk}.0;
            var later = weighted.xy;
            var passed = h;
            if (${isLast} && before == ${chunks}u) {
              // The row's last chunk ends after ${rest} steps; what its end adds to du comes from lastSteps.
              passed = vec2<f32>(0.0);${shortEnd}
            }
            total += vec4<f32>(times(times(c, local.xy), weighted.zw) + times(h, steps * times(across, local.xy) + later), times(local.xy, local.zw));
            h = times(across, h) + times(c, local.zw);
            locals[place] = vec4<f32>(local.xy, passed);
          }
          locals[first + start * ${stride}u + 1u] = total;
          if (start == 0u) {
            ${tiles.count > 1 ? 'carry[base + n] = h;' : ''}
            ${tiles.count > 1 ? 'if (tile == 0u)' : ''} {
              given[at] = h.x;
              given[at + ${sizes.states}u] = -h.y;
            }
          }`;
}

/** WGSL: adds up the segments' gradients, one thread a state. */
function addSegments(layout: Layout): string {
  const { tiles, block } = layout;
  const segments = segmentsOf(layout);
  const stride = 2 * block + 1;
  return `if (thread < count) {
        var total = gradients[base + thread];
        for (var r = 0u; r < rowCount; r++) {
          for (var s = 0u; s < ${segments.count}u; s++) { total += locals[r * ${tiles.chunks * stride}u + s * ${segments.chunks * stride}u + 2u * thread + 1u]; }
        }
        gradients[base + thread] = total;
      }`;
}

/** What the gradient of the end state adds to du in the row's last chunk: Σ_n Re(h λ^{rest−1−j}). */
function lastSteps({ sizes, tiles }: Layout): string {
  const { states, length } = sizes;
  const chunksOfLast = Math.ceil(length / chunk) - (tiles.count - 1) * tiles.chunks;
  const rest = length - (Math.ceil(length / chunk) - 1) * chunk;
  const lastVectors = Math.ceil(rest / 4);
  const power = (part: number): string => `table[entries + n * 8u + ${4 * part}u + m / 4u][m % 4u]`;
  return `if (tile == ${tiles.count - 1}u) {
      // A thread has whole vectors: a write of one component may touch its neighbours.
      for (var i = thread; i < rowCount * ${lastVectors}u; i += ${threads}u) {
        let r = i / ${lastVectors}u;
        var sum = vec4<f32>(0.0);
        for (var j = i % ${lastVectors}u * 4u; j < min(i % ${lastVectors}u * 4u + 4u, ${rest}u); j++) {
          let m = ${rest - 1}u - j;
          for (var n = 0u; n < ${states}u; n++) {
            let at = firstGiven + r * ${4 * states}u + ${2 * states}u + n;
            sum[j % 4u] += ${power(0)} * given[at] + ${power(1)} * given[at + ${states}u];
          }
        }
        dyLine[spread(r * ${tiles.rowVectors}u + ${(chunksOfLast - 1) * vectors}u + i % ${lastVectors}u)] += sum;
      }
    }
    workgroupBarrier();`;
}

function sumDispatch({ sizes, table, parts, bytes }: Layout, operands: Operands, { slice, places }: Where): Dispatch {
  const { states } = sizes;
  const count = slice.count * states;
  const { dSkip } = operands;
  const outputs = ['dLogPoleRe', 'dLogPoleIm', 'dCRe', 'dCIm'];
  const perPart = states + vectors;
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
    ${dSkip === undefined ? '' : 'if (l == 0u && n == 0u) { dSkip[channel] = dk; }'}
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
