// The backend around the kernels: memory, replays, errors, several plans and devices at once.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { assign, read, traceGraph } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import { stateVariable, type Variable } from '../../graph/variable.ts';
import { add, exp, mul, sliceAxis, softmax, transpose } from '../../ops/index.ts';
import { makePlan } from '../../plan/make-plan.ts';
import { compile } from '../../session/compile.ts';
import { type Device, openDevice } from '../../session/device.ts';
import { createStore } from '../../session/store.ts';
import { webGpuTested } from '../../testing/webgpu.test-support.ts';
import { type DeviceErrors, watchDevice } from './errors.ts';
import { webGpuKernels } from './kernel-table.ts';
import { createMemory } from './memory.ts';
import { openWebGpuDevice } from './open-device.ts';
import { createPipelines } from './pipelines.ts';

const counter = (): Variable => stateVariable('counter', [3]);

describe.runIf(webGpuTested)('webgpu backend', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ backend: 'webgpu' });
  });
  afterAll(() => device.dispose());

  it('replays a thousand times in the memory it began with', async () => {
    using store = createStore(device);
    const count = counter();
    store.initialize([count]);
    using run = await compile(
      ({ x }) => {
        const next = add(read(count), x);
        assign(count, next);
        return { y: mul(next, 2) };
      },
      { store, inputs: { x: { shape: [3], dtype: 'f32' } } },
    );
    await run({ x: [1, 2, 3] });
    const bytes = device.backend.allocatedBytes;
    let last: Record<string, { data: ArrayLike<number> }> = {};
    for (let i = 0; i < 1000; i++) last = await run({ x: [1, 2, 3] });
    expect(device.backend.allocatedBytes).toBe(bytes);
    expect(Array.from(last.y?.data ?? [])).toEqual([2002, 4004, 6006]);
    expect(Array.from((await store.read(count)).data)).toEqual([1001, 2002, 3003]);
  });

  it('gives everything back', async () => {
    const before = device.backend.allocatedBytes;
    {
      using store = createStore(device);
      const count = counter();
      store.initialize([count]);
      using run = await compile(() => ({ y: exp(read(count)) }), { store });
      await run({});
      expect(device.backend.allocatedBytes).toBeGreaterThan(before);
    }
    // Staging buffers stay for the next read.
    expect(device.backend.allocatedBytes - before).toBeLessThanOrEqual(256);
  });

  it('keeps runs apart that are not waited for, in order', async () => {
    using store = createStore(device);
    using run = await compile(({ x }) => ({ y: mul(x, 3) }), {
      store,
      inputs: { x: { shape: [1000], dtype: 'f32' } },
    });
    const results = await Promise.all([1, 2, 3].map((value) => run({ x: new Float32Array(1000).fill(value) })));
    expect(results.map(({ y }) => y?.data[999])).toEqual([3, 6, 9]);
  });

  it('runs plans of two devices side by side', async () => {
    await using other = await openDevice({ backend: 'webgpu', webgpu: { limits: 'default' } });
    const build = ({ x }: { readonly x: Value }) => ({ y: transpose(x, [1, 0]) });
    const inputs = { x: { shape: [2, 3], dtype: 'f32' } } as const;
    using first = createStore(device);
    using second = createStore(other);
    const runs = await Promise.all([first, second].map((store) => compile(build, { store, inputs })));
    const results = await Promise.all(runs.map((run) => run({ x: [1, 2, 3, 4, 5, 6] })));
    for (const { y } of results) expect(Array.from(y?.data ?? [])).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it('lays an arena out over several buffers', async () => {
    const graph = traceGraph(() => {
      const [a, b] = [read(stateVariable('a', [300])), read(stateVariable('b', [300]))];
      const product = transpose(add(a, b), [0]);
      return { sum: exp(product), product: mul(product, 2), back: add(transpose(mul(a, b), [0]), 1) };
    });
    const kernels = { ...device.backend.kernels, pageBytes: 1280 };
    const plan = makePlan(graph, kernels);
    expect(plan.arenaBytes).toBeGreaterThan(1280);
    using store = createStore(device);
    store.initialize(plan.variables);
    for (const variable of plan.variables)
      store.write(variable, { shape: [300], dtype: 'f32', data: new Float32Array(300).fill(0.5) });
    const prepared = await device.backend.prepare(plan, (variable) => store.buffer(variable));
    const results = await prepared.run();
    prepared.dispose();
    expect(results.get('sum')?.[299]).toBeCloseTo(Math.E, 5);
    expect(results.get('product')?.[0]).toBe(2);
    expect(results.get('back')?.[150]).toBe(1.25);
  });

  it('refuses a tensor that fits no buffer, by name', () => {
    const graph = traceGraph(() => ({ y: exp(read(stateVariable('a', [300]))) }));
    expect(() => makePlan(graph, { ...device.backend.kernels, pageBytes: 1024 })).toThrow(
      /^exp.*: its result has 1200 bytes; this device allows 1024 in one piece\. Use a smaller batch or length, or the wasm backend\.$/,
    );
  });

  it('refuses a row that is larger than a kernel may see, by name', async () => {
    await using least = await openDevice({ backend: 'webgpu', webgpu: { limits: 'default' } });
    using store = createStore(least);
    const inputs = { x: { shape: [1, 2 ** 25 + 64], dtype: 'f32' } } as const;
    await expect(compile(({ x }) => ({ y: softmax(x) }), { store, inputs })).rejects.toThrow(
      /^webgpu, softmax: . has 134217984 bytes; this device lets a kernel see 134217728 at once\. Use a smaller model/,
    );
  });

  it('refuses more far places of a large operand than a kernel may bind', async () => {
    const graph = traceGraph(() => {
      const a = read(stateVariable('a', [65_536]));
      const parts = Array.from({ length: 20 }, (_, i) => sliceAxis(a, 0, 3000 * i, 3000 * i + 512));
      return { y: parts.reduce((sum, part) => add(sum, part)) };
    });
    const { traits, device: gpu } = await openWebGpuDevice();
    gpu.destroy();
    const plan = makePlan(graph, webGpuKernels({ ...traits, maxBindingBytes: 4096 }, 2 ** 28));
    using store = createStore(device);
    store.initialize(plan.variables);
    const prepared = device.backend.prepare(plan, (variable) => store.buffer(variable));
    await expect(prepared).rejects.toThrow(
      /^webgpu, elementwise: needs 21 pieces of memory; this device lets a kernel see \d+\. /,
    );
  });

  it('times steps by the device', async () => {
    using store = createStore(device);
    using run = await compile(({ x }) => ({ y: transpose(exp(transpose(x, [1, 0])), [1, 0]) }), {
      store,
      inputs: { x: { shape: [64, 64], dtype: 'f32' } },
    });
    const seconds = await run.profile({ x: new Float32Array(4096) }, 3);
    expect(seconds).toHaveLength(run.plan.steps.length);
    for (const time of seconds) expect(time).toBeGreaterThanOrEqual(0);
    expect(run.explain(seconds)).toMatch(/ ms \([\d.∞]+ GB\/s, [\d.∞]+ Gop\/s\)/);
  });

  it('says what is missing when a feature was asked for', async () => {
    const { traits } = await openWebGpuDevice();
    if (traits.f16) return;
    await expect(openDevice({ backend: 'webgpu', webgpu: { precision: 'f16' } })).rejects.toThrow(
      /^webgpu: asked for f16; .+ offers .+\. Ask for less, or use the wasm backend\.$/,
    );
  });

  it('shows the numbered source of a shader that does not compile', async () => {
    const { device: gpu } = await openWebGpuDevice();
    const compiling = createPipelines(gpu).pipeline('example', 'fn main() {\n  let x = undefined_name;\n}', [
      'storage',
    ]);
    await expect(compiling).rejects.toThrow(
      /^webgpu, example: the shader does not compile:\nline 2, column \d+: .*undefined_name.*\n1 \| fn main\(\) \{\n2 \| {3}let x = undefined_name;\n3 \| \}$/s,
    );
    gpu.destroy();
  });

  it('throws a typed error once the device is lost', async () => {
    const { device: gpu, gpu: kept } = await openWebGpuDevice();
    const errors = watchDevice(gpu);
    const memory = createMemory(gpu, errors);
    memory.allocate(64, 'test');
    gpu.destroy();
    await gpu.lost;
    await vi.waitFor(() => expect(errors.lost).toBe(true));
    expect(() => memory.allocate(64, 'test')).toThrow(/^webgpu: the device was lost \(.*\)\. Open a device anew/);
    await expect(memory.run([], [])).rejects.toMatchObject({ code: 'device-lost' });
    expect(kept).toBeDefined();
  });
});

it('reports memory that ran out, with the sizes', async () => {
  const errors: DeviceErrors = stubErrors();
  const device = {
    limits: { maxBufferSize: 1 << 20 },
    pushErrorScope: () => {},
    popErrorScope: async () => ({ message: 'no memory' }),
    createBuffer: ({ size }: { size: number }) => ({ size, destroy: () => {} }),
  } as never as GPUDevice;
  const memory = createMemory(device, errors);
  memory.allocate(1024, 'variable');
  await Promise.resolve();
  await Promise.resolve();
  expect(() => errors.check()).toThrow(
    /^webgpu, variable: the device has no memory for 1024 bytes more; \d+ are held\. Use a smaller model/,
  );
  expect(() => memory.allocate(1 << 21, 'variable')).toThrow(
    'webgpu, variable: needs a buffer of 2097152 bytes; this device allows 1048576. Use a device with larger buffers, a smaller model or batch, or the wasm backend.',
  );
});

function stubErrors(): DeviceErrors {
  const device = { addEventListener: () => {}, lost: new Promise(() => {}) } as never as GPUDevice;
  return watchDevice(device);
}
