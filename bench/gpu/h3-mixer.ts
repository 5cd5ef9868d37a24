// Times the fused H3 mixer and its gradient on WebGPU, checked against the wasm backend at a smaller size first:
//   node bench/dist/gpu/h3-mixer.js [--small] [--rounds=N] [--only=forward|backward] [--choices] [--output=FILE]
// 768 channels, 64 taps, 32 complex states, 65,536 tokens at lengths from 1,024 to 32,768. Prints a table; `--output` takes the JSON. Offline.
// A time is the difference between plans of many and of few mixers in a row, each fed with the one before, over the difference of their
// numbers: what a run costs besides (submission, reading back) drops out, what a mixer costs in a model stays. `--small`: sizes that a
// software adapter manages. `--choices`: instead of the table, one line for each choice of the kernels' parameters at four shapes.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  assign,
  type CompiledFunction,
  compile,
  createStore,
  type Device,
  openDevice,
  ops,
  read,
  type Store,
  stateVariable,
  tensor,
  type Value,
  type Variable,
} from 'hippo';
import type * as Chunks from '../../packages/hippo/dist/backends/webgpu/kernels/diagonal-ssm-chunks.js';
import type * as Walk from '../../packages/hippo/dist/backends/webgpu/kernels/diagonal-ssm-gradient-layout.js';
import type * as Trace from '../../packages/hippo/dist/graph/trace.js';
import type * as Gradient from '../../packages/hippo/dist/ops/h3-mixer-gradient.js';
import { numbers } from '../harness/numbers.ts';
import { load } from '../suites/kernel-timing.ts';

const { values: options } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    choices: { type: 'boolean', default: false },
    output: { type: 'string' },
  },
});

const { applyOperation } = await load<typeof Trace>('graph/trace.js');
const { h3MixerGradientOperation } = await load<typeof Gradient>('ops/h3-mixer-gradient.js');

const taps = 64;
const states = 32;

interface Sizes {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
}

type Direction = 'forward' | 'backward';

/** The mixer's operands as variables, so that nothing is uploaded while the time is taken. */
function operandsOf({ channels, batch, length }: Sizes) {
  const row = [channels, batch, length];
  const shapes = { q: row, k: row, v: row, dy: row, taps: [channels, taps], shiftSkip: [channels] };
  const pole = [channels, states];
  const all = { ...shapes, logPoleRe: pole, logPoleIm: pole, cRe: pole, cIm: pole, skip: [channels] };
  return Object.entries(all).map(([name, shape]) => stateVariable(name, shape));
}

/** The same numbers for all operands of a size: making them takes longer than many runs. */
const made = new Map<number, Float32Array>();
function cachedNumbers(count: number): Float32Array {
  const data = made.get(count) ?? numbers(count, 1);
  if (options.choices) made.set(count, data);
  return data.slice();
}

/** Poles inside the unit circle, everything else small enough that chains of mixers stay finite for a while. */
function fill(store: Store, variables: readonly Variable[]): void {
  store.initialize(variables);
  variables.forEach((variable, seed) => {
    const count = variable.shape.reduce((product, size) => product * size, 1);
    const data = options.choices ? cachedNumbers(count) : numbers(count, seed + 1);
    const scale = variable.name.startsWith('logPole') ? 1 : 0.3;
    for (let i = 0; i < data.length; i++) {
      const x = (data[i] ?? 0) * scale;
      data[i] = variable.name === 'logPoleRe' ? -0.002 - 0.15 * (1 + x) : x;
    }
    store.write(variable, tensor(data, variable.shape));
  });
}

