// Matrix products of the WebAssembly backend, alone: checks each result against float64 first, then reports billions of
// operations a second with one and with two threads, and what handing a call to the threads costs.
//   npm run build && npx tsc -b bench && node bench/dist/matmul.js
// Rounds over all sizes and thread counts are interleaved, so that a busy machine slows all of them alike.
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { pathToFileURL } from 'node:url';
import type * as EngineModule from '../packages/hippo/dist/backends/wasm/engine.js';
import type * as MatmulModule from '../packages/hippo/dist/backends/wasm/kernels/matmul.js';

/** op(A) is m×k, op(B) k×n. `layout`: N as it is, T transposed, for A then B. */
interface Size {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly layout: 'NN' | 'NT' | 'TN' | 'TT';
  readonly batch?: number;
}

export interface MatmulFigure extends Size {
  readonly threads: number;
  readonly medianGflops: number;
  readonly bestGflops: number;
  /** The largest error, relative to the sum of absolute products. */
  readonly error: number;
}

const sizes: readonly Size[] = [
  { m: 256, k: 768, n: 768, layout: 'NT' },
  { m: 1024, k: 1024, n: 1024, layout: 'NN' },
  { m: 256, k: 3072, n: 768, layout: 'NT' },
  { m: 1024, k: 96, n: 96, layout: 'NT' },
  { m: 1024, k: 384, n: 1536, layout: 'NT' },
  { m: 1024, k: 768, n: 3072, layout: 'NT' },
  { m: 1024, k: 3072, n: 768, layout: 'NN' },
  { m: 768, k: 1024, n: 3072, layout: 'TN' },
  { m: 96, k: 1024, n: 96, layout: 'TN' },
  { m: 768, k: 768, n: 1024, layout: 'NT' },
  { m: 384, k: 384, n: 1024, layout: 'TT' },
  { m: 128, k: 24, n: 128, layout: 'NT', batch: 64 },
  { m: 128, k: 128, n: 24, layout: 'NN', batch: 64 },
  { m: 1, k: 768, n: 3072, layout: 'NT' },
  { m: 1, k: 768, n: 50304, layout: 'NT' },
  { m: 4, k: 768, n: 3072, layout: 'NT' },
  { m: 4, k: 768, n: 50304, layout: 'NT' },
  { m: 8, k: 768, n: 3072, layout: 'NT' },
  { m: 12, k: 768, n: 3072, layout: 'NT' },
  { m: 16, k: 768, n: 3072, layout: 'NT' },
  { m: 1, k: 768, n: 3072, layout: 'NN' },
  { m: 8, k: 768, n: 3072, layout: 'NN' },
  { m: 1024, k: 768, n: 1, layout: 'NN' },
];

// The engine is internal, so it is loaded from the built package by path.
const built = new URL('../../packages/hippo/dist/backends/wasm/', import.meta.url);
const load = async <T>(path: string): Promise<T> => (await import(new URL(path, built).href)) as T;

type Engine = Awaited<ReturnType<typeof EngineModule.openEngine>>;

/** Numbers in (−1, 1), the same every time. */
function fill(engine: Engine, count: number, seed: number): number {
  const address = engine.allocate(count * 4);
  const data = new Float32Array(engine.memory.buffer, address, count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state / 2 ** 31 - 1;
  }
  return address;
}

interface Prepared {
  readonly size: Size;
  readonly threads: number;
  readonly error: number;
  readonly repeats: number;
  readonly times: number[];
  run(): void;
}

function prepare(engine: Engine, size: Size, { matmulCalls }: typeof MatmulModule): Prepared {
  const { m, k, n, batch = 1, layout } = size;
  const strides =
    batch > 1 ? { strideA: m * k, strideB: k * n, strideC: m * n } : { strideA: 0, strideB: 0, strideC: 0 };
  const transposes = { transposeA: layout.startsWith('T'), transposeB: layout.endsWith('T') };
  const calls = matmulCalls({ m, n, k, batch, ...strides, ...transposes });
  const [a, b, c] = [fill(engine, batch * m * k, 1), fill(engine, batch * k * n, 2), fill(engine, batch * m * n, 3)];
  const workspace = engine.allocate(Math.max(64, calls.workspaceBytes(engine.threads)));
  const plan = engine.load(calls.calls({ inputs: [a, b], outputs: [c], workspace }, engine.threads));
  const run = (): void => engine.run(plan);
  run();
  const error = largestError(engine, size, { a, b, c });
  if (!(error < 1e-6)) throw new Error(`matmul ${m}×${k}×${n} ${layout}: relative error ${error}`);
  const repeats = Math.max(1, Math.ceil(4e7 / (batch * m * n * k)));
  return { size, threads: engine.threads, error, repeats, times: [], run };
}

