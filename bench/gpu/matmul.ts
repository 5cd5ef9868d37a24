// Times the matrix products of the WebGPU backend, each form checked against sums in f64 first:
//   node bench/dist/gpu/matmul.js [--small] [--only=TEXT] [--shape=TEXT] [--rounds=N] [--toggles=A,B] [--output=FILE]
// Prints a table and the JSON behind it. Needs no more than the built packages and the `webgpu` package; offline. `--small`: shapes that
// a software adapter manages. `--only`: variants whose names contain the text. `--toggles`: Dawn's switches instead of the usual ones.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DispatchTimer, type ProductBuffers } from './dispatch-timing.ts';
import { type OpenedDevice, webGpuModule } from './internals.ts';
import { type Variant, variantsOf } from './matmul-variants.ts';
import {
  fullShapes,
  largestError,
  nameOf,
  type ProductShape,
  productOf,
  randomNumbers,
  smallShapes,
} from './product-shapes.ts';

const { values: options } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    shape: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    toggles: { type: 'string' },
    output: { type: 'string' },
  },
});

interface Row {
  readonly shape: string;
  readonly variant: string;
  readonly reason: string;
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

const { openWebGpuDevice } = await webGpuModule('open-device');
const { pieceKernel } = await webGpuModule('kernels/matmul-choose');
const { productKernel } = await webGpuModule('kernels/matmul-choose');

/** Time of one measurement. */
const wantedMilliseconds = options.small ? 1 : 20;

interface Contestant {
  readonly variant: Variant;
  readonly error: number;
  readonly count: number;
  readonly ready: Awaited<ReturnType<DispatchTimer['ready']>>;
  readonly times: number[];
}

async function prepare(
  timer: DispatchTimer,
  shape: ProductShape,
  {
    variant,
    buffers,
    a,
    b,
  }: {
    readonly variant: Variant;
    readonly buffers: ProductBuffers;
    readonly a: Float32Array;
    readonly b: Float32Array;
  },
): Promise<Contestant> {
  const product = productOf(shape);
  const { traits, form } = variant;
  const kernel = variant.name.endsWith('chosen') ? productKernel(product, traits) : pieceKernel(product, traits, form);
  const ready = await timer.ready(kernel, buffers);
  await timer.milliseconds(ready, 1);
  const c = new Float32Array(await timer.read(buffers.output, shape.m * shape.n * 4));
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
    reason: variant.form.reason,
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
  const buffers: ProductBuffers = {
    inputs: [timer.buffer(a.byteLength, a), timer.buffer(b.byteLength, b)],
    output: timer.buffer(m * n * 4),
    workspace: timer.buffer(Math.min(opened.traits.maxBindingBytes, m * n * 4 * 16)),
  };
  const failures: Failure[] = [];
  const contestants: Contestant[] = [];
  for (const variant of variantsOf(product, opened.traits).filter(({ name }) => name.includes(options.only))) {
    // What lies in C from before must not pass for a result.
    opened.device.queue.writeBuffer(buffers.output, 0, new Float32Array(Math.min(m * n, 1 << 20)).fill(Number.NaN));
    try {
      contestants.push(await prepare(timer, shape, { variant, buffers, a, b }));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      failures.push({ shape: nameOf(shape), variant: variant.name, failure: text.slice(0, 600) });
    }
  }
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const { ready, count, times } of contestants) times.push((await timer.milliseconds(ready, count)) / count);
  }
  for (const buffer of [...buffers.inputs, buffers.output, buffers.workspace]) buffer.destroy();
  return [...contestants.map((one) => rowOf(shape, one)), ...failures];
}

function line(row: Row | Failure): string {
  const head = `${row.shape.padEnd(22)} ${row.variant.padEnd(44)}`;
  if ('failure' in row) return `${head} FAILED ${row.failure.split('\n').slice(0, 3).join(' ')}`;
  const { medianMicroseconds: median, teraflops, gigabytesPerSecond: rate, error, correct, reason } = row;
  const figures = `${median.toFixed(1).padStart(10)} µs ${teraflops.toFixed(2).padStart(7)} TFLOP/s ${rate.toFixed(0).padStart(6)} GB/s`;
  return `${head} ${figures}  error ${error.toExponential(1)}${correct ? '' : ' WRONG'}  ${row.variant.endsWith('chosen') ? reason : ''}`;
}

const opened = await openWebGpuDevice(options.toggles === undefined ? {} : { toggles: options.toggles.split(',') });
opened.device.addEventListener('uncapturederror', (event) => {
  console.log(`device error: ${(event as GPUUncapturedErrorEvent).error.message.slice(0, 400)}`);
});
console.log(opened.description);
console.log(
  `subgroups ${JSON.stringify(opened.traits.subgroups)}, matrices ${JSON.stringify(opened.traits.subgroupMatrices)}, timestamps ${opened.timestamps}`,
);
const timer = new DispatchTimer(opened);
const rows: (Row | Failure)[] = [];
const shapes = (options.small ? smallShapes : fullShapes).filter((shape) => nameOf(shape).includes(options.shape));
for (const shape of shapes) {
  const measured = await measureShape(opened, timer, shape);
  rows.push(...measured);
  for (const row of measured) console.log(line(row));
}
const report = JSON.stringify({ device: opened.description, toggles: options.toggles ?? 'usual', rows }, undefined, 1);
if (options.output === undefined) console.log(report);
else writeFileSync(options.output, `${report}\n`);
process.exitCode = rows.some((row) => 'failure' in row || !row.correct) ? 1 : 0;
opened.device.destroy();
