import { describe, expect, it } from 'vitest';
import { type BatchOptions, batchAt, checkWindows, splitText } from './batches.ts';

const tokens = Int32Array.from({ length: 50 }, (_, i) => i);
const options: BatchOptions = { tokens, batch: 3, length: 7, seed: 5 };

describe('batchAt', () => {
  it('is a pure function of seed, step and micro-batch', () => {
    const draws = [
      batchAt(options, { step: 4 }),
      batchAt(options, { step: 5 }),
      batchAt(options, { step: 4, micro: 1 }),
      batchAt({ ...options, seed: 6 }, { step: 4 }),
      batchAt({ ...options, seed: 5 + 2 ** 32 }, { step: 4 }),
      batchAt({ ...options, seed: -5 }, { step: 4 }),
    ];
    expect(batchAt(options, { step: 4, micro: 0 })).toEqual(draws[0]);
    expect(new Set(draws.map(String)).size).toBe(draws.length);
  });

  it('reads runs of neighbours from everywhere in the text, both ends included, about equally often', () => {
    const seen = new Map<number, number>();
    for (let step = 0; step < 1000; step++) {
      const windows = batchAt(options, { step });
      expect(windows).toHaveLength(24);
      for (let row = 0; row < 3; row++) {
        const window = windows.subarray(row * 8, row * 8 + 8);
        const start = window[0] ?? -1;
        expect([...window]).toEqual(Array.from({ length: 8 }, (_, i) => start + i));
        seen.set(start, (seen.get(start) ?? 0) + 1);
      }
    }
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 43 }, (_, i) => i));
    const expected = 3000 / 43;
    const chiSquared = [...seen.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquared).toBeLessThan(76.1); // the 0.1 % point for 42 degrees of freedom
  });

  it.each(['random', 'epoch'] as const)('cuts a big batch into micro-batches, order %s', (order) => {
    const parts = [0, 1].map((micro) => batchAt({ ...options, order, accumulation: 2 }, { step: 3, micro }));
    const whole = batchAt({ ...options, order, batch: 6 }, { step: 3 });
    expect(parts.flatMap((part) => [...part])).toEqual([...whole]);
  });

  it('by epochs reads each window once before any comes again, in another order each time', () => {
    const epoch = (first: number): number[] =>
      Array.from(
        { length: 7 },
        (_, i) => batchAt({ ...options, batch: 1, order: 'epoch' }, { step: first + i })[0] ?? -1,
      );
    const [one, two] = [epoch(0), epoch(7)];
    for (const starts of [one, two]) {
      const sorted = [...starts].sort((a, b) => a - b);
      // Seven windows of seven targets cover 49 of 50 tokens, so that they can only start at 0.
      expect(sorted).toEqual([0, 7, 14, 21, 28, 35, 42]);
    }
    expect(one).not.toEqual(two);
  });

  it('by epochs uses the tokens that whole windows leave over', () => {
    const starts = new Set<number>();
    for (let step = 0; step < 60; step++)
      starts.add((batchAt({ ...options, batch: 1, length: 20, order: 'epoch' }, { step })[0] ?? 0) % 20);
    expect([...starts].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('fits exactly once into a text of one window, and never into a shorter one', () => {
    const one = { tokens: tokens.subarray(0, 8), batch: 1, length: 7, seed: 0 };
    for (const order of ['random', 'epoch'] as const)
      expect([...batchAt({ ...one, order }, { step: 9 })]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(() => batchAt({ ...one, tokens: tokens.subarray(0, 7) }, { step: 0 })).toThrow(
      'a window needs 8 tokens (7 and the one after); the text has 7',
    );
    expect(() => checkWindows([], 1)).toThrow(expect.objectContaining({ code: 'text-too-short', name: 'DataError' }));
  });

  it.each([{ batch: 0 }, { length: 0 }, { length: 1.5 }, { seed: Number.NaN }, { accumulation: 0 }])(
    'refuses %j',
    (bad) => {
      expect(() => batchAt({ ...options, ...bad }, { step: 0 })).toThrow(
        expect.objectContaining({ code: 'batch-option', name: 'UsageError' }),
      );
    },
  );
});

describe('splitText', () => {
  it('rounds the training part down', () => {
    expect(splitText('0123456789')).toEqual({ training: '012345678', validation: '9' });
    expect(splitText('x'.repeat(1_115_394)).training).toHaveLength(1_003_854);
    expect(splitText('ab', { validationShare: 0.5 })).toEqual({ training: 'a', validation: 'b' });
  });

  it('does not cut a character of two code units', () => {
    expect(splitText('a😀b', { validationShare: 0.5 })).toEqual({ training: 'a😀', validation: 'b' });
  });

  it('refuses a text too short for two parts, and shares outside 0 to 1', () => {
    for (const text of ['', 'a', '😀'])
      expect(() => splitText(text, { validationShare: 0.5 })).toThrow(
        expect.objectContaining({ code: 'text-too-short' }),
      );
    for (const validationShare of [0, 1, -1, Number.NaN])
      expect(() => splitText('abc', { validationShare })).toThrow(
        expect.objectContaining({ code: 'validation-share' }),
      );
  });
});
