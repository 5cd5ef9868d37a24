// The diagonal state-space model and the H3 mixer by the recurrence, for few steps (a decoder's one above all): a workgroup has one
// row, a thread one or more states of it; x_t = λ x_{t−1} + u_t, y_t = q_t·(2 Re Σ_n c_n x_{n,t} + skip·u_t), u = v ⊙ shift(k).
// Sums over states and over taps go through workgroup memory, 16 steps at a time. Devices that bind too few buffers for
// everything at once take three dispatches: the shift, the recurrence, the skip term and gate.
import type { DeviceTraits } from '../traits.ts';
import type { ChunkOperands, ChunkSizes } from './diagonal-ssm-chunks.ts';
import {
  alignRange,
  type Binding,
  type Dispatch,
  input,
  type KernelChoice,
  output,
  reads,
  workspace,
  writes,
} from './dispatch.ts';
import { gridOf, gridParameters, workgroupNumber } from './grid.ts';
import { polePowers } from './pole-powers.ts';

/** Up to so many steps the recurrence is used. */
export const fewSteps = 128;

const threads = 32;
/** Steps between two sums. */
const group = 16;

export interface ScanOperands extends ChunkOperands {
  /** λ is given in place of its logarithm. */
  readonly givenPoles: boolean;
}

/** The kernel, or undefined where a row does not fit workgroup memory. */
export function scanChoice(sizes: ChunkSizes, operands: ScanOperands, traits: DeviceTraits): KernelChoice | undefined {
  const { channels, batch, length } = sizes;
  if (8 * length + 4 * group * (threads + 1) > traits.maxWorkgroupBytes) return undefined;
  const mixer = operands.rows.length === 3;
  const betweenBytes = alignRange(4 * channels * batch * length);
  const between = workspace(0, betweenBytes);
  return {
    workspaceBytes: mixer ? betweenBytes : 0,
    dispatches: (wanted) => {
      const parts = bindingsOf(operands, sizes, wanted);
      const whole = [...parts.rows, ...parts.shift, ...parts.model, ...parts.skip, ...parts.gate];
      if (whole.length <= traits.maxStorageBuffers)
        return [scanDispatch(sizes, operands, { bindings: whole, shift: true, model: true, finish: true })];
      const u = mixer ? [reads('u', between)] : parts.rows.slice(0, 1);
      const y = parts.rows.slice(-1);
      const only = { shift: false, model: false, finish: false };
      return [
        ...(mixer
          ? [scanDispatch(sizes, operands, { ...only, shift: true, bindings: [...parts.shift, writes('u', between)] })]
          : []),
        scanDispatch(sizes, operands, { ...only, model: true, bindings: [...u, ...parts.model, ...y] }),
        scanDispatch(sizes, operands, { ...only, finish: true, bindings: [...u, ...parts.skip, ...parts.gate, ...y] }),
      ];
    },
  };
}

function bindingsOf(operands: ScanOperands, { taps }: ChunkSizes, wanted: readonly boolean[]) {
  const [first = 0, k = 0, v = 0] = operands.rows;
  const mixer = operands.rows.length === 3;
  const some = (name: string, index: number | undefined): Binding[] =>
    index === undefined ? [] : [reads(name, input(index))];
  const end = taps > 1 ? some('shiftState', operands.shiftState) : [];
  return {
    rows: [...(mixer ? [] : [reads('u', input(first))]), writes('y', output(0))],
    shift: mixer
      ? [
          reads('k', input(k)),
          reads('v', input(v)),
          ...some('taps', operands.shift),
          reads('shiftSkip', input((operands.shift ?? 0) + 1)),
          ...end,
          ...(taps > 1 && wanted[1] ? [writes('shiftEnd', output(1))] : []),
        ]
      : [],
    model: [
      ...['poleRe', 'poleIm', 'cRe', 'cIm'].map((name, i) => reads(name, input(operands.poles + i))),
      ...some('state', operands.state),
      ...(wanted[operands.endState] ? [writes('endState', output(operands.endState))] : []),
    ],
    skip: some('skip', operands.skip),
    gate: mixer ? [reads('q', input(first))] : [],
  };
}

interface Stage {
  readonly bindings: readonly Binding[];
  readonly shift: boolean;
  readonly model: boolean;
  readonly finish: boolean;
}

