// The elementary functions over their whole range, on one number and on four, against f64.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applySingle } from '../../../graph/trace.ts';
import { elementwiseTable } from '../../../ops/elementwise.ts';
import { compile } from '../../../session/compile.ts';
import { type Device, openDevice } from '../../../session/device.ts';
import { createStore } from '../../../session/store.ts';
import { tensor } from '../../../tensor/host-tensor.ts';
import { webGpuTested } from '../../../testing/webgpu.test-support.ts';
import { mathFunctions, withMath } from './math.ts';

type Name = keyof typeof elementwiseTable;

it('puts the functions that a text calls before it, each once', () => {
  const text = withMath('fn f(x: f32) -> f32 { return log1p1(x) + log1(x) + exponent(x); }');
  expect([...text.matchAll(/fn (\w+)/g)].map(([, name]) => name)).toEqual([
    'artanhTwice1',
    'logParts1',
    'nonFinite',
    'log1',
    'log1p1',
    'f',
  ]);
  expect(() => mathFunctions(['exponent'])).toThrow('no shader function exponent');
});

describe.runIf(webGpuTested)('on a device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ backend: 'webgpu' });
  });
  afterAll(() => device.dispose());

  /** The function of each column of numbers; an odd count takes the text for one number, a multiple of four that for vectors. */
  async function evaluate(name: Name, columns: readonly (readonly number[])[]): Promise<readonly number[]> {
    using store = createStore(device);
    const count = columns[0]?.length ?? 0;
    using run = await compile((values) => ({ y: applySingle(elementwiseTable[name], Object.values(values), {}) }), {
      store,
      inputs: Object.fromEntries(columns.map((_, i) => [`x${i}`, { shape: [count], dtype: 'f32' as const }])),
    });
    const { y } = await run(Object.fromEntries(columns.map((column, i) => [`x${i}`, tensor([...column], [count])])));
    return [...(y?.data ?? [])];
  }

  /** Numbers of both signs, equally many in each power of ten. */
  function spread(from: number, to: number, count: number): number[] {
    const sizes = Array.from({ length: count / 2 }, (_, i) => from * (to / from) ** (i / (count / 2 - 1)));
    return sizes.flatMap((size) => [size, -size]).map(Math.fround);
  }

  const relative = (bound: number) => (wanted: number) => bound * Math.abs(wanted);
  const absolute = (bound: number) => () => bound;
  it.each<[Name, readonly number[], (wanted: number, x: number) => number]>([
    ['exp', spread(1e-6, 87, 2000), relative(3e-7)],
    ['log', spread(1e-37, 1e38, 2000).map(Math.abs), relative(3e-7)],
    ['log', Array.from({ length: 2000 }, (_, i) => Math.fround(0.5 + i / 1000)), relative(3e-7)],
    ['log1p', spread(1e-30, 0.999, 2000), relative(4e-7)],
    ['sigmoid', spread(1e-6, 80, 2000), relative(4e-7)],
    ['tanh', spread(1e-30, 20, 2000), relative(3e-7)],
    ['erf', spread(1e-30, 6, 2000), relative(3e-7)],
    ['gelu', spread(1e-6, 30, 2000), absolute(6e-7)],
    ['sin', spread(1e-6, 4e4, 2000), absolute(3e-7)],
    ['sin', spread(4e4, 3e38, 2000), absolute(3e-7)],
    ['cos', spread(1e4, 3e38, 2000), absolute(3e-7)],
  ])('%s', async (name, numbers, bound) => {
    const evaluateAt = elementwiseTable[name].evaluate as (x: number) => number;
    for (const list of [numbers, numbers.slice(1)]) {
      const found = await evaluate(name, [list]);
      const worst = list
        .map((x, i) => ({ x, got: found[i] ?? Number.NaN, wanted: evaluateAt(x) }))
        .filter(({ x, got, wanted }) => !(Math.abs(got - wanted) <= bound(wanted, x)));
      expect(worst.slice(0, 5)).toEqual([]);
    }
  });

  const special = [0, -0, 1, -1, 2, -2, 3, 0.5, -2.5, 1e30, Infinity, -Infinity, Number.NaN];
  const pairs = special.flatMap((a) => special.map((b) => [a, b] as const));
  it.each<[Name, string, readonly (readonly [number, number])[], number]>([
    ['pow', 'special numbers', pairs, 1e-6],
    ['pow', 'a range', spread(1e-3, 1e3, 400).map((a, i) => [Math.abs(a), Math.fround(((i * 37) % 97) / 8 - 6)]), 3e-6],
    ['atan2', 'special numbers', pairs, 3e-7],
    ['atan2', 'a range', spread(1e-3, 1e3, 400).map((a, i) => [a, Math.fround(((i * 37) % 97) / 8 - 6)]), 5e-7],
    ['maximum', 'special numbers', pairs, 0],
    ['minimum', 'special numbers', pairs, 0],
  ])('%s of %s', async (name, _, points, bound) => {
    const evaluateAt = elementwiseTable[name].evaluate as (a: number, b: number) => number;
    const found = await evaluate(name, [points.map(([a]) => a), points.map(([, b]) => b)]);
    const wrong = points
      .map(([a, b], i) => ({ a, b, got: found[i] ?? 0, wanted: Math.fround(evaluateAt(a, b)) }))
      .filter(
        ({ got, wanted }) =>
          !(Object.is(got, wanted) || got === wanted || Math.abs(got - wanted) <= bound * Math.abs(wanted)),
      );
    expect(wrong.slice(0, 5)).toEqual([]);
  });
});
