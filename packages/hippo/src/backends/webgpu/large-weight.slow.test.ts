// The embedding of issue size, 50,264 × 2,560 numbers in f32 (515 MB), on a device whose bindings end at 128 MiB, the base limit, which
// the device itself enforces here: as table, as tied head, transposed, joined, summed and trained. Its numbers are multiples of 1/16
// made from their place, so that products of such numbers are exact whatever the order of their sums.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { read } from '../../graph/trace.ts';
import type { Value, ValueType } from '../../graph/value.ts';
import type { Variable } from '../../graph/variable.ts';
import {
  concat,
  gatherRows,
  linearCrossEntropy,
  matmul,
  mean,
  mul,
  pad,
  reshape,
  sliceAxis,
  sum,
  transpose,
} from '../../ops/index.ts';
import { compile } from '../../session/compile.ts';
import { type Device, openDevice } from '../../session/device.ts';
import { createStore, type Store } from '../../session/store.ts';
import { inBrowser } from '../../testing/test-file.test-support.ts';
import { webGpuTested } from '../../testing/webgpu.test-support.ts';
import { type AdamWOptions, adamWDefaults } from '../../train/adamw.ts';
import { compileTrainStep } from '../../train/train-step.ts';
import { baseTraits } from './kernels/shader-snapshot.test-support.ts';
import * as adapters from './open-adapter.ts';

const [rows, width] = [50_264, 2560];
const { maxBindingBytes } = baseTraits;
/** The learning rate. */
const rate = 0.25;
const tested = webGpuTested && !inBrowser;

/** Number `place` of the weight: −½ … 7/16 in steps of 1/16. */
const numberAt = (place: number): number => ((Math.imul(place, 0x9e3779b1) >>> 28) - 8) / 16;

const weight = new Float32Array(tested ? rows * width : 0);
for (let place = 0; place < weight.length; place++) weight[place] = numberAt(place);

const embedding: Variable = {
  name: 'embedding',
  shape: [rows, width],
  dtype: 'f32',
  kind: 'parameter',
  initialize: () => weight,
};

/** A device of base limits; with `largeBuffers` its buffers are as large as the adapter's, its bindings still the base's. */
async function openBaseDevice({ largeBuffers }: { readonly largeBuffers: boolean }): Promise<Device> {
  const { openAdapter } = adapters;
  const spy = vi.spyOn(adapters, 'openAdapter').mockImplementation(async (options) => {
    const found = await openAdapter(options);
    const request = found.adapter.requestDevice.bind(found.adapter);
    const requiredLimits: Record<string, number> = largeBuffers
      ? { maxBufferSize: found.adapter.limits.maxBufferSize }
      : {};
    found.adapter.requestDevice = (descriptor) => request({ ...descriptor, requiredLimits });
    return found;
  });
  try {
    return await openDevice({ backend: 'webgpu', webgpu: { limits: 'default' } });
  } finally {
    spy.mockRestore();
  }
}

