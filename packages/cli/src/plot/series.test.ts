import { describe, expect, it } from 'vitest';
import { makeAxis } from './axis.ts';
import { bucketExtremes, bucketMeans, type Point, runsOf, smooth } from './series.ts';

const line = (count: number, f: (x: number) => number): Point[] =>
  Array.from({ length: count }, (_, x) => ({ x, y: f(x) }));

describe('runsOf', () => {
  it('cuts at what is not finite', () => {
    const runs = runsOf({ name: 'a', x: [0, 1, 2, 3, 4], y: [1, Number.NaN, 3, 4, Infinity] });
    expect(runs).toEqual([
      [{ x: 0, y: 1 }],
      [
        { x: 2, y: 3 },
        { x: 3, y: 4 },
      ],
    ]);
  });

  it('takes nothing, and typed arrays', () => {
    expect(runsOf({ name: 'a', x: [], y: [] })).toEqual([]);
    expect(runsOf({ name: 'a', x: Int32Array.of(1), y: Float32Array.of(0.5) })).toEqual([[{ x: 1, y: 0.5 }]]);
  });

  it('wants as many x as y', () => {
    expect(() => runsOf({ name: 'loss', x: [1], y: [] })).toThrow('series "loss" needs as many x as y; got 1 and 0');
  });
});

describe('thinning', () => {
  const spiky = line(10_007, (x) => (x === 5000 ? 99 : Math.sin(x)));

  it('keeps short series', () => {
    const short = line(5, (x) => x);
    expect(bucketMeans(short, 5)).toBe(short);
    expect(bucketExtremes(short, 5)).toBe(short);
  });

  it('keeps the mean, within the count', () => {
    const thinned = bucketMeans(
      line(1000, (x) => 2 * x),
      7,
    );
    expect(thinned).toHaveLength(7);
    for (const { x, y } of thinned) expect(y).toBeCloseTo(2 * x, 9);
  });

  it('keeps spikes, ends and order', () => {
    const thinned = bucketExtremes(spiky, 100);
    expect(thinned.length).toBeLessThanOrEqual(200);
    expect(thinned.some(({ y }) => y === 99)).toBe(true);
    expect([thinned[0], thinned.at(-1)]).toEqual([spiky[0], spiky.at(-1)]);
    for (let i = 1; i < thinned.length; i++) expect(thinned[i]?.x).toBeGreaterThan(thinned[i - 1]?.x ?? -1);
  });

  it('takes many points at one x', () => {
    const stacked = Array.from({ length: 50 }, (_, y) => ({ x: 3, y }));
    expect(bucketMeans(stacked, 10)).toEqual([{ x: 3, y: 24.5 }]);
  });
});

describe('smooth', () => {
  it('leaves straight lines alone, ends included', () => {
    for (const { x, y } of smooth(
      line(101, (x) => 3 - 0.5 * x),
      0.2,
    ))
      expect(y).toBeCloseTo(3 - 0.5 * x, 9);
  });

  it('takes most of the noise away', () => {
    const noisy = line(400, (x) => (x % 2 === 0 ? 1 : -1));
    for (const { y } of smooth(noisy, 0.1)) expect(Math.abs(y)).toBeLessThan(0.2);
  });

  it('does nothing for 0 or too few points', () => {
    const points = line(3, (x) => x * x);
    expect(smooth(points, 0)).toBe(points);
    expect(smooth(points, 0.1)).toBe(points);
    expect(smooth([], 1)).toEqual([]);
    expect(smooth([{ x: 1, y: 2 }], 1)).toEqual([{ x: 1, y: 2 }]);
  });
});

describe('makeAxis', () => {
  const labels = (values: number[], options: Parameters<typeof makeAxis>[1]) =>
    makeAxis(values, options).ticks.map(({ label }) => label);

  it('ticks at round numbers inside the range', () => {
    expect(labels([1.62, 4.31], { count: 5 })).toEqual(['2.0', '2.5', '3.0', '3.5', '4.0']);
    expect(labels([0, 1500], { count: 6, whole: true })).toEqual(['0', '250', '500', '750', '1000', '1250', '1500']);
    expect(labels([0, 40_000], { count: 4 })).toEqual(['0', '10k', '20k', '30k', '40k']);
    expect(labels([0, 0.004], { count: 4 })).toEqual(['0.000', '0.001', '0.002', '0.003', '0.004']);
    expect(labels([-1, 1], { count: 2 })).toEqual(['-1', '0', '1']);
    expect(labels([0.1, 0.3], { count: 2 })).toEqual(['0.1', '0.2', '0.3']);
  });

  it('never splits whole numbers', () => {
    expect(labels([1, 3], { count: 10, whole: true })).toEqual(['1', '2', '3']);
  });

  it('has room around one value, none, and NaN', () => {
    for (const values of [[], [Number.NaN], [5], [0], [-3, -3]]) {
      const { min, max, ticks } = makeAxis(values, { count: 4 });
      expect(max).toBeGreaterThan(min);
      expect(ticks.length).toBeGreaterThan(1);
    }
  });

  it('starts at 0 when the data nearly does', () => {
    expect(makeAxis([1, 1500], { count: 4, fromZero: true }).min).toBe(0);
    expect(makeAxis([500, 1500], { count: 4, fromZero: true }).min).toBe(500);
    expect(makeAxis([-1, 1500], { count: 4, fromZero: true }).min).toBe(-1);
  });
});
