// Times the matrix products of the WebGPU backend, each form checked against sums in f64 first:
//   node bench/dist/gpu/matmul.js [--small] [--rows] [--chosen] [--only=TEXT] [--shape=TEXT] [--rounds=N] [--toggles=A,B] [--seconds=N] [--output=FILE]
// Prints a line for each form: what the backend chooses is marked `chosen`, the fastest of its precision `best`. Needs no more than the
// built packages and the `webgpu` package; offline. `--small`: shapes that a software adapter manages. `--rows`: those of generation.
// `--chosen`: only what the backend takes. `--only`: forms whose names contain the text. `--toggles`: Dawn's switches instead of the usual ones. `--seconds`: no shape is begun
// later. `--output`: a file for all figures, as JSON.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DispatchTimer, type KernelBuffers, openForTiming } from './dispatch-timing.ts';
import { type OpenedDevice, webGpuModule } from './internals.ts';
import { storedHalves, type Variant, variantsOf } from './matmul-variants.ts';
import {
  fullShapes,
  halvesOf,
  largestError,
  nameOf,
  type ProductShape,
  productOf,
  randomNumbers,
  rowShapes,
  smallShapes,
} from './product-shapes.ts';

const { values: options } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    chosen: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    rows: { type: 'boolean', default: false },
    shape: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '110' },
    toggles: { type: 'string' },
    output: { type: 'string' },
  },
});

interface Row {
  readonly shape: string;
  readonly variant: string;
  readonly chosen: boolean;
  readonly precision: 'f32' | 'f16';
  /** The fastest of its precision. */
  readonly best: boolean;
  readonly error: number;
  readonly correct: boolean;
  /** Of one product. */
  readonly medianMicroseconds: number;
  readonly bestMicroseconds: number;
  readonly teraflops: number;
  /** Both factors read and the result written once. */
  readonly gigabytesPerSecond: number;
}

interface Failure {
  readonly shape: string;
  readonly variant: string;
  readonly failure: string;
}

const { pieceKernel } = await webGpuModule('kernels/matmul-choose');

/** Time of one measurement. */
const wantedMilliseconds = options.small ? 1 : 5;

interface Contestant {
  readonly variant: Variant;
  readonly error: number;
  readonly count: number;
  readonly ready: Awaited<ReturnType<DispatchTimer['ready']>>;
  readonly times: number[];
}

interface Operands {
  readonly result: GPUBuffer;
  readonly a: Float32Array;
  readonly b: Float32Array;
}

type Compiled = Pick<Contestant, 'variant' | 'ready'>;

/** Runs a form once for its result, then for the number of repetitions that takes the wanted time. */
async function prepare(
  timer: DispatchTimer,
  shape: ProductShape,
  { variant, ready }: Compiled,
  { result, a, b }: Operands,
): Promise<Contestant> {
  await timer.milliseconds(ready, 1);
  const c = new Float32Array(await timer.read(result, shape.m * shape.n * 4));
  const error = largestError(shape, { a, b, c });
  const once = await timer.milliseconds(ready, 3);
  const count = Math.max(1, Math.min(2000, Math.round((3 * wantedMilliseconds) / Math.max(once, 0.005))));
  return { variant, error, count, ready, times: [] };
}

function rowOf(shape: ProductShape, { variant, error, times }: Contestant): Row {
  const sorted = [...times].sort((x, y) => x - y);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const { m, n, k } = shape;
  return {
    shape: nameOf(shape),
    variant: variant.name,
    chosen: variant.chosen,
    precision: variant.traits.precision,
    best: false,
    error,
    correct: error <= variant.tolerance,
    medianMicroseconds: median * 1e3,
    bestMicroseconds: (sorted[0] ?? Number.NaN) * 1e3,
    teraflops: (2 * m * n * k) / (median * 1e9),
    gigabytesPerSecond: (4 * (m * k + k * n + m * n)) / (median * 1e6),
  };
}

