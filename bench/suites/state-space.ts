// The diagonal state-space model and the fused H3 mixer on WebAssembly, one thread: nanoseconds a step and channel in every form,
// forward and backward, at 1 to 262,144 steps with 4 and 32 states. Checks the first channel of every kernel against float64
// before it is timed. The constants of the cost model (backends/wasm/diagonal-ssm-cost.ts) are fitted to these figures; beside them
// stands what the model predicts and which form it takes.
import type * as Costs from '../../packages/hippo/dist/backends/wasm/diagonal-ssm-cost.js';
import type { KernelCalls } from '../../packages/hippo/dist/backends/wasm/kernels/call.js';
import type * as Diagonal from '../../packages/hippo/dist/backends/wasm/kernels/diagonal-ssm.js';
import type * as Mixer from '../../packages/hippo/dist/backends/wasm/kernels/h3-mixer.js';
import type * as DiagonalOperation from '../../packages/hippo/dist/ops/diagonal-ssm.js';
import type * as MixerOperation from '../../packages/hippo/dist/ops/h3-mixer.js';
import type * as MixerGradient from '../../packages/hippo/dist/ops/h3-mixer-gradient.js';
import type { SuiteContext, SuiteOutcome, Table } from '../harness/suite.ts';
import {
  type Engine,
  load,
  noise,
  openEngine,
  type Prepared,
  prepare,
  relativeError,
  timeInTurns,
} from './kernel-timing.ts';

const forms = ['scan', 'chunked', 'convolution'] as const;
const gradientForms = ['chunked', 'convolution'] as const;
const lengths = [1, 16, 64, 256, 1024, 4096, 16384, 65536, 262144];
const taps = 64;

const modules = {
  costs: await load<typeof Costs>('backends/wasm/diagonal-ssm-cost.js'),
  diagonal: await load<typeof Diagonal>('backends/wasm/kernels/diagonal-ssm.js'),
  mixer: await load<typeof Mixer>('backends/wasm/kernels/h3-mixer.js'),
  diagonalOperation: await load<typeof DiagonalOperation>('ops/diagonal-ssm.js'),
  mixerOperation: await load<typeof MixerOperation>('ops/h3-mixer.js'),
  mixerGradient: await load<typeof MixerGradient>('ops/h3-mixer-gradient.js'),
};

interface Sizes {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
  readonly states: number;
}

type Shapes = readonly (readonly number[])[];
type Definition = (
  first: readonly { readonly shape: readonly number[]; readonly data: Float64Array }[],
) => readonly ArrayLike<number>[];

/** A kernel in its forms, the inputs of all of them and how to check one channel. */
interface Family {
  readonly name: string;
  readonly calls: Readonly<Record<string, KernelCalls>>;
  readonly inputs: readonly Float32Array[];
  readonly shapes: Shapes;
  readonly outputs: Shapes;
  /** How inputs fill the kernel's slots. */
  readonly slots: readonly (number | undefined)[];
  readonly definition: Definition;
}

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The four parameters: poles of time constants from 20 to 1,000 steps, as H3's at its initial values. */
function parameters({ channels, states }: Sizes): readonly Float32Array[] {
  const total = channels * states;
  const c = 1 / Math.sqrt(states);
  return [
    noise(total, 1, [-0.05, -0.001]),
    noise(total, 2, [0, 3]),
    noise(total, 3, [-c, c]),
    noise(total, 4, [-c, c]),
  ];
}

