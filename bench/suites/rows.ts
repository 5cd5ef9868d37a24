// The memory-bound operations of a training step: checks each against float64 first, then reports the bytes that must move a second,
// against a copy of as many bytes in the same round.
// A case below 1/1.5 of the copy says why in `reason`: the time of the same kernel on arrays that fit the first cache, or for matrix
// products the rate of a product alone.
import type { KernelCalls } from '../../packages/hippo/dist/backends/wasm/kernels/call.js';
import type { SuiteContext, SuiteOutcome, Table } from '../harness/suite.ts';
import { copyCalls, groups, head, openEngine, productCalls, type RowCase } from './row-cases.ts';

export interface RowFigure {
  readonly name: string;
  readonly size: string;
  readonly threads: number;
  readonly bytes: number;
  readonly bestMilliseconds: number;
  readonly bestGigabytes: number;
  /** A copy of as many bytes, half of them read and half written. */
  readonly copyGigabytes: number;
  /** Median over rounds of the copy's time over this one's: 1 is what memory allows. */
  readonly fraction: number;
  /** For matrix products: billions of operations a second, and the same of a product alone in the same rounds. */
  readonly gflops?: number;
  readonly productGflops?: number;
  readonly productFraction?: number;
  /** Against float64, relative to the largest magnitude. */
  readonly error: number;
  readonly reason?: string;
}

type Engine = Awaited<ReturnType<typeof openEngine>>;

interface Prepared {
  run(): void;
  dispose(): void;
  readonly error: number;
}

function prepare(engine: Engine, test: RowCase, repeats = 1): Prepared {
  const { inputs, outputs, calls, error: check, tolerance, name } = test;
  const own: number[] = [];
  const allocate = (count: number): number => {
    const address = engine.allocate(Math.max(64, 4 * count));
    own.push(address);
    return address;
  };
  const floats = (address: number, count: number) => new Float32Array(engine.memory.buffer, address, count);
  const given = inputs.map((data) => {
    const address = allocate(data.length);
    // As bits: integers pass through as they are.
    new Int32Array(engine.memory.buffer, address, data.length).set(new Int32Array(data.buffer));
    return address;
  });
  const places = outputs.map((output) =>
    typeof output === 'number'
      ? { address: allocate(output), count: output }
      : { address: given[output.inPlace] ?? 0, count: inputs[output.inPlace]?.length ?? 0 },
  );
  const workspace = allocate(calls.workspaceBytes(engine.threads) / 4);
  const addresses = { inputs: given, outputs: places.map(({ address }) => address), workspace };
  const plan = engine.load(calls.calls(addresses, engine.threads));
  engine.run(plan);
  const error = check(
    inputs,
    places.map(({ address, count }) => floats(address, count)),
  );
  if (!(error <= tolerance)) throw new Error(`${name}: relative error ${error}`);
  const loaded =
    repeats === 1
      ? plan
      : engine.load(Array.from({ length: repeats }, () => calls.calls(addresses, engine.threads)).flat());
  const dispose = (): void => {
    engine.unload(plan);
    if (loaded !== plan) engine.unload(loaded);
    for (const address of own) engine.free(address);
  };
  return { run: () => engine.run(loaded), dispose, error };
}