describe.runIf(tested)('a weight of 50,264 × 2,560 on bindings of 128 MiB', () => {
  let device: Device;
  let store: Store;
  beforeAll(async () => {
    device = await openBaseDevice({ largeBuffers: true });
    expect(device.details?.limits.maxStorageBufferBindingSize).toBe(maxBindingBytes);
    store = createStore(device);
    store.initialize([embedding]);
  });
  afterAll(() => device.dispose());

  async function result(
    build: (weight: Value, x: Value) => Value,
    x: { readonly type: ValueType; readonly data: Float32Array | Int32Array },
  ): Promise<ArrayLike<number>> {
    using run = await compile((inputs) => ({ y: build(read(embedding), inputs.x) }), { store, inputs: { x: x.type } });
    return (await run({ x: x.data })).y.data;
  }
  const matrix = (count: number, data: Float32Array) =>
    ({ type: { shape: [count, width], dtype: 'f32' }, data }) as const;

  it('gives the rows of ids', async () => {
    const ids = Int32Array.from([0, 13_106, 13_107, 26_214, 39_321, rows - 1, -1, rows]);
    const found = await result(gatherRows, { type: { shape: [ids.length], dtype: 'i32' }, data: ids });
    const differing = countDiffering(found, ids.length * width, (i) => {
      const id = ids[Math.floor(i / width)] ?? 0;
      return id < 0 || id >= rows ? Number.NaN : numberAt(id * width + (i % width));
    });
    expect(differing).toBe(0);
  });

  it('is the head of two rows', async () => {
    const x = Float32Array.from({ length: 2 * width }, (_, i) => numberAt(i + 77));
    const found = await result((w, values) => matmul(values, w, { transposeB: true }), matrix(2, x));
    const differing = countDiffering(found, 2 * rows, (i) => dot(x, Math.floor(i / rows) * width, (i % rows) * width));
    expect(differing).toBe(0);
  });

  it('is the head of more rows than are read beside each other', async () => {
    const count = 20;
    // Two numbers a row.
    const places = Array.from({ length: count }, (_, row) => [(row * 19) % width, (row * 401 + 1) % width] as const);
    const x = new Float32Array(count * width);
    for (const [row, [one, two]] of places.entries()) {
      x[row * width + one] = 1;
      x[row * width + two] = -2;
    }
    const found = await result((w, values) => matmul(values, w, { transposeB: true }), matrix(count, x));
    const differing = countDiffering(found, count * rows, (i) => {
      const [one, two] = places[Math.floor(i / rows)] ?? [0, 0];
      const first = (i % rows) * width;
      return numberAt(first + one) - 2 * numberAt(first + two);
    });
    expect(differing).toBe(0);
  });

  it('is transposed', async () => {
    const factor = { type: { shape: [], dtype: 'f32' }, data: Float32Array.of(3) } as const;
    const found = await result((w, x) => mul(transpose(w, [1, 0]), x), factor);
    expect(countDiffering(found, rows * width, (i) => 3 * numberAt((i % rows) * width + Math.floor(i / rows)))).toBe(0);
  });

  it('is joined with other rows and padded with zeros', async () => {
    const x = Float32Array.from({ length: 3 * width }, (_, i) => i);
    const found = await result((w, values) => pad(concat([values, w], 0), [1, 0], [0, 0]), matrix(3, x));
    const differing = countDiffering(found, (rows + 4) * width, (i) => {
      const place = i - 4 * width;
      return place >= 0 ? numberAt(place) : Math.max(0, i - width);
    });
    expect(differing).toBe(0);
  });

  it('is summed over its rows', async () => {
    const x = { type: { shape: [width], dtype: 'f32' }, data: new Float32Array(width) } as const;
    const found = await result((w) => sum(w, [0]), x);
    const sums = new Float64Array(width);
    for (let place = 0; place < weight.length; place++)
      sums[place % width] = (sums[place % width] ?? 0) + numberAt(place);
    expect(countDiffering(found, width, (i) => sums[i] ?? 0)).toBe(0);
  });

  it('is trained as table and head: loss, gradient, AdamW', async () => {
    const tokens = Int32Array.from([rows - 1, 7, 26_215, 40_000]);
    const count = tokens.length - 1;
    const scale = 1 / 16;
    const optimizer = { ...adamWDefaults, epsilon: 1, weightDecay: 0.5 };
    const loss = (given: Value): Value => {
      const ids = reshape(sliceAxis(given, 1, 0, count), [count]);
      const targets = reshape(sliceAxis(given, 1, 1, count + 1), [count]);
      return mean(linearCrossEntropy(mul(gatherRows(read(embedding), ids), scale), read(embedding), targets));
    };
    using step = await compileTrainStep(
      { variables: [embedding], loss },
      { store, batch: 1, length: count, optimizer, clip: 0, accumulation: 1, seed: 0 },
    );
    const found = await step.run([tokens], { step: 0, learningRate: rate });
    const wanted = tiedGradient(tokens, scale);

    expect(found.healthy).toBe(true);
    expect(found.loss / wanted.loss).toBeCloseTo(1, 5);
    const [first] = step.optimizerVariables;
    if (!first) throw new Error('a first moment');
    const contents = { first: (await store.read(first)).data, content: (await store.read(embedding)).data };
    const errors = compareUpdate(contents, wanted.row, optimizer);
    expect(errors.first).toBeLessThan(1e-4);
    expect(errors.content).toBeLessThan(1e-6);
    expect(found.gradientNorm / errors.norm).toBeCloseTo(1, 5);
  });
});

