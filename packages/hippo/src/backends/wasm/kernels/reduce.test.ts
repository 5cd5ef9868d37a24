import { describe, expect, it } from 'vitest';
import { callProbe, expectNear } from './call-probe.test-support.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';
import { reduceCalls } from './reduce.ts';

function reduced(x: Float32Array, outer: number, extent: number, inner: number, kind: 'sum' | 'max'): Float64Array {
  const out = new Float64Array(outer * inner).fill(kind === 'sum' ? 0 : Number.NEGATIVE_INFINITY);
  for (let o = 0; o < outer; o++)
    for (let r = 0; r < extent; r++)
      for (let i = 0; i < inner; i++) {
        const value = x[(o * extent + r) * inner + i]!;
        out[o * inner + i] = kind === 'sum' ? out[o * inner + i]! + value : Math.max(out[o * inner + i]!, value);
      }
  return out;
}

const shapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [3, 0, 1],
  [2, 0, 5],
  [1, 7, 1],
  [5, 33, 1],
  [1, 4096, 1],
  [3, 4097, 1],
  [1, 100_003, 1],
  [1, 4, 3],
  [2, 1, 257],
  [3, 17, 2],
  [1, 1024, 384],
  [1, 1000, 97],
  [4, 129, 5],
  [1, 20_000, 6],
];

describe.each(builds)('reduce, %s build', async (build) => {
  const run = await callProbe(build);

  it.each(shapes)('sums and takes the largest of [%i, %i, %i]', (outer, extent, inner) => {
    const x = noise(outer * extent * inner, extent);
    for (const kind of ['sum', 'max'] as const) {
      const [out] = run(reduceCalls({ outer, reduced: extent, inner, kind }), [x], [outer * inner]);
      expectNear(
        out!,
        reduced(x, outer, extent, inner, kind),
        kind === 'max' ? { tolerance: 0 } : { tolerance: 2e-7, floor: Math.sqrt(extent) },
      );
    }
  });

  it('keeps small terms beside a large sum', () => {
    const count = 1 << 22;
    const [rows] = run(
      reduceCalls({ outer: 1, reduced: count, inner: 1, kind: 'sum' }),
      [new Float32Array(count).fill(0.1)],
      [1],
    );
    const [columns] = run(
      reduceCalls({ outer: 1, reduced: count / 4, inner: 4, kind: 'sum' }),
      [new Float32Array(count).fill(0.1)],
      [4],
    );
    expect(rows![0]! / (count * Math.fround(0.1))).toBeCloseTo(1, 5);
    for (const value of columns!) expect(value / ((count / 4) * Math.fround(0.1))).toBeCloseTo(1, 5);
  });

  it.each([
    [1, 9000, 1, 8999],
    [1, 37, 1, 36],
    [1, 300, 3, 898],
    [2, 12, 8, 100],
  ])('spreads a NaN of [%i, %i, %i] at %i, and only there', (outer, extent, inner, at) => {
    const x = noise(outer * extent * inner, 3);
    x[at] = Number.NaN;
    for (const kind of ['sum', 'max'] as const) {
      const [out] = run(reduceCalls({ outer, reduced: extent, inner, kind }), [x], [outer * inner]);
      const column = Math.floor(at / (extent * inner)) * inner + (at % inner);
      expect([...out!].map(Number.isNaN)).toEqual([...out!].map((_, i) => i === column));
    }
  });
});
