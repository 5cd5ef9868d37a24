// The cuts against a plain sort: the same tokens are kept, whatever the scores, equal ones, zeros of both signs and −∞ included.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumericError } from '../errors.ts';
import { argMax, type Cuts, candidateSpace, keepHighest, selectCandidates } from './candidates.ts';

const score = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true, min: -80, max: 80 }),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(0, -0, -Infinity),
);
const row = fc
  .array(score, { minLength: 1, maxLength: 60 })
  .map((values) => Float32Array.from(values))
  .filter((values) => values.some((value) => value !== -Infinity));

const byScore = (scores: Float32Array): number[] =>
  [...scores.keys()].filter((id) => scores[id] !== -Infinity).sort((a, b) => scores[b]! - scores[a]! || a - b);

function select(scores: Float32Array, cuts: Cuts): number[] {
  const space = candidateSpace(scores.length);
  return [...space.ids.subarray(0, selectCandidates(scores, cuts, space))];
}

const ascending = (ids: readonly number[]): number[] => [...ids].sort((a, b) => a - b);

describe('selectCandidates', () => {
  it('keeps the k highest scores, of equals the first', () => {
    fc.assert(
      fc.property(row, fc.integer({ min: 1, max: 70 }), (scores, topK) => {
        expect(select(scores, { topK })).toEqual(ascending(byScore(scores).slice(0, topK)));
        const space = candidateSpace(scores.length);
        const count = keepHighest(scores, topK, space);
        expect([...space.ids.subarray(0, count)]).toEqual(ascending(byScore(scores).slice(0, topK)));
      }),
    );
  });

  it('keeps the fewest that reach the mass, after top-k', () => {
    const settings = fc.record({
      topK: fc.integer({ min: 1, max: 70 }),
      topP: fc.double({ min: 0.01, max: 0.999, noNaN: true }),
      temperature: fc.double({ min: 0.2, max: 3, noNaN: true }),
    });
    fc.assert(
      fc.property(row, settings, (scores, { topK, topP, temperature }) => {
        const order = byScore(scores).slice(0, topK);
        const weights = order.map((id) => Math.exp((scores[id]! - scores[order[0]!]!) / temperature));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const kept = select(scores, { topK, topP, temperature });
        expect(kept).toEqual(ascending(order.slice(0, kept.length)));
        const mass = (count: number): number => weights.slice(0, count).reduce((sum, weight) => sum + weight, 0);
        expect(mass(kept.length)).toBeGreaterThanOrEqual(topP * total * (1 - 1e-12));
        expect(mass(kept.length - 1)).toBeLessThan(topP * total * (1 + 1e-12));
      }),
    );
  });

  it('keeps what is at least min-p times as likely as the likeliest', () => {
    fc.assert(
      fc.property(row, fc.double({ min: 0.001, max: 1, noNaN: true }), (scores, minP) => {
        const highest = Math.max(...scores);
        const expected = [...scores.keys()].filter((id) => Math.exp(scores[id]! - highest) >= minP);
        expect(select(scores, { minP })).toEqual(expected);
      }),
    );
  });

  it('takes part of a row and leaves the rest of its buffer alone', () => {
    const buffer = Float32Array.from([99, 1, 3, 2, 99]);
    expect(select(buffer.subarray(1, 4), { topK: 2 })).toEqual([1, 2]);
  });

  it('agrees with the sort on a row of 50,257', () => {
    const scores = Float32Array.from({ length: 50_257 }, (_, i) => Math.sin(i * 12.9898) * 8);
    for (const topK of [1, 2, 50, 5000, 50_256])
      expect(select(scores, { topK })).toEqual(ascending(byScore(scores).slice(0, topK)));
  });
});

describe('argMax', () => {
  it('takes the first of equals', () => {
    expect(argMax(Float32Array.from([1, 5, 5]))).toBe(1);
    expect(argMax(Float32Array.from([-Infinity, -3, -Infinity]))).toBe(1);
  });

  it.each([[[1, Number.NaN, 2]], [[Number.NaN]], [[1, Infinity]], [[-Infinity, -Infinity]], [[]]])(
    'refuses %j',
    (scores) => {
      expect(() => argMax(Float32Array.from(scores))).toThrow(NumericError);
      expect(() => select(Float32Array.from(scores), { topP: 0.5 })).toThrow(
        'the scores of the next token must be numbers',
      );
    },
  );
});
