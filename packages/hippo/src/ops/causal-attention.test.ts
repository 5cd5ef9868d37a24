import { describe, expect, it } from 'vitest';
import type { Value } from '../graph/value.ts';
import { compile } from '../session/compile.ts';
import { openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { elementCount } from '../tensor/shape.ts';
import { checkGradient } from '../testing/gradient-check.ts';
import { causalAttention } from './causal-attention.ts';
import { gradient, iota, lessEqual, matmul, mul, reshape, select, softmax, sum } from './index.ts';

/** The same from matrix products and a softmax. */
function composed(q: Value, k: Value, v: Value, scale: number): Value {
  const length = q.shape[2] ?? 1;
  const visible = lessEqual(iota(length), reshape(iota(length), [length, 1]));
  const scores = mul(matmul(q, k, { transposeB: true }), scale);
  return matmul(softmax(select(visible, scores, Number.NEGATIVE_INFINITY)), v);
}

const numbers = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => 2 * Math.sin(seed + 1.7 * i + 0.01 * i * i));

describe('causalAttention', () => {
  it.each([
    [[1, 1, 1, 1], undefined],
    [[2, 3, 7, 4], undefined],
    [[1, 2, 9, 3], 1.9],
  ] as const)('of %j, scale %s, and its gradients equal the composed form', async (shape, scale) => {
    await using device = await openDevice({ backend: 'reference' });
    using store = createStore(device);
    const type = { shape: [...shape], dtype: 'f32' as const };
    const count = elementCount(shape);
    const run = await compile(
      ({ q, k, v, w }) => {
        const inputs = [q, k, v] as Value[];
        const [a, b, c] = inputs as [Value, Value, Value];
        const one = causalAttention(a, b, c, scale === undefined ? {} : { scale });
        const other = composed(a, b, c, scale ?? 1 / Math.sqrt(shape[3]));
        const slopes = (y: Value) => gradient(sum(mul(y, w as Value)), inputs);
        const [[q1, k1, v1], [q2, k2, v2]] = [slopes(one), slopes(other)];
        return { y1: one, y2: other, q1, q2, k1, k2, v1, v2 } as Record<string, Value>;
      },
      { store, inputs: { q: type, k: type, v: type, w: type } },
    );
    const got = await run({ q: numbers(count, 1), k: numbers(count, 2), v: numbers(count, 3), w: numbers(count, 4) });
    for (const name of ['y', 'q', 'k', 'v']) {
      const [one, two] = [got[`${name}1`]?.data ?? [], got[`${name}2`]?.data ?? []];
      expect(one.length).toBe(count);
      for (let i = 0; i < count; i++) expect(one[i], `${name}[${i}]`).toBeCloseTo(two[i] ?? Number.NaN, 5);
    }
  });

  it.each([[[1, 1, 1, 2]], [[1, 2, 3, 2]], [[2, 1, 5, 3]]])('gradient by differences at %j', async (shape) => {
    const { worst } = await checkGradient((q, k, v) => causalAttention(q as Value, k as Value, v as Value), {
      shapes: [shape, shape, shape],
    });
    expect(worst).toBeLessThan(1e-6);
  });

  it('names the shapes that do not fit', async () => {
    await using device = await openDevice({ backend: 'reference' });
    using store = createStore(device);
    const attend = (last: readonly number[]) =>
      compile(({ q, v }) => ({ y: causalAttention(q as Value, q as Value, v as Value) }), {
        store,
        inputs: { q: { shape: [1, 2, 3, 4], dtype: 'f32' }, v: { shape: last, dtype: 'f32' } },
      });
    await expect(attend([1, 2, 3, 5])).rejects.toThrow(/of one shape; got q f32\[1, 2, 3, 4\].*v f32\[1, 2, 3, 5\]/);
    await expect(attend([2, 3, 4])).rejects.toThrow(/v f32\[2, 3, 4\]/);
  });
});