/** One dispatch that does some of the three stages; `row` holds u from the first, then y. */
function scanDispatch(sizes: ChunkSizes, operands: ScanOperands, stage: Stage): Dispatch {
  const { channels, batch, length } = sizes;
  const bound = new Set(stage.bindings.map(({ name }) => name));
  const mixer = operands.rows.length === 3;
  const { shift, model, finish } = stage;
  const rows = channels * batch;
  const each = (text: string): string => `for (var t = thread; t < ${length}u; t += ${threads}u) { ${text} }`;
  const skip = bound.has('skip') ? ` + skip[channel] * inputs[t]` : '';
  const gate = bound.has('q') ? ' * q[at + t]' : '';
  const code = `${polePowers}
var<workgroup> inputs: array<f32, ${length}>;
var<workgroup> sums: array<f32, ${length}>;
var<workgroup> terms: array<f32, ${group * (threads + 1)}>;
// The sums of ${group} steps' terms over all threads, added to sums[first …].
fn addTerms(thread: u32, first: u32) {
  workgroupBarrier();
  if (thread < ${group}u && first + thread < ${length}u) {
    var sum = 0.0;
    for (var i = 0u; i < ${threads}u; i++) { sum += terms[thread * ${threads + 1}u + i]; }
    sums[first + thread] = sum;
  }
  workgroupBarrier();
}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, ${gridParameters}) {
  let row = ${workgroupNumber};
  if (row >= ${rows}u) { return; }
  let channel = row / ${batch}u;
  let at = row * ${length}u;
  ${shift && mixer ? shiftStage(sizes, bound, each) : each('inputs[t] = u[at + t];')}
  ${shift && !model ? each('u[at + t] = inputs[t];') : ''}
  ${model ? modelStage(sizes, operands, bound) : ''}
  ${model && !finish ? each('y[at + t] = sums[t];') : ''}
  ${finish ? each(`y[at + t] = (${model ? 'sums[t]' : 'y[at + t]'}${skip})${gate};`) : ''}
}`;
  const label = `${mixer ? 'H3 mixer' : 'diagonal model'} step by step`;
  return { label, bindings: stage.bindings, code, workgroups: gridOf(rows) };
}

/** inputs = v ⊙ shift(k), and the shift's state after the last step. */
function shiftStage({ length, taps }: ChunkSizes, bound: ReadonlySet<string>, each: (text: string) => string): string {
  const before = bound.has('shiftState') ? `shiftState[row * ${taps - 1}u + u32(t + ${taps - 1})]` : '0.0';
  const reader = (t: string): string =>
    `let t = ${t}; var x = 0.0; if (t >= 0) { x = k[at + u32(t)]; } else { x = ${before}; }`;
  const end = `for (var i = thread; i < ${taps - 1}u; i += ${threads}u) { ${reader(`i32(i) + ${length - taps + 1}`)} shiftEnd[row * ${taps - 1}u + i] = x; }`;
  return `for (var first = 0u; first < ${length}u; first += ${group}u) {
    for (var s = 0u; s < ${Math.min(group, length)}u; s++) {
      var sum = 0.0;
      for (var j = thread; j < ${taps}u; j += ${threads}u) { ${reader('i32(first + s) - i32(j)')} if (first + s < ${length}u) { sum += taps[channel * ${taps}u + j] * x; } }
      terms[s * ${threads + 1}u + thread] = sum;
    }
    addTerms(thread, first);
  }
  ${each('inputs[t] = v[at + t] * (sums[t] + shiftSkip[channel] * k[at + t]);')}
  ${bound.has('shiftEnd') ? end : ''}`;
}

/** sums = 2 Re Σ c x, and the state after the last step. */
function modelStage({ length, states }: ChunkSizes, { givenPoles }: ScanOperands, bound: ReadonlySet<string>): string {
  const perThread = Array.from({ length: Math.ceil(states / threads) }, (_, i) => i);
  const lines = (text: (i: number) => string): string => perThread.map(text).join('\n  ');
  const start = (i: number): string =>
    bound.has('state')
      ? `vec2<f32>(state[row * ${2 * states}u + n${i}], state[row * ${2 * states}u + ${states}u + n${i}])`
      : 'vec2<f32>(0.0)';
  const pole = (i: number): string =>
    givenPoles ? `vec2<f32>(poleRe[p${i}], poleIm[p${i}])` : `polePower(poleRe[p${i}], poleIm[p${i}], 1u)`;
  return `${lines(
    (i) => `let n${i} = min(thread + ${i * threads}u, ${states - 1}u);
  let p${i} = channel * ${states}u + n${i};
  let pole${i} = ${pole(i)};
  // A thread without a state of its own repeats the last one, and its terms count for nothing.
  let c${i} = select(vec2<f32>(0.0), 2.0 * vec2<f32>(cRe[p${i}], -cIm[p${i}]), thread + ${i * threads}u < ${states}u);
  var x${i} = ${start(i)};`,
  )}
  workgroupBarrier();
  for (var first = 0u; first < ${length}u; first += ${group}u) {
    for (var s = 0u; s < min(${group}u, ${length}u - first); s++) {
      let given = vec2<f32>(inputs[first + s], 0.0);
      var sum = 0.0;
      ${lines((i) => `x${i} = times(pole${i}, x${i}) + given; sum += dot(c${i}, x${i});`)}
      terms[s * ${threads + 1}u + thread] = sum;
    }
    addTerms(thread, first);
  }
  ${bound.has('endState') ? lines((i) => `endState[row * ${2 * states}u + n${i}] = x${i}.x;\n  endState[row * ${2 * states}u + ${states}u + n${i}] = x${i}.y;`) : ''}`;
}
