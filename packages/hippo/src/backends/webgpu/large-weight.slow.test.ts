// The embedding of issue size, 50,264 × 2,560 numbers in f32 (515 MB), on a device whose bindings end at 128 MiB, the base limit, which
// the device itself enforces here: as table, as tied head of few and of many rows, transposed, and trained. Its numbers are multiples
// of 1/16 made from their place, so that products of such numbers are exact whatever the order of their sums.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { read } from '../../graph/trace.ts';
import type { Variable } from '../../graph/variable.ts';
import { gatherRows, linearCrossEntropy, matmul, reshape, sliceAxis, transpose } from '../../ops/index.ts';
import { type CompiledFunction, compile } from '../../session/compile.ts';
import { type Device, openDevice } from '../../session/device.ts';
import { createStore, type Store } from '../../session/store.ts';
import { inBrowser } from '../../testing/test-file.test-support.ts';
import { webGpuTested } from '../../testing/webgpu.test-support.ts';
import { compileTrainStep } from '../../train/train-step.ts';
import { baseTraits } from './kernels/shader-snapshot.test-support.ts';
import * as adapters from './open-adapter.ts';

const [rows, width] = [50_264, 2560];
const { maxBindingBytes } = baseTraits;

/** Number `place` of the weight: −½ … 7/16 in steps of 1/16. */
const numberAt = (place: number): number => ((Math.imul(place, 0x9e3779b1) >>> 28) - 8) / 16;

function fill(): Float32Array {
  const data = new Float32Array(rows * width);
  for (let place = 0; place < data.length; place++) data[place] = numberAt(place);
  return data;
}

const embedding: Variable = {
  name: 'embedding',
  shape: [rows, width],
  dtype: 'f32',
  kind: 'parameter',
  initialize: fill,
};

/** Base limits but for the size of buffers: the weight is one buffer and more than three bindings. */
async function openBaseDevice(): Promise<Device> {
  const { openAdapter } = adapters;
  const spy = vi.spyOn(adapters, 'openAdapter').mockImplementation(async (options) => {
    const found = await openAdapter(options);
    const request = found.adapter.requestDevice.bind(found.adapter);
    const { maxBufferSize } = found.adapter.limits;
    found.adapter.requestDevice = (descriptor) => request({ ...descriptor, requiredLimits: { maxBufferSize } });
    return found;
  });
  try {
    return await openDevice({ backend: 'webgpu', webgpu: { limits: 'default' } });
  } finally {
    spy.mockRestore();
  }
}

describe.runIf(webGpuTested && !inBrowser)('a weight of 50,264 × 2,560 on bindings of 128 MiB', () => {
  let device: Device;
  let store: Store;
  beforeAll(async () => {
    device = await openBaseDevice();
    expect(device.details?.limits.maxStorageBufferBindingSize).toBe(maxBindingBytes);
    store = createStore(device);
    store.initialize([embedding]);
  });
  afterAll(() => device.dispose());

  it('gives the rows of ids', async () => {
    const ids = Int32Array.from([0, 13_106, 13_107, 26_214, 39_321, rows - 1, -1, rows]);
    using run = await compile(({ ids: picked }) => ({ y: gatherRows(read(embedding), picked) }), {
      store,
      inputs: { ids: { shape: [ids.length], dtype: 'i32' } },
    });
    const { y } = await run({ ids });
    const wanted = Float32Array.from({ length: ids.length * width }, (_, i) => {
      const id = ids[Math.floor(i / width)] ?? 0;
      return id < 0 || id >= rows ? Number.NaN : numberAt(id * width + (i % width));
    });
    expect(y?.data).toEqual(wanted);
  });

  it('is the head of two rows', async () => {
    using run = await head(2);
    const x = Float32Array.from({ length: 2 * width }, (_, i) => numberAt(i + 77));
    const { y } = await run({ x });
    const weight = fill();
    const wanted = new Float32Array(2 * rows);
    for (let row = 0; row < 2; row++) {
      for (let v = 0; v < rows; v++) wanted[row * rows + v] = dot(x, row * width, weight, v * width);
    }
    expect(y?.data).toEqual(wanted);
  });

  it('is the head of 20 rows', async () => {
    const count = 20;
    using run = await head(count);
    // Two numbers a row.
    const places = Array.from({ length: count }, (_, row) => [(row * 19) % width, (row * 401 + 1) % width] as const);
    const x = new Float32Array(count * width);
    for (const [row, [one, two]] of places.entries()) {
      x[row * width + one] = 1;
      x[row * width + two] = -2;
    }
    let t0 = performance.now();
    const { y } = await run({ x });
    console.log('run', performance.now() - t0, run.explain());
    t0 = performance.now();
    const wanted = new Float32Array(count * rows);
    for (const [row, [one, two]] of places.entries()) {
      for (let v = 0; v < rows; v++) {
        wanted[row * rows + v] = numberAt(v * width + one) - 2 * numberAt(v * width + two);
      }
    }
    console.log('ref', performance.now() - t0);
    t0 = performance.now();
    expect(y?.data).toEqual(wanted);
    console.log('cmp', performance.now() - t0);
  });

  function head(count: number): Promise<CompiledFunction<'x', 'y'>> {
    return compile(({ x }) => ({ y: matmul(x, read(embedding), { transposeB: true }) }), {
      store,
      inputs: { x: { shape: [count, width], dtype: 'f32' } },
    });
  }
});

function dot(a: Float32Array, firstA: number, b: Float32Array, firstB: number): number {
  let sum = 0;
  for (let j = 0; j < width; j++) sum += (a[firstA + j] ?? 0) * (b[firstB + j] ?? 0);
  return sum;
}
void [linearCrossEntropy, reshape, sliceAxis, transpose, compileTrainStep];
