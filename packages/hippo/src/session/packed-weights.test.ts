// Products with frozen weights read panels that are packed once and shared; nothing else changes.
import { expect, it } from 'vitest';
import { read } from '../graph/trace.ts';
import type { Node, Value } from '../graph/value.ts';
import { stateVariable } from '../graph/variable.ts';
import { roundToF16 } from '../ops/cast-to-f16.ts';
import { add, gelu, matmul } from '../ops/index.ts';
import { tensor } from '../tensor/host-tensor.ts';
import { compile } from './compile.ts';
import { openDevice } from './device.ts';
import { createStore } from './store.ts';

const [k, n] = [19, 37];
const weight = stateVariable('weight', [n, k]);
const bias = stateVariable('bias', [n], 'f32', 0.25);
const layer = (x: Value): Value => gelu(add(matmul(x, read(weight), { transposeB: true }), read(bias)));
const noise = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898));

async function openStore() {
  const device = await openDevice({ threads: 1 });
  const store = createStore(device);
  store.initialize([weight, bias]);
  store.write(weight, tensor(noise(n * k), [n, k]));
  const layerOf = (rows: number, frozen: boolean) =>
    compile(({ x }) => ({ y: layer(x) }), {
      store,
      frozen: frozen ? [weight, bias] : [],
      verify: true,
      inputs: { x: { shape: [rows, k], dtype: 'f32' } },
    });
  return { device, store, layerOf };
}

it('gives the same bits as the weight itself', async () => {
  const { device, layerOf } = await openStore();
  const x = noise(64 * k);
  const [frozen, plain] = [await layerOf(64, true), await layerOf(64, false)];
  expect((await frozen({ x })).y.data).toEqual((await plain({ x })).y.data);
  expect(frozen.explain()).toContain('matmulEpilogue');
  expect(frozen.plan.variables.map(({ name }) => name)).toContain('weight.packed8t');
  await device.dispose();
});

it('shares the panels between functions, fills them anew, and gives them back with the last one', async () => {
  const { device, store, layerOf } = await openStore();
  const before = store.bytes;
  const [one, two] = [await layerOf(64, true), await layerOf(32, true)];
  const panels = Math.ceil(n / 8) * 8 * k * 4;
  expect(store.bytes).toBe(before + panels);
  one.dispose();
  expect(store.bytes).toBe(before + panels);
  store.write(weight, tensor(noise(n * k).reverse(), [n, k]));
  const [again, plain] = [await layerOf(64, true), await layerOf(64, false)];
  const x = noise(64 * k);
  expect((await again({ x })).y.data).toEqual((await plain({ x })).y.data);
  two.dispose();
  again.dispose();
  expect(store.bytes).toBe(before);
  await device.dispose();
});

it('leaves the weight alone where few rows read it as it lies', async () => {
  const { device, store, layerOf } = await openStore();
  const before = store.bytes;
  await layerOf(2, true);
  expect(store.bytes).toBe(before);
  await device.dispose();
});

it('keeps weights rounded to f16 where products want them so, one for all functions', async () => {
  const plain = await openDevice({ backend: 'reference' });
  const kernels = {
    ...plain.backend.kernels,
    packing: ({ operation }: Node) => (operation.name === 'matmul' ? { halves: [0, 1] } : undefined),
  };
  const store = createStore({ ...plain, backend: { ...plain.backend, kernels } });
  store.initialize([weight, bias]);
  store.write(weight, tensor(noise(n * k), [n, k]));
  const before = store.bytes;
  const layerOf = (rows: number) =>
    compile(({ x }) => ({ y: layer(x) }), {
      store,
      frozen: [weight, bias],
      verify: true,
      inputs: { x: { shape: [rows, k], dtype: 'f32' } },
    });
  const [one, two] = [await layerOf(2), await layerOf(3)];
  expect(store.bytes).toBe(before + 2 * n * k);
  const x = noise(3 * k);
  const rounded = createStore(plain);
  rounded.initialize([weight, bias]);
  rounded.write(weight, tensor(Float32Array.from(roundToF16(Float64Array.from(noise(n * k)))), [n, k]));
  const expected = await compile((inputs) => ({ y: layer(inputs.x) }), {
    store: rounded,
    inputs: { x: { shape: [3, k], dtype: 'f32' } },
  });
  expect((await two({ x })).y.data).toEqual((await expected({ x })).y.data);
  one.dispose();
  two.dispose();
  expect(store.bytes).toBe(before);
});
