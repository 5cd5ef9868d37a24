// The whole compiler on the reference backend: gradients, in-place variables, fused groups left alone.
import { expect, it } from 'vitest';
import { assign, read } from '../graph/trace.ts';
import { stateVariable } from '../graph/variable.ts';
import { add, gradient, matmul, mean, mul, square, sub } from '../ops/index.ts';
import { scalarOf, tensor } from '../tensor/host-tensor.ts';
import { compile } from './compile.ts';
import { openDevice } from './device.ts';
import { createStore } from './store.ts';

it('trains a linear fit in one plan', async () => {
  const device = await openDevice({ backend: 'reference' });
  const store = createStore(device);
  const weight = stateVariable('weight', [2, 1]);
  const bias = stateVariable('bias', [1]);
  store.initialize([weight, bias]);
  const step = await compile(
    ({ x, y }) => {
      const error = sub(add(matmul(x, read(weight)), read(bias)), y);
      const loss = mean(square(error));
      const [dWeight, dBias] = gradient(loss, [read(weight), read(bias)]);
      if (dWeight) assign(weight, sub(read(weight), mul(0.1, dWeight)));
      if (dBias) assign(bias, sub(read(bias), mul(0.1, dBias)));
      return { loss };
    },
    { store, inputs: { x: { shape: [4, 2], dtype: 'f32' }, y: { shape: [4, 1], dtype: 'f32' } }, verify: true },
  );
  const x = tensor([1, 2, -1, 0, 3, 1, 0, -2], [4, 2]);
  const y = tensor([2 * 1 - 2 + 1, -2 + 1, 6 - 1 + 1, 2 + 1], [4, 1]);
  let loss = Number.NaN;
  for (let i = 0; i < 400; i++) loss = scalarOf((await step({ x, y })).loss);
  expect(loss).toBeLessThan(1e-6);
  const { data } = await store.read(weight);
  expect(data[0]).toBeCloseTo(2, 2);
  expect(data[1]).toBeCloseTo(-1, 2);
  expect(step.explain()).toContain('matmul');
});

it('allocates nothing when a plan is replayed, and gives everything back', async () => {
  await using device = await openDevice({ backend: 'wasm', threads: 2 });
  const empty = device.backend.allocatedBytes;
  {
    using store = createStore(device);
    const total = stateVariable('total', [64, 64]);
    store.initialize([total]);
    using step = await compile(
      ({ x }) => {
        assign(total, add(read(total), matmul(x, x)));
        return { norm: mean(square(read(total))) };
      },
      { store, inputs: { x: { shape: [64, 64], dtype: 'f32' } } },
    );
    const x = new Float32Array(64 * 64).fill(0.01);
    await step({ x });
    const held = device.backend.allocatedBytes;
    for (let i = 0; i < 200; i++) await step({ x });
    expect(device.backend.allocatedBytes).toBe(held);
    expect((await store.read(total)).data[0]).toBeCloseTo(201 * 64 * 1e-4, 4);
  }
  expect(device.backend.allocatedBytes).toBe(empty);
});

it('says which input is missing, unknown or of another size', async () => {
  await using device = await openDevice({ backend: 'reference' });
  using store = createStore(device);
  using double = await compile(({ x }) => ({ y: mul(x, 2) }), { store, inputs: { x: { shape: [3], dtype: 'f32' } } });
  await expect(double({ x: [1, 2] })).rejects.toThrow('input "x" is f32[3], 3 numbers; got 2');
  await expect(double({} as { x: number[] })).rejects.toThrow('input "x" is missing');
  await expect(double({ x: [1, 2, 3], z: [1] } as { x: number[] })).rejects.toThrow('there is no input "z"');
  await expect(compile(() => ({ y: read(stateVariable('w', [2])) }), { store })).rejects.toThrow(
    'variable "w" has no memory here',
  );
});