/** `count` mixers, or gradients, one after another. */
function chain(variables: readonly Variable[], direction: Direction, count: number): readonly Value[] {
  const values = new Map(variables.map((variable) => [variable.name, read(variable)] as const));
  const get = (name: string): Value => {
    const value = values.get(name);
    if (!value) throw new Error(`no operand ${name}`);
    return value;
  };
  const parameters = ['taps', 'shiftSkip', 'logPoleRe', 'logPoleIm', 'cRe', 'cIm', 'skip'].map(get);
  const diagonal = {
    ...{ logPoleRe: get('logPoleRe'), logPoleIm: get('logPoleIm'), cRe: get('cRe'), cIm: get('cIm') },
    skip: get('skip'),
  };
  let [q, k, v, dy] = [get('q'), get('k'), get('v'), get('dy')];
  let results: readonly Value[] = [];
  for (let i = 0; i < count; i++) {
    if (direction === 'forward') {
      q = ops.h3Mixer({ q, k, v }, { taps: get('taps'), shiftSkip: get('shiftSkip'), diagonal }).y;
      results = [q];
      continue;
    }
    results = applyOperation(h3MixerGradientOperation, [dy, q, k, v, ...parameters], {
      form: 'auto',
      state: false,
      endGradients: false,
    });
    const [dq = dy, dk = k, dv = v] = results;
    [dy, k, v] = [dq, dk, dv];
  }
  return results;
}

/** The variables of a shape in a store: operands and what the chains leave. */
function prepare(store: Store, sizes: Sizes) {
  const operands = operandsOf(sizes);
  const results = operands.slice(0, 3).map(({ shape }, i) => stateVariable(`result${i}`, shape));
  fill(store, operands);
  store.initialize(results);
  return { operands, results };
}

async function compileChain(
  store: Store,
  { operands, results }: ReturnType<typeof prepare>,
  direction: Direction,
  count: number,
) {
  return await compile(
    () => {
      const values = chain(operands, direction, count);
      results.forEach((variable, i) => {
        const value = values[i];
        if (value) assign(variable, value);
      });
      const [first] = values;
      if (!first) throw new Error('nothing was made');
      return { first: ops.slice(first, [0, 0, 0], [1, 1, 1]) };
    },
    { store },
  );
}

/** Largest difference between the devices, relative to the largest number of a result. */
async function check(gpu: Device, direction: Direction): Promise<number> {
  const sizes = { channels: 3, batch: 2, length: 2500 };
  const all: Float32Array[][] = [];
  await using cpu = await openDevice({ backend: 'wasm', threads: 1 });
  for (const device of [gpu, cpu]) {
    using store = createStore(device);
    const variables = operandsOf(sizes);
    fill(store, variables);
    using run = await compile(
      () => Object.fromEntries(chain(variables, direction, 1).map((value, i) => [`r${i}`, value])),
      { store },
    );
    all.push(Object.values(await run({})).map(({ data }) => Float32Array.from(data)));
  }
  const [got = [], expected = []] = all;
  const errors = expected.map((result, i) => {
    const scale = result.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-30);
    return result.reduce((most, x, at) => Math.max(most, Math.abs(x - (got[i]?.[at] ?? Number.NaN)) || 0), 0) / scale;
  });
  const error = Math.max(...errors);
  const most = direction === 'forward' ? 2e-5 : 5e-5;
  if (!(error <= most)) throw new Error(`${direction}: the devices differ by ${error}; at most ${most} is allowed`);
  return error;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

type Run = CompiledFunction<never, 'first'>;

async function timed(run: Run): Promise<number> {
  const start = performance.now();
  await run({});
  return performance.now() - start;
}

/** Milliseconds that `long` takes longer than `short`: the medians of three groups of interleaved runs, in order of size. */
async function differences(short: Run, long: Run, rounds: number): Promise<readonly number[]> {
  await timed(short);
  await timed(long);
  const medians: number[] = [];
  for (let group = 0; group < 3; group++) {
    const pairs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const few = await timed(short);
      pairs.push((await timed(long)) - few);
    }
    medians.push(median(pairs));
  }
  return medians.sort((a, b) => a - b);
}

interface Row extends Sizes {
  readonly direction: Direction;
  readonly milliseconds: number;
  readonly best: number;
  /** Each operand read and each result written once. */
  readonly gigabytesPerSecond: number;
  /** Of the chunk form. */
  readonly gigaflops: number;
}