/** A run with no check, to compare with. */
function yardstick(engine: Engine, calls: KernelCalls, counts: readonly [number[], number]): Prepared {
  const [inputs, output] = counts;
  const given = inputs.map((count) => new Float32Array(count).fill(0.5));
  return prepare(engine, {
    name: 'yardstick',
    size: '',
    inputs: given,
    outputs: [output],
    calls,
    bytes: 0,
    error: () => 0,
    tolerance: 0,
  });
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const median = (values: readonly number[]): number => sorted(values)[values.length >> 1] ?? Number.NaN;
const round = (value: number, digits: number): number => Number(value.toFixed(digits));

function time({ run }: Prepared): number {
  run();
  const start = performance.now();
  run();
  return performance.now() - start;
}

/** Nanoseconds for every four bytes that must move, of a kernel whose arrays are in the first cache, on one thread. */
function cachedNanoseconds(engine: Engine, small: RowCase): number {
  const repeats = 200;
  const prepared = prepare(engine, small, repeats);
  const best = Math.min(...Array.from({ length: 40 }, () => time(prepared)));
  prepared.dispose();
  return (best * 1e6) / repeats / (small.bytes / 4);
}

interface Setting {
  readonly rounds: number;
  readonly cached: number | undefined;
}

async function measure(engine: Engine, test: RowCase, { rounds, cached }: Setting): Promise<RowFigure> {
  const own = prepare(engine, test);
  const half = Math.ceil(test.bytes / 32) * 16;
  const copy = yardstick(engine, await copyCalls(half), [[half / 4], half / 4]);
  const { rows, width, columns } = head;
  const product = test.operations
    ? yardstick(engine, await productCalls(head), [[rows * width, columns * width], rows * columns])
    : undefined;
  const [times, copies, products]: [number[], number[], number[]] = [[], [], []];
  for (let i = 0; i < rounds; i++) {
    times.push(time(own));
    copies.push(time(copy));
    if (product) products.push(time(product));
  }
  for (const prepared of [own, copy, product]) prepared?.dispose();
  const best = Math.min(...times);
  const fraction = round(median(times.map((ms, i) => (copies[i] ?? Number.NaN) / ms)), 2);
  const figure: RowFigure = {
    name: test.name,
    size: test.size,
    threads: engine.threads,
    bytes: test.bytes,
    bestMilliseconds: round(best, 3),
    bestGigabytes: round(test.bytes / best / 1e6, 1),
    copyGigabytes: round((2 * half) / Math.min(...copies) / 1e6, 1),
    fraction,
    error: own.error,
  };
  if (test.operations) return { ...figure, ...productFigures(test.operations, times, products) };
  return fraction * 1.5 < 1 && cached !== undefined ? { ...figure, reason: reasonOf(test, figure, cached) } : figure;
}

/** How near a case made of matrix products comes to a product alone. */
function productFigures(operations: number, times: readonly number[], products: readonly number[]) {
  const one = 2 * head.rows * head.width * head.columns;
  const productFraction = round(
    median(times.map((ms, i) => (operations / one) * ((products[i] ?? Number.NaN) / ms))),
    2,
  );
  const gflops = round(operations / Math.min(...times) / 1e6, 1);
  const productGflops = round(one / Math.min(...products) / 1e6, 1);
  const reason = `three matrix products of vocabulary size, at ${productFraction} of the rate of a product alone in the same rounds`;
  return { gflops, productGflops, productFraction, reason };
}

function reasonOf({ work, bytes }: RowCase, { bestMilliseconds, copyGigabytes, threads }: RowFigure, cached: number) {
  const nanoseconds = (bestMilliseconds * 1e6 * threads) / (bytes / 4);
  const copying = (4 * threads) / copyGigabytes;
  const share = cached / nanoseconds;
  const what =
    share >= 0.75 ? 'bound by instructions' : 'not by instructions alone (memory, or cores shared with others)';
  return `${what}${work ? ` (${work})` : ''}: for every four bytes that must move a core takes ${round(nanoseconds, 2)} ns, with all arrays in the first cache ${round(cached, 2)} ns, to copy them ${round(copying, 2)} ns`;
}

export async function run({ threads, rounds, log }: SuiteContext): Promise<SuiteOutcome> {
  const engines = await Promise.all(threads.map(openEngine));
  const figures: RowFigure[] = [];
  for (const { make, small } of groups) {
    const smaller = (await small?.()) ?? [];
    for (const [i, test] of (await make()).entries()) {
      const same = smaller[i];
      const cached = same && engines[0] ? cachedNanoseconds(engines[0], same) : undefined;
      // The products take seconds a round.
      const setting = { rounds: test.operations ? Math.min(4, rounds) : 2 * rounds, cached };
      for (const engine of engines) {
        const figure = await measure(engine, test, setting);
        log(`  ${figure.name}, ${figure.size}, ${figure.threads} threads: ${figure.fraction} of a copy`);
        figures.push(figure);
      }
    }
  }
  await Promise.all(engines.map((engine) => engine.dispose()));
  return { tables: [tableOf(figures)] };
}

function tableOf(figures: readonly RowFigure[]): Table {
  const rows = figures.map(
    ({ name, size, threads, bestMilliseconds, bestGigabytes, copyGigabytes, fraction, error, ...more }) => [
      `${name}, ${size}${threads > 1 ? ` × ${threads}` : ''}`,
      bestMilliseconds,
      bestGigabytes,
      copyGigabytes,
      fraction,
      error.toExponential(0),
      more.reason ?? '',
    ],
  );
  return {
    caption:
      'Best milliseconds; GB/s of the bytes that must move, and of a copy of as many; share of the copy, median of the rounds; largest error; what else bounds it where the share is below 1/1.5.',
    head: ['', 'ms', 'GB/s', 'copy GB/s', 'share', 'error', 'bound by'],
    rows,
  };
}
