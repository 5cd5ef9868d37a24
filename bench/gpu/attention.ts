// Times causal attention and its gradient on WebGPU, each kernel checked against the f32 one first:
//   node bench/dist/gpu/attention.js [--small] [--rounds=N] [--only=TEXT] [--batch=N] [--choices] [--toggles=A,B] [--output=FILE]
// 12 heads of 64, 2,048 tokens, batches of 1 and 8 (`--batch`: one of them). Prints a line for each kernel and pass, its time, and how
// many of the operation's own operations that makes a second. Passes: forward, gradient, and its dispatches over queries and keys
// (`--only`: those whose names contain the text). `--choices`: other forms of the f16 kernels too, those that the device has room for,
// of the gradient's dispatches one by one. `--small`: sizes that a software adapter manages. `--toggles`: Dawn's switches instead of
// the usual ones. `--output`: a file for all figures, as JSON. Offline.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { attentionVariants, type Pass, passes, type Variant } from './attention-variants.ts';
import { DispatchTimer, type KernelBuffers, openForTiming, type Ready } from './dispatch-timing.ts';
import type { AttentionNode, OpenedDevice } from './internals.ts';
import { randomNumbers } from './product-shapes.ts';
import { median } from './report.ts';

const { values: options } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    batch: { type: 'string' },
    choices: { type: 'boolean', default: false },
    toggles: { type: 'string' },
    output: { type: 'string' },
  },
});

interface Row {
  readonly batch: number;
  readonly pass: Pass;
  readonly variant: string;
  readonly chosen: boolean;
  /** Largest difference from the f32 kernel, relative to the largest number of a result. */
  readonly error: number;
  readonly correct: boolean;
  readonly medianMicroseconds: number;
  readonly bestMicroseconds: number;
  /** Of the operations of the whole pass, as `explain` counts them; of a single dispatch none. */
  readonly teraflops: number | undefined;
}

interface Failure {
  readonly batch: number;
  readonly variant: string;
  readonly failure: string;
}

interface Operands {
  readonly forward: KernelBuffers;
  readonly gradient: KernelBuffers;
  /** Bytes of each result. */
  readonly bytes: { readonly forward: readonly number[]; readonly gradient: readonly number[] };
}

type Kind = 'forward' | 'gradient';

function operandsOf(timer: DispatchTimer, { sequences, length, headDim }: AttentionNode): Operands {
  const rows = sequences * length;
  const [wide, narrow] = [4 * rows * headDim, 4 * rows];
  const random = (seed: number, scale: number): GPUBuffer =>
    timer.buffer(
      wide,
      randomNumbers(rows * headDim, seed).map((x) => scale * x),
    );
  // Scores of a standard deviation of 1.5, so that some keys matter more than others.
  const [slope, q, k, v] = [random(1, 1), random(2, 2), random(3, 2), random(4, 1)];
  const workspace = timer.buffer(narrow + 256);
  const forward = [timer.buffer(wide), timer.buffer(narrow)];
  const gradient = [1, 2, 3].map(() => timer.buffer(wide));
  return {
    forward: { inputs: [q, k, v], outputs: forward, workspace },
    gradient: { inputs: [slope, q, k, v, ...forward], outputs: gradient, workspace },
    bytes: { forward: [wide, narrow], gradient: [wide, wide, wide] },
  };
}

interface Contestant {
  readonly variant: Variant;
  readonly pass: Pass;
  readonly error: number;
  readonly ready: readonly Ready[];
  readonly count: number;
  readonly times: number[];
}

async function resultsOf(timer: DispatchTimer, operands: Operands, kind: Kind): Promise<readonly Float32Array[]> {
  const results: Float32Array[] = [];
  for (const [i, buffer] of operands[kind].outputs.entries())
    results.push(new Float32Array(await timer.read(buffer, operands.bytes[kind][i])));
  return results;
}

function largestError(got: readonly Float32Array[], expected: readonly Float32Array[]): number {
  const errors = expected.map((result, i) => {
    let [scale, worst] = [1e-30, 0];
    for (let at = 0; at < result.length; at++) {
      const x = result[at] ?? Number.NaN;
      const error = Math.abs((got[i]?.[at] ?? Number.NaN) - x);
      scale = Math.max(scale, Math.abs(x));
      if (!(error <= worst)) worst = error;
    }
    return worst / scale;
  });
  return errors.reduce((most, error) => (error <= most ? most : error), 0);
}

