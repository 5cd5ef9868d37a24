// The long convolution with a free kernel on WebAssembly, one thread: microseconds a row forward and backward (du, dk and dSkip in
// one kernel), and their ratio, for rows that share a kernel 64 or 8 at a time. Checks both against the direct sums in float64 first.
//   npm run build && npx tsc -b bench && node bench/dist/fft-conv.js
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type * as Kernels from '../packages/hippo/dist/backends/wasm/kernels/fft-conv.js';
import { type Engine, load, noise, openEngine, prepare, timeInTurns } from './kernels.js';

const direction = 'causal';
const { fftConvCalls, fftConvGradientCalls } = await load<typeof Kernels>('backends/wasm/kernels/fft-conv.js');

interface Sizes {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
}

/** Largest error at some steps of the first channel, relative to the root of the terms of a sum. */
function largestError(
  { batch, length }: Sizes,
  { u, k, dy, skip }: Readonly<Record<'u' | 'k' | 'dy' | 'skip', Float32Array>>,
  [y, du, dk]: readonly Float32Array[],
): number {
  const spots = [0, 1, 63, length / 2 - 1, length / 2, length - 64, length - 1];
  const at = (data: Float32Array | undefined, index: number): number => data?.[index] ?? Number.NaN;
  const errors = spots.flatMap((t) => {
    let [forward, back, kernel] = [at(skip, 0) * at(u, t), at(skip, 0) * at(dy, t), 0];
    for (let j = 0; j <= t; j++) forward += at(k, j) * at(u, t - j);
    for (let j = 0; t + j < length; j++) back += at(k, j) * at(dy, t + j);
    for (let b = 0; b < batch; b++)
      for (let s = t; s < length; s++) kernel += at(dy, b * length + s) * at(u, b * length + s - t);
    const scale = Math.sqrt(length);
    return [
      Math.abs(at(y, t) - forward) / scale,
      Math.abs(at(du, t) - back) / scale,
      Math.abs(at(dk, t) - kernel) / (scale * Math.sqrt(batch)),
    ];
  });
  return errors.reduce((worst, error) => (error <= worst ? worst : error), 0);
}

function measure(engine: Engine, sizes: Sizes) {
  const { channels, batch, length } = sizes;
  const all = { ...sizes, taps: length, direction } as const;
  const rows = channels * batch;
  const [u, dy] = [noise(rows * length, 1), noise(rows * length, 2)];
  const [k, skip] = [noise(channels * length, 3), noise(channels, 4)];
  const forward = prepare(engine, fftConvCalls(all), [u, k, skip], [u.length]);
  const backward = prepare(engine, fftConvGradientCalls(all), [dy, u, k, skip], [u.length, k.length, channels]);
  forward.run();
  backward.run();
  const error = largestError(sizes, { u, k, dy, skip }, [forward.output(0), backward.output(0), backward.output(1)]);
  if (!(error < 1e-5)) throw new Error(`fftConv at ${length} steps: error ${error}`);
  const [there, back] = timeInTurns([forward, backward], 31).map(({ best }) => (best * 1e6) / rows);
  forward.release();
  backward.release();
  return {
    ...sizes,
    error,
    forward: Number((there ?? Number.NaN).toFixed(2)),
    backward: Number((back ?? Number.NaN).toFixed(2)),
    ratio: Number(((back ?? Number.NaN) / (there ?? Number.NaN)).toFixed(2)),
  };
}

const engine = await openEngine();
const figures = [1024, 4096, 16384].flatMap((length) =>
  [
    { channels: 1, batch: 64 },
    { channels: 8, batch: 8 },
  ].map((sizes) => measure(engine, { ...sizes, length })),
);
for (const { channels, batch, length, forward, backward, ratio } of figures) {
  console.log(
    `${channels} × ${batch} rows of ${length}: forward ${forward} µs a row, backward ${backward} (${ratio} times)`,
  );
}
const report = {
  node: process.version,
  processor: cpus()[0]?.model ?? 'unknown',
  relaxedSimd: engine.relaxedSimd,
  unit: 'microseconds of processor time a row, one thread, least of 31 turns',
  figures,
};
await engine.dispose();
const folder = new URL('../results/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('fft-conv.json', folder), `${JSON.stringify(report, null, 2)}\n`);