async function measure(device: Device, sizes: Sizes, direction: Direction): Promise<Row> {
  const [few, many] = options.small ? [1, 2] : [2, 12];
  using store = createStore(device);
  const variables = prepare(store, sizes);
  using short = await compileChain(store, variables, direction, few);
  using long = await compileChain(store, variables, direction, many);
  const medians = await differences(short, long, Number(options.rounds));
  const milliseconds = median(medians) / (many - few);
  const best = (medians[0] ?? Number.NaN) / (many - few);
  const elements = sizes.channels * sizes.batch * sizes.length;
  const [bytes, operations] =
    direction === 'forward' ? [16, 2 * (taps + 16 + 4 * states)] : [28, 2 * (3 * taps + 32 + 14 * states)];
  return {
    ...sizes,
    direction,
    milliseconds,
    best,
    gigabytesPerSecond: (elements * bytes) / (milliseconds * 1e6),
    gigaflops: (elements * operations) / (milliseconds * 1e6),
  };
}

/** Parameters of the kernels that `--choices` times, the first being their own. */
const choices: Readonly<Record<Direction, readonly Readonly<Record<string, number>>[]>> = {
  forward: [
    { chunk: 32, block: 16 },
    { chunk: 32, block: 8 },
    { chunk: 32, block: 32 },
    { chunk: 16, block: 16 },
    { chunk: 64, block: 16 },
    { chunk: 64, block: 8 },
  ],
  backward: [
    { block: 8, segments: 8 },
    { block: 8, segments: 4 },
    { block: 8, segments: 1 },
    { block: 4, segments: 16 },
    { block: 16, segments: 4 },
  ],
};

async function measureChoices(device: Device, direction: Direction): Promise<void> {
  const parameters = {
    forward: (await load<typeof Chunks>('backends/webgpu/kernels/diagonal-ssm-chunks.js')).parameters,
    backward: (await load<typeof Walk>('backends/webgpu/kernels/diagonal-ssm-gradient-layout.js')).parameters,
  }[direction];
  const shapes = options.small
    ? [[1, 2048] as const]
    : ([[1, 2048] as const, [64, 1024] as const, [16, 4096] as const, [2, 32_768] as const] as const);
  for (const choice of choices[direction]) {
    Object.assign(parameters, choice);
    await check(device, direction);
  }
  for (const [batch, length] of shapes) {
    using store = createStore(device);
    const variables = prepare(store, { channels, batch, length });
    const [few, many] = options.small ? [1, 2] : batch === 1 ? [4, 44] : [1, direction === 'forward' ? 9 : 5];
    for (const choice of choices[direction]) {
      Object.assign(parameters, choice);
      using short = await compileChain(store, variables, direction, few);
      using long = await compileChain(store, variables, direction, many);
      const [best = Number.NaN] = await differences(short, long, options.small ? 1 : 4);
      const names = Object.entries(choice).map(([name, value]) => `${name} ${String(value).padStart(2)}`);
      const shape = `${String(batch).padStart(2)} x ${String(length).padStart(5)}`;
      console.log(`${direction.padEnd(8)}  ${shape}  ${names.join('  ')}  ${(best / (many - few)).toFixed(4)} ms`);
    }
    Object.assign(parameters, choices[direction][0]);
  }
}

await using device = await openDevice({ backend: 'webgpu' });
const directions = (['forward', 'backward'] as const).filter((name) => options.only === '' || options.only === name);
const [channels, tokens] = options.small ? [4, 4096] : [768, 65_536];
const lengths = options.small ? [1024, 4096] : [1024, 2048, 4096, 8192, 16_384, 32_768];
console.log(device.description);
const errors: Partial<Record<Direction, number>> = {};
const rows: Row[] = [];
for (const direction of directions) {
  errors[direction] = await check(device, direction);
  console.log(`${direction}: differs from wasm by ${errors[direction]?.toExponential(1)}`);
  if (options.choices) {
    await measureChoices(device, direction);
    continue;
  }
  console.log('length  batch        ms      best      GB/s   GFLOP/s');
  for (const length of lengths) {
    const row = await measure(device, { channels, batch: tokens / length, length }, direction);
    rows.push(row);
    const cells = [
      row.milliseconds.toFixed(3),
      row.best.toFixed(3),
      row.gigabytesPerSecond.toFixed(0),
      row.gigaflops.toFixed(0),
    ];
    console.log(
      [String(length).padStart(6), String(row.batch).padStart(6), ...cells.map((cell) => cell.padStart(9))].join(' '),
    );
  }
}
if (options.output)
  writeFileSync(options.output, `${JSON.stringify({ device: device.description, errors, rows }, null, 2)}\n`);
