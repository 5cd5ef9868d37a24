// What the chunk form of the diagonal state-space model needs of a channel's parameters, made once for all its rows: powers of the
// poles, output coefficients, and the first taps of the kernel k_l = 2 Re Σ_n c_n λ_nˡ (the skip term is part of k_0). For the H3
// mixer the taps of the shift too (its skip term is part of tap 0). It lies in the workspace, channel by channel, as vec4. Every power is
// made by one thread and shared; a thread a tap that made its own powers of all states had to make 32 one after another.
import type { ChannelSlice } from './channel-slices.ts';
import { type Binding, type Dispatch, input, reads, workspace, writes } from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { polePowers } from './pole-powers.ts';

/** Powers λ⁰ … λ¹⁵ that the table has of every pole. */
export const powerCount = 16;

/** Where the parts of a channel's table start, counted in vec4. */
export interface SsmTable {
  readonly states: number;
  /** Steps of a chunk. */
  readonly chunk: number;
  /** Taps of the shift; 0: no shift. */
  readonly taps: number;
  /** Real parts of λ_n^{4m} … λ_n^{4m+3} at n·8 + m, imaginary parts at n·8 + 4 + m. */
  readonly powers: number;
  /** `(2cλ, λ^chunk)` of state n at 2n, `(λ¹⁶, 2c)` at 2n + 1. */
  readonly coefficients: number;
  /** k_0 … k_{chunk−1}. */
  readonly kernel: number;
  readonly shift: number;
  /** Vectors of a channel. */
  readonly vectors: number;
}

export function ssmTable(states: number, chunk: number, taps: number): SsmTable {
  const coefficients = (states * powerCount) / 2;
  const kernel = coefficients + 2 * states;
  const shift = kernel + chunk / 4;
  const end = shift + (taps === 0 ? 0 : haloOf(taps) / 4 + 1);
  return {
    ...{ states, chunk, taps, powers: 0, coefficients, kernel, shift },
    vectors: Math.ceil(end / 16) * 16,
  };
}

/** Steps before a tile that a filter of so many taps reads, in whole vectors. */
export const haloOf = (taps: number): number => Math.ceil(Math.max(0, taps - 1) / 4) * 4;

/** Operands of the table: indices of the node's inputs. */
export interface SsmOperands {
  /** The first of logPoleRe, logPoleIm, cRe, cIm. */
  readonly poles: number;
  readonly skip: number | undefined;
  /** The taps of the shift, followed by its skip term. */
  readonly taps: number | undefined;
}

const threads = 128;

/** States whose powers fit workgroup memory (9 KiB); powers of more are read back from the table. */
export const mostShared = 64;

/** Fills the table at the start of the workspace, one workgroup a channel. */
export function ssmTableDispatch(table: SsmTable, operands: SsmOperands, slice: ChannelSlice): Dispatch {
  const { states, chunk, taps } = table;
  const poles = ['logRe', 'logIm', 'cRe', 'cIm'];
  const { skip, taps: shift } = operands;
  const bindings: Binding[] = [
    ...poles.map((name, i) => reads(name, slice.of(input(operands.poles + i), 4 * states))),
    ...(skip === undefined ? [] : [reads('skip', slice.of(input(skip), 4))]),
    ...(shift === undefined
      ? []
      : [reads('taps', slice.of(input(shift), 4 * taps)), reads('shiftSkip', slice.of(input(shift + 1), 4))]),
    writes('table', slice.of(tableMemory(table, slice.count), 16 * table.vectors)),
  ];
  const shiftLines = `
  for (var j = thread; j < ${haloOf(taps) + 4}u; j += ${threads}u) {
    var tap = 0.0;
    if (j < ${taps}u) { tap = taps[channel * ${taps}u + j]; }
    if (j == 0u) { tap += shiftSkip[${slice.numberOf('channel')}]; }
    table[start + ${4 * table.shift}u + j] = tap;
  }`;
  const shared = states <= mostShared;
  const shares = shared
    ? `var<workgroup> powers: array<vec2<f32>, ${states * powerCount}>;
var<workgroup> jumps: array<vec2<f32>, ${states}>;`
    : '';
  const at = `start + ${2 * powerCount}u * n + l % ${powerCount}u`;
  const jumpAt = `start + ${4 * table.coefficients}u + 8u * n + 4u`;
  const known = shared
    ? { power: `powers[n * ${powerCount}u + l % ${powerCount}u]`, jump: 'jumps[n]' }
    : {
        power: `vec2<f32>(table[${at}], table[${at} + ${powerCount}u])`,
        jump: `vec2<f32>(table[${jumpAt}], table[${jumpAt} + 1u])`,
      };
  const code = `${polePowers}
${shares}
var<workgroup> sums: array<f32, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let channel = ${workgroupNumber};
  if (channel >= ${slice.count}u) { return; }
  let start = channel * ${4 * table.vectors}u;
  let first = channel * ${states}u;
  for (var i = thread; i < ${states * powerCount}u; i += ${threads}u) {
    let n = i / ${powerCount}u;
    let power = polePower(logRe[first + n], logIm[first + n], i % ${powerCount}u);
${shared ? '    powers[i] = power;\n' : ''}    table[start + i + n * ${powerCount}u] = power.x;
    table[start + i + (n + 1u) * ${powerCount}u] = power.y;
  }
  for (var i = thread; i < ${states * 4}u; i += ${threads}u) {
    let n = first + i / 4u;
    let exponents = vec4<u32>(1u, ${chunk}u, ${powerCount}u, 0u);
    var power = polePower(logRe[n], logIm[n], exponents[i % 4u]);
${shared ? '    if (i % 4u == 2u) { jumps[i / 4u] = power; }\n' : ''}    if (i % 4u == 0u || i % 4u == 3u) { power = 2.0 * times(power, vec2<f32>(cRe[n], cIm[n])); }
    table[start + ${4 * table.coefficients}u + 2u * i] = power.x;
    table[start + ${4 * table.coefficients}u + 2u * i + 1u] = power.y;
  }
  ${shared ? 'workgroupBarrier' : 'storageBarrier'}();
  // A thread has some states of a tap; the later taps' powers are products of two, so that no thread makes them anew.
  {
    let l = thread % ${chunk}u;
    var sum = 0.0;
    for (var n = thread / ${chunk}u; n < ${states}u; n += ${threads / chunk}u) {
      var power = ${known.power};
      for (var j = l / ${powerCount}u; j > 0u; j--) { power = times(power, ${known.jump}); }
      sum += cRe[first + n] * power.x - cIm[first + n] * power.y;
    }
    sums[thread] = sum;
  }
  workgroupBarrier();
  for (var l = thread; l < ${chunk}u; l += ${threads}u) {
    var sum = 0.0;
    for (var i = l; i < ${threads}u; i += ${chunk}u) { sum += sums[i]; }
    sum *= 2.0;${skip === undefined ? '' : `\n    if (l == 0u) { sum += skip[${slice.numberOf('channel')}]; }`}
    table[start + ${4 * table.kernel}u + l] = sum;
  }${shift === undefined ? '' : shiftLines}
}`;
  return { label: 'diagonal model: powers and taps', bindings, code, workgroups: gridOf(slice.count) };
}

/** The table of so many channels in the workspace. */
export const tableMemory = (table: SsmTable, channels: number) => workspace(0, 16 * table.vectors * channels);