/** Checks 500 elements spread over the result. */
function largestError(
  engine: Engine,
  { m, k, n, batch = 1, layout }: Size,
  at: { a: number; b: number; c: number },
): number {
  const floats = (address: number, count: number) => new Float32Array(engine.memory.buffer, address, count);
  const [a, b, c] = [floats(at.a, batch * m * k), floats(at.b, batch * k * n), floats(at.c, batch * m * n)];
  let worst = 0;
  for (let t = 0; t < 500; t++) {
    const index = (t * 7919 * 31) % c.length;
    const [p, i, j] = [Math.floor(index / (m * n)), Math.floor(index / n) % m, index % n];
    let sum = 0;
    let scale = 0;
    for (let l = 0; l < k; l++) {
      const x = a[p * m * k + (layout.startsWith('T') ? l * m + i : i * k + l)] ?? 0;
      const y = b[p * k * n + (layout.endsWith('T') ? j * k + l : l * n + j)] ?? 0;
      sum += x * y;
      scale += Math.abs(x * y);
    }
    const error = Math.abs((c[index] ?? Number.NaN) - sum) / scale;
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

const median = (values: readonly number[]): number =>
  [...values].sort((x, y) => x - y)[values.length >> 1] ?? Number.NaN;

/** Microseconds to hand one empty call to the threads and get it back, while they spin. */
function forkJoinMicroseconds(engine: Engine): number {
  const address = engine.allocate(64);
  const plan = engine.load(Array.from({ length: 1000 }, () => ({ entry: 'fill', words: [address, 0, 0] })));
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    engine.run(plan);
    times.push(performance.now() - start);
  }
  engine.unload(plan);
  engine.free(address);
  return median(times); // milliseconds a thousand calls are microseconds a call
}

export interface MatmulReport {
  readonly node: string;
  readonly processor: string;
  readonly relaxedSimd: boolean;
  readonly forkJoinMicroseconds: number;
  readonly figures: readonly MatmulFigure[];
}

/** Measures all sizes with one thread and, where there is a second core, with two. */
export async function run(rounds = 15): Promise<MatmulReport> {
  const { openEngine } = await load<typeof EngineModule>('engine.js');
  const matmul = await load<typeof MatmulModule>('kernels/matmul.js');
  const engines = await Promise.all([1, 2].slice(0, availableParallelism()).map((threads) => openEngine({ threads })));
  const all = sizes.flatMap((size) => engines.map((engine) => prepare(engine, size, matmul)));
  for (let round = -2; round < rounds; round++) {
    for (const { run: once, repeats, times } of all) {
      once(); // brings the operands into cache and wakes the threads
      const start = performance.now();
      for (let i = 0; i < repeats; i++) once();
      if (round >= 0) times.push((performance.now() - start) / repeats);
    }
  }
  const figures = all.map(({ size, threads, error, times }): MatmulFigure => {
    const gflops = (ms: number): number =>
      Number(((2 * size.m * size.k * size.n * (size.batch ?? 1)) / ms / 1e6).toFixed(1));
    return { ...size, threads, medianGflops: gflops(median(times)), bestGflops: gflops(Math.min(...times)), error };
  });
  const last = engines[engines.length - 1];
  const report: MatmulReport = {
    node: process.version,
    processor: cpus()[0]?.model ?? 'unknown',
    relaxedSimd: last?.relaxedSimd ?? false,
    forkJoinMicroseconds: Number((last ? forkJoinMicroseconds(last) : 0).toFixed(3)),
    figures,
  };
  await Promise.all(engines.map((engine) => engine.dispose()));
  return report;
}

function print(report: MatmulReport): void {
  const { node, processor, relaxedSimd, figures } = report;
  console.log(`Node ${node}, ${processor}, relaxed SIMD ${relaxedSimd ? 'on' : 'off'}`);
  console.log(`fork and join: ${report.forkJoinMicroseconds} µs a call`);
  console.log('threads  batch      m      k      n  layout   median    best  GFLOP/s');
  for (const { threads, batch = 1, m, k, n, layout, medianGflops, bestGflops } of figures) {
    const columns = [threads, batch, m, k, n].map((value) => String(value).padStart(7)).join('');
    console.log(
      `${columns}  ${layout.padStart(6)} ${medianGflops.toFixed(1).padStart(8)} ${bestGflops.toFixed(1).padStart(7)}`,
    );
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const report = await run();
  print(report);
  const folder = new URL('../results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL('matmul.json', folder), `${JSON.stringify(report, null, 2)}\n`);
}