/** Compiles a kernel, runs it once for its results, and gives its passes. */
async function prepare(
  { device }: OpenedDevice,
  timer: DispatchTimer,
  variant: Variant,
  { operands, expected }: { readonly operands: Operands; readonly expected: Record<Kind, readonly Float32Array[]> },
): Promise<readonly Contestant[]> {
  const { kind, choice } = variant;
  const ready = await timer.ready(choice.dispatches([true, true, true]), operands[kind]);
  // What lies in the results from before must not pass for theirs.
  for (const buffer of operands[kind].outputs)
    device.queue.writeBuffer(buffer, 0, new Float32Array(Math.min(buffer.size / 4, 1 << 20)).fill(Number.NaN));
  await timer.milliseconds(ready, 1);
  const got = await resultsOf(timer, operands, kind);
  if (expected[kind].length === 0) expected[kind] = got;
  const error = largestError(got, expected[kind]);
  const contestants: Contestant[] = [];
  for (const pass of passes.filter((name) => name.includes(options.only))) {
    const own = variant.dispatchesOf(ready, pass);
    if (own.length === 0) continue;
    const once = await timer.milliseconds(own, 1);
    const count = Math.max(1, Math.min(200, Math.round((options.small ? 1 : 10) / Math.max(once, 0.005))));
    contestants.push({ variant, pass, error, ready: own, count, times: [] });
  }
  return contestants;
}

async function measure(opened: OpenedDevice, timer: DispatchTimer, batch: number): Promise<readonly (Row | Failure)[]> {
  const [heads, length, headDim] = options.small ? [2, 100, 32] : [12, 2048, 64];
  const node: AttentionNode = { sequences: batch * heads, length, headDim, scale: 1 / Math.sqrt(headDim) };
  const operands = operandsOf(timer, node);
  const contestants: Contestant[] = [];
  const failures: Failure[] = [];
  const expected: Record<Kind, readonly Float32Array[]> = { forward: [], gradient: [] };
  for (const variant of attentionVariants(node, opened.traits, options.choices)) {
    try {
      contestants.push(...(await prepare(opened, timer, variant, { operands, expected })));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      failures.push({ batch, variant: variant.name, failure: text.slice(0, 600) });
    }
  }
  for (let round = 0; round <= Number(options.rounds); round++) {
    for (const { ready, count, times } of contestants) {
      const time = (await timer.milliseconds(ready, count)) / count;
      // A GPU that has waited for shaders runs slowly at first.
      if (round > 0) times.push(time);
    }
  }
  const { forward, gradient } = operands;
  for (const buffer of [...gradient.inputs, ...gradient.outputs, gradient.workspace, ...forward.outputs])
    buffer.destroy();
  return [...contestants.map((one) => rowOf(one, node, batch)), ...failures];
}

function rowOf({ variant, pass, error, times }: Contestant, node: AttentionNode, batch: number): Row {
  const pairs = (node.sequences * node.length * (node.length + 1)) / 2;
  const perPair = { forward: 4 * node.headDim + 5, gradient: 10 * node.headDim + 6 };
  const operations = pass === 'forward' || pass === 'gradient' ? pairs * perPair[pass] : undefined;
  const milliseconds = median(times);
  return {
    batch,
    pass,
    variant: variant.name,
    chosen: variant.chosen,
    error,
    correct: error <= variant.tolerance,
    medianMicroseconds: 1e3 * milliseconds,
    bestMicroseconds: 1e3 * Math.min(...times),
    teraflops: operations === undefined ? undefined : operations / (milliseconds * 1e9),
  };
}

function line(row: Row | Failure): string {
  if ('failure' in row) return `batch ${row.batch} ${row.variant}: FAILED ${row.failure.replaceAll(/\s+/g, ' ')}`;
  const { batch, pass, variant, medianMicroseconds: time, teraflops, error, correct, chosen } = row;
  const speed = teraflops === undefined ? '' : `${teraflops.toFixed(1).padStart(6)} TFLOP/s`;
  const head = `batch ${batch} ${pass.padEnd(8)} ${variant.padEnd(28)} ${time.toFixed(1).padStart(8)} µs ${speed.padEnd(14)}`;
  return `${head} error ${error.toExponential(1)}${correct ? '' : ' WRONG'}${chosen ? ' chosen' : ''}`;
}

const opened = await openForTiming(options.toggles);
const timer = new DispatchTimer(opened);
const rows: (Row | Failure)[] = [];
const batches = options.batch === undefined ? (options.small ? [1] : [1, 8]) : [Number(options.batch)];
for (const batch of batches) {
  const measured = await measure(opened, timer, batch);
  rows.push(...measured);
  for (const row of measured) console.log(line(row));
}
if (options.output !== undefined)
  writeFileSync(options.output, `${JSON.stringify({ device: opened.description, rows }, undefined, 1)}\n`);
process.exitCode = rows.some((row) => 'failure' in row || !row.correct) ? 1 : 0;
opened.device.destroy();
