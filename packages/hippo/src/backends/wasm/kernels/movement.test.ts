import { describe, expect, it } from 'vitest';
import { callProbe } from './call-probe.test-support.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';
import { concatCalls, padCalls, updateSliceCalls } from './movement.ts';

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

function padded(
  x: Float32Array,
  shape: readonly number[],
  before: readonly number[],
  after: readonly number[],
): Float32Array {
  const larger = shape.map((size, axis) => before[axis]! + size + after[axis]!);
  const out = new Float32Array(product(larger));
  x.forEach((value, i) => {
    let [rest, at, stride] = [i, 0, 1];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += ((rest % shape[axis]!) + before[axis]!) * stride;
      stride *= larger[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    out[at] = value;
  });
  return out;
}

function updated(base: Float32Array, update: Float32Array, sizes: readonly number[], position: number): Float32Array {
  const [outer = 1, capacity = 1, count = 1, inner = 1] = sizes;
  const out = base.slice();
  for (let o = 0; o < outer; o++)
    out.set(update.subarray(o * count * inner, (o + 1) * count * inner), (o * capacity + position) * inner);
  return out;
}

describe.each(builds)('movement, %s build', async (build) => {
  const run = await callProbe(build);

  it.each([
    { shapes: [[3]], axis: 0 },
    {
      shapes: [
        [2, 1],
        [2, 1],
        [2, 1],
      ],
      axis: 1,
    },
    {
      shapes: [
        [5, 3, 2],
        [5, 1, 2],
        [5, 8, 2],
      ],
      axis: 1,
    },
    {
      shapes: [
        [1, 5000],
        [2, 5000],
      ],
      axis: 0,
    },
    {
      shapes: [
        [7, 65],
        [7, 200],
        [7, 0],
      ],
      axis: 1,
    },
  ])('joins $shapes along axis $axis', ({ shapes, axis }) => {
    const inputs = shapes.map((shape, i) => noise(product(shape), i + 1));
    const outer = product(shapes[0]!.slice(0, axis));
    const want: number[] = [];
    for (let o = 0; o < outer; o++) {
      inputs.forEach((data, i) => {
        const width = product(shapes[i]!.slice(axis));
        want.push(...data.subarray(o * width, (o + 1) * width));
      });
    }
    expect([...run(concatCalls({ shapes, axis }), inputs, [want.length])[0]!]).toEqual(want);
  });

  it.each([
    { shape: [], before: [], after: [] },
    { shape: [1], before: [0], after: [3] },
    { shape: [5], before: [2], after: [0] },
    { shape: [9000], before: [5000], after: [1] },
    { shape: [3, 4], before: [1, 0], after: [0, 0] },
    { shape: [3, 4], before: [0, 1], after: [2, 3] },
    { shape: [2, 3, 70], before: [0, 2, 0], after: [0, 0, 0] },
    { shape: [2, 3, 2, 3], before: [1, 0, 2, 0], after: [0, 1, 0, 0] },
    { shape: [2, 1, 3, 2], before: [1, 1, 1, 1], after: [1, 2, 0, 3] },
    { shape: [0, 3], before: [1, 0], after: [1, 0] },
  ])('surrounds $shape with $before and $after zeros', ({ shape, before, after }) => {
    const x = noise(product(shape), 1);
    const want = padded(x, shape, before, after);
    expect(run(padCalls({ shape, before, after }), [x], [want.length])[0]).toEqual(want);
  });

  it.each([
    [1, 1, 1, 1],
    [1, 8, 3, 1],
    [3, 5, 2, 7],
    [2, 40, 1, 300],
    [1, 64, 64, 100],
  ])('writes into [%i, %i (%i), %i], beside and in place, positions clamped', (outer, capacity, count, inner) => {
    const [base, update] = [noise(outer * capacity * inner, 1), noise(outer * count * inner, 2)];
    const calls = updateSliceCalls({ outer, capacity, count, inner });
    for (const position of [0, 1, capacity - count, capacity, -5, 2_147_483_647, -2_147_483_648]) {
      const clamped = Math.min(Math.max(position, 0), capacity - count);
      const want = updated(base, update, [outer, capacity, count, inner], clamped);
      const inputs = [base, update, Int32Array.of(position)];
      expect(run(calls, inputs, [base.length])[0]).toEqual(want);
      expect(run(calls, inputs, [{ inPlace: 0 }])[0]).toEqual(want);
    }
  });

  it('writes each group of rows at a position of its own', () => {
    const [outer, capacity, count, inner] = [6, 9, 2, 700];
    const [base, update] = [noise(outer * capacity * inner, 1), noise(outer * count * inner, 2)];
    const positions = [3, 0, 8];
    const want = Float32Array.from(base);
    for (let row = 0; row < outer; row++) {
      const at = Math.min(positions[row >> 1]!, capacity - count);
      want.set(update.subarray(row * count * inner, (row + 1) * count * inner), (row * capacity + at) * inner);
    }
    const calls = updateSliceCalls({ outer, capacity, count, inner, positions: 3 });
    const inputs = [base, update, Int32Array.from(positions)];
    expect(run(calls, inputs, [base.length])[0]).toEqual(want);
    expect(run(calls, inputs, [{ inPlace: 0 }])[0]).toEqual(want);
  });
});
