// Factors as f16: the reference backend plays one whose products want them, so that results show what was rounded, and once.
import { describe, expect, it } from 'vitest';
import { read } from '../graph/trace.ts';
import type { Node, Value } from '../graph/value.ts';
import { stateVariable } from '../graph/variable.ts';
import { roundToF16 } from '../ops/cast-to-f16.ts';
import { add, gelu, gradient, layerNorm, matmul, mul, sum } from '../ops/index.ts';
import { compile } from '../session/compile.ts';
import type { Device } from '../session/device.ts';
import { openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { tensor } from '../tensor/host-tensor.ts';
import type { Halves } from './kernel.ts';

const wishes = ({ operation, attributes }: Node): Halves => {
  if (operation.name === 'matmul') return { wanted: [0, 1] };
  if (operation.name === 'sum') return { accepted: [0] };
  return operation.name === 'layerNorm' ? { makes: { ...attributes, halves: true } } : {};
};

async function openHalving(): Promise<Device> {
  const device = await openDevice({ backend: 'reference' });
  const { backend } = device;
  return { ...device, backend: { ...backend, kernels: { ...backend.kernels, halves: wishes } } };
}

const [rows, width] = [3, 8];
const noise = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed));
const weights = ['w1', 'w2'].map((name) => stateVariable(name, [width, width]));
const [w1, w2] = weights as [(typeof weights)[0], (typeof weights)[0]];

/** Compiles on a device whose products want halves, and on one whose do not. */
async function both(build: (x: Value) => Record<string, Value>) {
  const made = await Promise.all(
    [await openHalving(), await openDevice({ backend: 'reference' })].map(async (device) => {
      const store = createStore(device);
      store.initialize(weights);
      for (const [at, weight] of weights.entries())
        store.write(weight, tensor(noise(width * width, at), [width, width]));
      const run = await compile(({ x }) => build(x), {
        store,
        verify: true,
        inputs: { x: { shape: [rows, width], dtype: 'f32' } },
      });
      const outputs = await run({ x: noise(rows * width, 9) });
      return { outputs, steps: run.plan.steps.map(({ operations }) => operations.join('+')), plan: run.plan };
    }),
  );
  return made as [(typeof made)[0], (typeof made)[0]];
}

describe('halveFactors', () => {
  it('rounds a weight of two products once, together with the others, and leaves what one product reads', async () => {
    const [halved, plain] = await both((x) => ({
      y: add(matmul(x, read(w1)), matmul(gelu(x), read(w1))),
      z: matmul(matmul(x, read(w2)), read(w2)),
    }));
    expect(halved.steps.filter((name) => name === 'castAllToF16')).toHaveLength(1);
    expect(halved.plan.steps.find(({ operations }) => operations[0] === 'castAllToF16')?.outputTypes).toEqual(
      [w1, w2].map(() => ({ shape: [width, width], dtype: 'f16' })),
    );
    expect(plain.steps.join(' ')).not.toContain('F16');
    // x is read by two products, gelu(x) is made by what could be fused, the inner product's result is read once and by no group.
    expect(halved.steps.filter((name) => name === 'castToF16')).toHaveLength(2);
    const [a, b] = [halved.outputs.y?.data ?? [], plain.outputs.y?.data ?? []];
    const largest = Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] ?? 0))));
    expect(largest).toBeGreaterThan(1e-6);
    expect(largest).toBeLessThan(8 * 2 ** -10);
  });
  it('gives the numbers of rounded factors', async () => {
    const [halved] = await both((x) => ({ y: matmul(x, read(w1)), z: matmul(mul(x, x), read(w1)) }));
    const [x, w] = [
      roundToF16(Float64Array.from(noise(rows * width, 9)).map((v) => Math.fround(v * v))),
      roundToF16(noise(width * width, 0) as never),
    ];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < width; j++) {
        let expected = 0;
        for (let l = 0; l < width; l++) expected += (x[i * width + l] ?? 0) * (w[l * width + j] ?? 0);
        expect(halved.outputs.z?.data[i * width + j]).toBeCloseTo(expected, 5);
      }
    }
  });
  it('writes a normalised factor as f16 alone where nobody else reads it, and sums its halves', async () => {
    const build = (others: boolean) => (x: Value) => {
      const y = layerNorm(x, { weight: sum(mul(read(w1), 0.1), [0]), bias: sum(mul(read(w2), 0.1), [0]) });
      return { a: matmul(y, read(w1)), b: matmul(y, read(w2)), s: sum(y, [0]), ...(others && { more: gelu(y) }) };
    };
    const [alone] = await both(build(false));
    const typeOf = (plan: typeof alone.plan, name: string) =>
      plan.steps.find(({ operations }) => operations[0] === name)?.outputTypes[0]?.dtype;
    expect(typeOf(alone.plan, 'layerNorm')).toBe('f16');
    expect(alone.steps).not.toContain('castToF16');
    expect(
      alone.plan.steps.find(({ operations, inputTypes }) => operations[0] === 'sum' && inputTypes[0]?.dtype === 'f16'),
    ).toBeDefined();
    const [shared] = await both(build(true));
    expect(typeOf(shared.plan, 'layerNorm')).toBe('f32');
    expect(shared.steps).toContain('castToF16');
  });
  it('leaves gradients as near as the rounding lets them be', async () => {
    const [halved, plain] = await both((x) => {
      const parameters = [w1, w2].map((weight) => read(weight));
      const loss = sum(matmul(gelu(matmul(x, parameters[0] as Value)), parameters[1] as Value), [0, 1]);
      const [d1, d2] = gradient(loss, parameters);
      return { d1: d1 as Value, d2: d2 as Value };
    });
    for (const name of ['d1', 'd2']) {
      const [a, b] = [halved.outputs[name]?.data ?? [], plain.outputs[name]?.data ?? []];
      const size = Math.max(...Array.from(b, Math.abs));
      for (const [i, value] of a.entries()) expect(Math.abs(value - (b[i] ?? 0))).toBeLessThan(4e-3 * size);
    }
  });
});
