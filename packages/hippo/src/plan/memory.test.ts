import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Interval, mostAliveBytes, placeIntervals } from './memory.ts';

const interval = fc
  .record({
    bytes: fc.integer({ min: 1, max: 5000 }),
    from: fc.integer({ min: 0, max: 40 }),
    span: fc.integer({ min: 0, max: 20 }),
  })
  .map(({ bytes, from, span }): Interval => ({ bytes, from, to: from + span }));

it('never lets two storages that are alive at once overlap, and never wastes beyond their sum', () => {
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 40 }), (intervals) => {
      const { offsets, bytes } = placeIntervals(intervals);
      for (const [i, a] of intervals.entries()) {
        expect((offsets[i] ?? 0) + a.bytes).toBeLessThanOrEqual(bytes);
        for (const [j, b] of intervals.entries()) {
          const apart = a.to < b.from || b.to < a.from;
          const disjoint =
            (offsets[i] ?? 0) + a.bytes <= (offsets[j] ?? 0) || (offsets[j] ?? 0) + b.bytes <= (offsets[i] ?? 0);
          expect(i === j || apart || disjoint).toBe(true);
        }
      }
      expect(bytes).toBeGreaterThanOrEqual(mostAliveBytes(intervals));
      expect(bytes).toBeLessThanOrEqual(intervals.reduce((sum, { bytes: size }) => sum + Math.ceil(size / 64) * 64, 0));
    }),
  );
});

it('gives storages with separate lives the same bytes', () => {
  const { bytes } = placeIntervals([
    { bytes: 640, from: 0, to: 1 },
    { bytes: 640, from: 2, to: 3 },
    { bytes: 640, from: 4, to: 4 },
  ]);
  expect(bytes).toBe(640);
});

it('counts what is alive at once', () => {
  const lives = [
    { bytes: 64, from: 0, to: 2 },
    { bytes: 100, from: 2, to: 3 },
    { bytes: 640, from: 3, to: 3 },
    { bytes: 64, from: 4, to: 9 },
  ];
  expect(mostAliveBytes(lives)).toBe(128 + 640);
  expect(mostAliveBytes([])).toBe(0);
});
