// Log-probabilities against their definition, and the lists of the likeliest.
import { describe, expect, it } from 'vitest';
import { logProbabilitiesOf, logProbability, topLogProbabilities } from './log-probabilities.ts';

const scores = Float32Array.from([0, 3, 1, 3, -1, -Infinity]);
const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);

describe('log-probabilities', () => {
  it('are score minus logsumexp, far from zero too', () => {
    for (const [token, score] of scores.entries())
      if (token < 5) expect(logProbability(scores, token)).toBeCloseTo(score - Math.log(total), 12);
    expect(logProbability(scores, 5)).toBe(-Infinity);
    const far = scores.map((score) => score + 1000);
    expect(logProbability(far, 2)).toBe(logProbability(scores, 2));
  });

  it('list the likeliest first, equals by id, with the very floats of single tokens', () => {
    const of = logProbabilitiesOf(scores);
    expect(topLogProbabilities(scores, 3)).toEqual([1, 3, 2].map((token) => ({ token, logProbability: of(token) })));
    expect(topLogProbabilities(scores, 0)).toEqual([]);
    expect(topLogProbabilities(scores, 6).map(({ token }) => token)).toEqual([1, 3, 2, 0, 4]);
  });
});