it.runIf(tested)('a buffer beyond the limit of the device is refused by the name of its variable', async () => {
  await using device = await openBaseDevice({ largeBuffers: false });
  using store = createStore(device);
  expect(() => store.initialize([embedding])).toThrow(
    'webgpu, variable "embedding": needs a buffer of 514703360 bytes; this device allows 268435456. Use a device with larger buffers, a smaller model or batch, or the wasm backend.',
  );
});

function countDiffering(found: ArrayLike<number>, count: number, wanted: (i: number) => number): number {
  let differing = Math.abs(found.length - count);
  for (let i = 0; i < count; i++) {
    const [a, b] = [found[i] ?? 0, wanted(i)];
    if (a !== b && !(Number.isNaN(a) && Number.isNaN(b))) differing++;
  }
  return differing;
}

/** Numbers of `x` from one place on times a row of the weight. */
function dot(x: ArrayLike<number>, first: number, place: number): number {
  let total = 0;
  for (let j = 0; j < width; j++) total += (x[first + j] ?? 0) * (weight[place + j] ?? 0);
  return total;
}

/** Loss and gradient of the tied model in float64; `row(v, into)` writes the gradient of row v. */
function tiedGradient(tokens: Int32Array, scale: number) {
  const count = tokens.length - 1;
  let loss = 0;
  const parts = Array.from({ length: count }, (_, t) => {
    const [id = 0, target = 0] = [tokens[t], tokens[t + 1]];
    const x = Float64Array.from(weight.subarray(id * width, (id + 1) * width), (value) => value * scale);
    const slopes = Float64Array.from({ length: rows }, (__, v) => Math.exp(dot(x, 0, v * width)));
    const total = slopes.reduce((all, value) => all + value, 0);
    loss += Math.log(total / (slopes[target] ?? 0)) / count;
    const dx = new Float64Array(width);
    for (let v = 0; v < rows; v++) {
      const slope = ((slopes[v] ?? 0) / total - (v === target ? 1 : 0)) / count;
      slopes[v] = slope;
      for (let j = 0; j < width; j++) dx[j] = (dx[j] ?? 0) + slope * scale * (weight[v * width + j] ?? 0);
    }
    return { id, x, slopes, dx };
  });
  const row = (v: number, into: Float64Array): void => {
    into.fill(0);
    for (const { id, x, slopes, dx } of parts) {
      const slope = slopes[v] ?? 0;
      for (let j = 0; j < width; j++) into[j] = (into[j] ?? 0) + slope * (x[j] ?? 0) + (id === v ? (dx[j] ?? 0) : 0);
    }
  };
  return { loss, row };
}

/** The largest error of the first moment, relative to the largest number of its row, and of the weight; and the norm of the gradient. */
function compareUpdate(
  { first, content }: { readonly first: ArrayLike<number>; readonly content: ArrayLike<number> },
  row: (v: number, into: Float64Array) => void,
  { beta1, weightDecay }: AdamWOptions,
) {
  const gradient = new Float64Array(width);
  const errors = { first: 0, content: 0 };
  let squares = 0;
  for (let v = 0; v < rows; v++) {
    row(v, gradient);
    let [worst, largest] = [0, 1e-30];
    for (let j = 0; j < width; j++) {
      const [place, g] = [v * width + j, gradient[j] ?? 0];
      const p = weight[place] ?? 0;
      squares += g * g;
      largest = Math.max(largest, Math.abs(g));
      worst = Math.max(worst, Math.abs((first[place] ?? Number.NaN) - (1 - beta1) * g));
      // The first step's corrections undo the factors of both moments.
      const updated = p - rate * (g / (Math.abs(g) + 1) + weightDecay * p);
      errors.content = Math.max(errors.content, Math.abs((content[place] ?? Number.NaN) - updated));
    }
    errors.first = Math.max(errors.first, worst / ((1 - beta1) * largest));
  }
  return { ...errors, norm: Math.sqrt(squares) };
}