function families(sizes: Sizes): readonly Family[] {
  const { channels, batch, length, states } = sizes;
  const row = [channels, batch, length];
  const pole = [channels, states];
  const model = [pole, pole, pole, pole, [channels]];
  const rows = Array.from({ length: 4 }, (_, i) => noise(count(row), 10 + i));
  const [dy, q, k, v] = rows as [Float32Array, Float32Array, Float32Array, Float32Array]; // four were made
  const diagonal = [...parameters(sizes), noise(channels, 5)];
  const mixed = [q, k, v, noise(channels * taps, 6, [-0.125, 0.125]), noise(channels, 7), ...diagonal];
  const mixedShapes = [row, row, row, [channels, taps], [channels], ...model];
  const each = <F extends string>(list: readonly F[], make: (form: F) => KernelCalls) =>
    Object.fromEntries(list.map((form) => [form, make(form)]));
  const { diagonalSsmCalls, diagonalSsmGradientCalls } = modules.diagonal;
  const { diagonalSsmOperation, diagonalSsmGradientOperation } = modules.diagonalOperation;
  const { h3MixerCalls, h3MixerGradientCalls } = modules.mixer;
  const scan = { form: 'scan', skip: true, state: false } as const;
  return [
    {
      name: 'diagonalSsm',
      calls: each(forms, (form) => diagonalSsmCalls({ ...sizes, form })),
      inputs: [q, ...diagonal],
      shapes: [row, ...model],
      outputs: [row],
      slots: [0, 1, 2, 3, 4, 5],
      definition: (first) => diagonalSsmOperation.reference?.(first, scan, []) ?? [],
    },
    {
      name: 'diagonalSsmGradient',
      calls: each(gradientForms, (form) => diagonalSsmGradientCalls({ ...sizes, form })),
      inputs: [dy, q, ...diagonal],
      shapes: [row, row, ...model],
      outputs: [row, ...model],
      slots: [0, undefined, 1, 2, 3, 4, 5, 6],
      definition: (first) => diagonalSsmGradientOperation.reference?.(first, { ...scan, endGradient: false }, []) ?? [],
    },
    {
      name: 'h3Mixer',
      calls: each(forms, (form) => h3MixerCalls({ ...sizes, taps, form })),
      inputs: mixed,
      shapes: mixedShapes,
      outputs: [row],
      slots: [...mixed.keys()],
      definition: (first) => modules.mixerOperation.h3MixerOperation.reference?.(first, scan, []) ?? [],
    },
    {
      name: 'h3MixerGradient',
      calls: each(gradientForms, (form) => h3MixerGradientCalls({ ...sizes, taps, form })),
      inputs: [dy, ...mixed],
      shapes: [row, ...mixedShapes],
      outputs: mixedShapes,
      slots: [0, undefined, undefined, ...mixed.map((_, i) => i + 1)],
      definition: (first) =>
        modules.mixerGradient.h3MixerGradientOperation.reference?.(
          first,
          { form: 'scan', state: false, endGradients: false },
          [],
        ) ?? [],
    },
  ];
}

/** Runs each form once and compares its first channel with the definition. */
function check(family: Family, kernels: Readonly<Record<string, Prepared>>, channels: number): number {
  const first = family.inputs.map((data, i) => {
    const shape = [1, ...(family.shapes[i] ?? []).slice(1)];
    return { shape, data: Float64Array.from(data.subarray(0, count(shape))) };
  });
  const want = family.definition(first);
  let worst = 0;
  for (const [form, kernel] of Object.entries(kernels)) {
    kernel.run();
    for (const [i, shape] of family.outputs.entries()) {
      const error = relativeError(kernel.output(i).subarray(0, count(shape) / channels), want[i] ?? []);
      if (!(error < 2e-4)) throw new Error(`${family.name} ${form}, output ${i} of ${shape}: relative error ${error}`);
      worst = Math.max(worst, error);
    }
  }
  return worst;
}

interface Figure extends Sizes {
  readonly kernel: string;
  /** Largest error of any form's result against float64, relative to its largest magnitude. */
  readonly error: number;
  /** Nanoseconds a step and channel. */
  readonly nanoseconds: Readonly<Record<string, number>>;
  /** The form that the cost model takes, and its sentence. */
  readonly chosen: string;
  readonly reason: string;
}

