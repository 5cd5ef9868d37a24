// Sums of padded neighbours as concatenations: the same numbers, without the zeros between.
import { describe, expect, it } from 'vitest';
import { prune } from '../graph/prune.ts';
import { simplify } from '../graph/simplify.ts';
import { input, traceGraph } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { compile } from '../session/compile.ts';
import { openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { add, gradient, mul, pad, reshape, sliceAxis, sum } from './index.ts';

const piece = (name: string, size: number): Value => input(name, { shape: [2, size], dtype: 'f32' });
const along = (value: Value, before: number, after: number): Value => pad(value, [0, before], [0, after]);
const namesOf = (build: () => Record<string, Value>): readonly string[] =>
  prune(simplify(traceGraph(build)))
    .nodes.filter(({ operation }) => !operation.leaf)
    .map(({ operation }) => operation.name)
    .filter((name) => name !== 'pad');

describe('a sum of padded values', () => {
  it('is a concatenation of neighbours, whichever comes first, and of three of them one', () => {
    expect(namesOf(() => ({ y: add(along(piece('a', 3), 0, 4), along(piece('b', 4), 3, 0)) }))).toEqual(['concat']);
    expect(namesOf(() => ({ y: add(along(piece('b', 4), 3, 0), along(piece('a', 3), 0, 4)) }))).toEqual(['concat']);
    const three = simplify(
      traceGraph(() => {
        const [a, b, c] = [along(piece('a', 1), 0, 5), along(piece('b', 2), 1, 3), along(piece('c', 3), 3, 0)];
        return { y: add(add(c, b), a) };
      }),
    );
    expect(three.outputs.get('y')?.node.inputs.map(({ shape }) => shape[1])).toEqual([1, 2, 3]);
  });
  it('stays a sum where they overlap, leave a gap, or somebody else reads one', () => {
    expect(namesOf(() => ({ y: add(along(piece('a', 3), 0, 3), along(piece('b', 4), 2, 0)) }))).toEqual(['add']);
    expect(namesOf(() => ({ y: add(along(piece('a', 3), 0, 5), along(piece('b', 4), 4, 0)) }))).toEqual(['add']);
    const shared = namesOf(() => {
      const a = along(piece('a', 3), 0, 4);
      return { a, y: add(a, along(piece('b', 4), 3, 0)) };
    });
    expect(shared).toEqual(['add']);
  });
  it('has the numbers of the gradient of the slices', async () => {
    await using device = await openDevice({ backend: 'reference' });
    const store = createStore(device);
    const run = await compile(
      ({ pairs }) => {
        const part = (at: number): Value => reshape(sliceAxis(pairs, -1, at, at + 1), [3]);
        const [dPairs] = gradient(sum(mul(mul(part(0), part(0)), part(1)), [0]), [pairs]);
        return { dPairs: dPairs as Value };
      },
      { store, inputs: { pairs: { shape: [3, 2], dtype: 'f32' } } },
    );
    const { dPairs } = await run({ pairs: [1, 2, 3, 4, 5, 6] });
    expect([...dPairs.data]).toEqual([4, 1, 24, 9, 60, 25]);
    expect(run.plan.steps.flatMap(({ operations }) => operations)).toContain('concat');
  });
});
