// Attention against its formula in plain numbers, rotary positions, dropout on the weights, and what it refuses.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { full } from '../ops/index.ts';
import { type HostTensor, tensor } from '../tensor/host-tensor.ts';
import { type AttentionOptions, attention } from './attention.ts';
import {
  backends,
  evaluate,
  inputOf,
  openStore,
  outputOf,
  perturb,
  randomTensor,
  relativeError,
  tolerances,
} from './layer.test-support.ts';
import { applyRotary, rotaryTables } from './rotary.ts';
import { rootScope } from './scope.ts';

const [width, heads, headDim, length] = [6, 2, 3, 5];

/** softmax(q·kᵀ/√headDim)·v over earlier positions, then the projections; for one sequence. */
function plainAttention(x: HostTensor, weights: Readonly<Record<string, HostTensor>>): number[] {
  const at = (name: string, index: number): number => weights[name]?.data[index] ?? Number.NaN;
  const project = (name: string, row: (i: number) => number, output: number): number =>
    Array.from({ length: width }, (_, i) => at(`${name}.weight`, output * width + i) * row(i)).reduce(
      (a, b) => a + b,
      at(`${name}.bias`, output),
    );
  const part = (which: number, t: number, head: number, i: number): number =>
    project('Wqkv', (j) => x.data[t * width + j] ?? 0, (which * heads + head) * headDim + i);
  const dot = (t: number, s: number, head: number): number =>
    Array.from({ length: headDim }, (_, i) => part(0, t, head, i) * part(1, s, head, i)).reduce((a, b) => a + b, 0) /
    Math.sqrt(headDim);
  return Array.from({ length }, (_, t) => {
    const mixed = Array.from({ length: width }, (__, channel) => {
      const head = Math.floor(channel / headDim);
      const e = Array.from({ length: t + 1 }, (___, s) => Math.exp(dot(t, s, head)));
      const total = e.reduce((a, b) => a + b, 0);
      return e.map((value, s) => (value / total) * part(2, s, head, channel % headDim)).reduce((a, b) => a + b, 0);
    });
    return Array.from({ length: width }, (__, output) => project('out_proj', (i) => mixed[i] ?? 0, output));
  }).flat();
}

describe.each(backends)('attention on %s', (backend) => {
  it('is its formula', async () => {
    const scope = rootScope();
    const layer = attention(scope, { width, heads, deviation: 0.6 });
    const store = await openStore(backend, scope.variables);
    await perturb(store, scope.variables);
    const x = randomTensor([1, length, width], 'x');
    const { y } = await evaluate(store, { x }, (values) => ({ y: layer.apply(inputOf(values, 'x')).y }));
    const weights = Object.fromEntries(
      await Promise.all(scope.variables.map(async (v) => [v.name, await store.read(v)] as const)),
    );
    expect(relativeError(y?.data, plainAttention(x, weights))).toBeLessThan(tolerances.equivalence);
  });

  it('rotary turns the pair (i, i + dim/2) by position·base^(−2i/dim) and leaves the rest', async () => {
    const store = await openStore(backend, []);
    const x = randomTensor([1, 1, 4, 5], 'rotary');
    const { y } = await evaluate(store, { x }, (values) => ({
      y: applyRotary(inputOf(values, 'x'), rotaryTables({ dim: 4, base: 100, positions: 4 })),
    }));
    const expected = Array.from({ length: 4 }, (_, t) => {
      const row = x.data.subarray(t * 5, t * 5 + 5);
      const turn = (i: number, angle: number): [number, number] => {
        const [a, b] = [row[i] ?? 0, row[i + 2] ?? 0];
        return [a * Math.cos(angle) - b * Math.sin(angle), b * Math.cos(angle) + a * Math.sin(angle)];
      };
      const [p, q] = [turn(0, t), turn(1, t / 10)];
      return [p[0], q[0], p[1], q[1], row[4] ?? 0];
    });
    expect(relativeError(y?.data, expected.flat())).toBeLessThan(1e-6);
  });

  it('drops attention weights only while training', async () => {
    const scope = rootScope();
    const layer = attention(scope, { width, heads, dropout: 0.5, deviation: 0.6 });
    const store = await openStore(backend, scope.variables);
    const inputs = {
      x: randomTensor([1, length, width], 'x'),
      key: tensor(Uint32Array.of(1, 0), [2]),
      counter: tensor([0], [], 'i32'),
    };
    const outputs = await evaluate(store, inputs, (values) => {
      const x = inputOf(values, 'x');
      const random = { key: inputOf(values, 'key'), counter: inputOf(values, 'counter') };
      return { plain: layer.apply(x).y, again: layer.apply(x).y, training: layer.apply(x, { random }).y };
    });
    expect(outputOf(outputs, 'again').data).toEqual(outputOf(outputs, 'plain').data);
    expect(relativeError(outputOf(outputs, 'training').data, outputOf(outputs, 'plain').data)).toBeGreaterThan(0.01);
  });

  it.each<[AttentionOptions, RegExp]>([
    [{ width: 6, heads: 4 }, /multiple of the number of heads; got width 6 and 4 heads/],
    [{ width: 6, heads: 0 }, /multiple of the number of heads/],
    [{ width: 8, heads: 2, rotaryDim: 3 }, /even and at most the head's size 4; got 3/],
    [{ width: 8, heads: 2, rotaryDim: 6 }, /even and at most the head's size 4; got 6/],
    [{ width: 8, heads: 2, rotaryDim: -2 }, /even and at most the head's size 4; got -2/],
  ])('refuses %j', (options, sentence) => {
    expect(() => attention(rootScope(), options)).toThrow(sentence);
  });

  it('says what a call with a state lacks', async () => {
    const scope = rootScope();
    const layer = attention(scope, { width, heads });
    const store = await openStore(backend, scope.variables);
    await evaluate(store, { x: randomTensor([1, 3, width], 'x') }, (values) => {
      const x = inputOf(values, 'x');
      const cache = (capacity: number) => full([1, heads, capacity, headDim], 0);
      const position = full([], 0, 'i32');
      expect(() => layer.apply(x, { state: { k: cache(4), v: cache(4) } })).toThrow(/needs `position`/);
      expect(() => layer.apply(x, { state: { k: cache(4) }, position })).toThrow(/"v" is missing \(got k\)/);
      expect(() => layer.apply(x, { state: { k: cache(2), v: cache(2) }, position })).toThrow(
        /3 tokens for a capacity of 2/,
      );
      expect(() => layer.apply(x, { state: {}, position })).toThrow(UsageError);
      return { x };
    });
  });
});