function measure(engine: Engine, sizes: Sizes, rounds: number): readonly Figure[] {
  const perStep = (seconds: number): number =>
    Number(((seconds * 1e9) / (sizes.channels * sizes.batch * sizes.length)).toFixed(2));
  return families(sizes).map((family): Figure => {
    const kernels = Object.fromEntries(
      Object.entries(family.calls).map(([form, calls]) => [
        form,
        prepare(
          engine,
          calls,
          family.slots.map((slot) => (slot === undefined ? undefined : family.inputs[slot])),
          family.outputs.map(count),
        ),
      ]),
    );
    const error = check(family, kernels, sizes.channels);
    const times = timeInTurns(Object.values(kernels), rounds);
    const nanoseconds = Object.fromEntries(
      Object.keys(kernels).map((form, i) => [form, perStep(times[i]?.best ?? Number.NaN)]),
    );
    for (const kernel of Object.values(kernels)) kernel.release();
    const backward = family.name.endsWith('Gradient');
    const { chooseForm, chooseGradientForm } = modules.costs;
    const { form: chosen, reason } = (backward ? chooseGradientForm : chooseForm)(sizes, 'auto', false);
    return { kernel: family.name, ...sizes, error, nanoseconds, chosen, reason };
  });
}

/** The mixer's cost a step and channel by length in the form the plan takes, and the ratio of the largest to the smallest from 1,024 on. */
function flatness(figures: readonly Figure[], states: number, batch: number) {
  const of = (kernel: string, length: number): number => {
    const figure = figures.find(
      (f) => f.kernel === kernel && f.length === length && f.states === states && f.batch === batch,
    );
    return figure?.nanoseconds[figure.chosen] ?? Number.NaN;
  };
  const long = lengths.filter((length) => length >= 1024);
  const forward = long.map((length) => of('h3Mixer', length));
  const both = long.map((length, i) => Number(((forward[i] ?? 0) + of('h3MixerGradient', length)).toFixed(2)));
  const ratio = (list: readonly number[]): number => Number((Math.max(...list) / Math.min(...list)).toFixed(2));
  return {
    states,
    batch,
    lengths: long,
    forward,
    forwardAndBackward: both,
    forwardRatio: ratio(forward),
    forwardAndBackwardRatio: ratio(both),
  };
}

/** One thread, whatever the context asks for: figures are those of a core. */
export async function run({ rounds, log }: SuiteContext): Promise<SuiteOutcome> {
  const engine = await openEngine();
  const figures: Figure[] = [];
  for (const states of [4, 32]) {
    for (const batch of [1, 4]) {
      for (const length of lengths) {
        const channels = Math.max(8, Math.min(256, Math.floor(2 ** 17 / (batch * length))));
        const turns = length > 16384 ? Math.min(5, rounds) : rounds;
        for (const figure of measure(engine, { channels, batch, length, states }, turns)) {
          figures.push(figure);
          log(`  ${figure.kernel} ${length} steps × ${batch}, ${states} states → ${figure.chosen} (${figure.reason})`);
        }
      }
    }
  }
  await engine.dispose();
  const summaries = [4, 32].flatMap((states) => [1, 4].map((batch) => flatness(figures, states, batch)));
  return { tables: [flatTable(summaries), formTable(figures)] };
}

function flatTable(summaries: readonly ReturnType<typeof flatness>[]): Table {
  const long = lengths.filter((length) => length >= 1024);
  return {
    caption:
      'The fused H3 mixer in the form that the plan takes, nanoseconds a step and channel by length (forward / forward and backward), and the largest over the smallest.',
    head: ['states, batch', ...long.map(String), 'ratio'],
    rows: summaries.map(({ states, batch, forward, forwardAndBackward, forwardRatio, forwardAndBackwardRatio }) => [
      `${states}, ${batch}`,
      ...forward.map((ns, i) => `${ns} / ${forwardAndBackward[i]}`),
      `${forwardRatio} / ${forwardAndBackwardRatio}`,
    ]),
  };
}

function formTable(figures: readonly Figure[]): Table {
  return {
    caption:
      'Every form, nanoseconds of processor time a step and channel, least of the turns; the form that the cost model takes; largest error of any form.',
    head: ['kernel', 'states', 'batch', 'steps', ...forms, 'takes', 'error'],
    rows: figures.map(({ kernel, states, batch, length, nanoseconds, chosen, error }) => [
      kernel,
      states,
      batch,
      length,
      ...forms.map((form) => nanoseconds[form] ?? '–'),
      chosen,
      error.toExponential(0),
    ]),
  };
}
