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
