import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { gradient, sum } from '../ops/index.ts';
import { tensor } from '../tensor/host-tensor.ts';
import { dropout } from './dropout.ts';
import { backends, evaluate, inputOf, openStore, outputOf, randomTensor } from './layer.test-support.ts';

const count = 10_000;
const ones = tensor(new Float32Array(count).fill(1), [count]);
const source = (step: number, seed = 7) => ({
  key: tensor(Uint32Array.of(seed, 0), [2]),
  counter: tensor([step], [], 'i32'),
});

describe.each(backends)('dropout on %s', (backend) => {
  const run = async (rate: number, step = 0, seed = 7) => {
    const store = await openStore(backend, []);
    const outputs = await evaluate(store, { x: ones, ...source(step, seed) }, (values) => {
      const x = inputOf(values, 'x');
      const random = { key: inputOf(values, 'key'), counter: inputOf(values, 'counter') };
      const [first, second] = [dropout(x, rate, random), dropout(x, rate, random)];
      const [dx] = gradient(sum(first), [x]);
      return { first, second, dx: dx ?? x };
    });
    return {
      first: [...outputOf(outputs, 'first').data],
      second: [...outputOf(outputs, 'second').data],
      dx: [...outputOf(outputs, 'dx').data],
    };
  };

  it('keeps a share of 1 − rate, scaled so that the mean stays', async () => {
    const { first } = await run(0.25);
    const kept = first.filter((x) => x !== 0);
    expect(kept.length / count).toBeCloseTo(0.75, 1);
    for (const x of kept) expect(x).toBeCloseTo(4 / 3, 6);
  });

  it('draws another mask at each place and step, and the same one again for the same step', async () => {
    const { first, second } = await run(0.5);
    expect(second).not.toEqual(first);
    expect((await run(0.5)).first).toEqual(first);
    expect((await run(0.5, 1)).first).not.toEqual(first);
    expect((await run(0.5, 0, 8)).first).not.toEqual(first);
  });

  it('gives the gradient the same mask', async () => {
    const { first, dx } = await run(0.5);
    expect(dx).toEqual(first);
  });

  it('a dropped NaN is gone', async () => {
    const store = await openStore(backend, []);
    const bad = tensor(new Float32Array(count).fill(Number.NaN), [count]);
    const { y } = await evaluate(store, { x: bad, ...source(0) }, (values) => ({
      y: dropout(inputOf(values, 'x'), 0.5, { key: inputOf(values, 'key'), counter: inputOf(values, 'counter') }),
    }));
    expect(y?.data.filter((x) => x === 0).length).toBeGreaterThan(count / 3);
  });

  it('is the identity without a random source and at rate 0', async () => {
    const store = await openStore(backend, []);
    await evaluate(store, { x: randomTensor([3], 'x'), ...source(0) }, (values) => {
      const x = inputOf(values, 'x');
      expect(dropout(x, 0.5, undefined)).toBe(x);
      expect(dropout(x, 0, { key: inputOf(values, 'key'), counter: inputOf(values, 'counter') })).toBe(x);
      for (const rate of [1, -0.1, Number.NaN]) expect(() => dropout(x, rate, undefined)).toThrow(UsageError);
      return { x };
    });
  });
});