async function measureShape(
  opened: OpenedDevice,
  timer: DispatchTimer,
  shape: ProductShape,
): Promise<readonly (Row | Failure)[]> {
  const { m, n, k } = shape;
  const product = productOf(shape);
  const [a, b] = [randomNumbers(m * k, 1), randomNumbers(k * n, 2)];
  const variants = variantsOf(product, opened.traits).filter(
    ({ name, chosen }) => name.includes(options.only) && (chosen || !options.chosen),
  );
  const kernels = variants.map((variant) => ({
    variant,
    kernel: pieceKernel(variant.stored ? storedHalves(product) : product, variant.traits, variant.form),
  }));
  const c = timer.buffer(m * n * 4);
  const buffers: KernelBuffers = {
    inputs: [a, b, ...[a, b].map(halvesOf)].map((data) => timer.buffer(data.byteLength, data)),
    outputs: [c],
    workspace: timer.buffer(Math.max(16, ...kernels.map(({ kernel }) => kernel.workspaceBytes))),
  };
  const failures: Failure[] = [];
  const failed = (variant: Variant, error: unknown): void => {
    const text = error instanceof Error ? error.message : String(error);
    failures.push({ shape: nameOf(shape), variant: variant.name, failure: text.slice(0, 600) });
  };
  const compiled = await Promise.all(
    kernels.map(async ({ variant, kernel }): Promise<readonly Compiled[]> => {
      try {
        return [{ variant, ready: await timer.ready(kernel.dispatches, buffers) }];
      } catch (error) {
        failed(variant, error);
        return [];
      }
    }),
  );
  const contestants: Contestant[] = [];
  for (const one of compiled.flat()) {
    // What lies in C from before must not pass for a result.
    opened.device.queue.writeBuffer(c, 0, new Float32Array(Math.min(m * n, 1 << 20)).fill(Number.NaN));
    try {
      contestants.push(await prepare(timer, shape, one, { result: c, a, b }));
    } catch (error) {
      failed(one.variant, error);
    }
  }
  // A GPU that has waited for shaders has lowered its clock (an H100 from 1,980 to 345 MHz), and takes a while to raise it.
  const [first] = contestants;
  const warm = performance.now() + (options.small ? 0 : 1500);
  while (first && performance.now() < warm) await timer.milliseconds(first.ready, 10 * first.count);
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const { ready, count, times } of contestants) times.push((await timer.milliseconds(ready, count)) / count);
  }
  for (const buffer of [...buffers.inputs, c, buffers.workspace]) buffer.destroy();
  return [...markBest(contestants.map((one) => rowOf(shape, one))), ...failures];
}

function markBest(rows: readonly Row[]): readonly Row[] {
  return rows.map((row) => ({
    ...row,
    best: rows.every(
      ({ precision, medianMicroseconds }) =>
        precision !== row.precision || medianMicroseconds >= row.medianMicroseconds,
    ),
  }));
}

/** At most 90 characters. */
function line(row: Row | Failure): string {
  const head = `${row.shape.padEnd(18)} ${row.variant.padEnd(32)}`;
  if ('failure' in row) return `${head} FAILED ${row.failure.replaceAll(/\s+/g, ' ')}`.slice(0, 90);
  const { medianMicroseconds: median, teraflops, correct, best, chosen } = row;
  const marks = `${correct ? '' : ' WRONG'}${best ? ' best' : ''}${chosen ? ' chosen' : ''}`;
  return `${head} ${median.toFixed(1).padStart(8)} µs ${teraflops.toFixed(1).padStart(6)} TFLOP/s${marks}`;
}

const opened = await openForTiming(options.toggles);
const timer = new DispatchTimer(opened);
const rows: (Row | Failure)[] = [];
const all = options.small ? smallShapes : options.rows ? rowShapes : fullShapes;
for (const shape of all.filter((one) => nameOf(one).includes(options.shape))) {
  if (performance.now() > Number(options.seconds) * 1e3) {
    console.log(`${nameOf(shape)}: not measured, ${options.seconds} s are over`);
    continue;
  }
  const measured = await measureShape(opened, timer, shape);
  rows.push(...measured);
  for (const row of measured) console.log(line(row));
}
const report = JSON.stringify({ device: opened.description, toggles: options.toggles ?? 'usual', rows }, undefined, 1);
if (options.output !== undefined) writeFileSync(options.output, `${report}\n`);
process.exitCode = rows.some((row) => 'failure' in row || !row.correct) ? 1 : 0;
opened.device.destroy();
