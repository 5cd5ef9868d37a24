// Bias and penalties on single scores, by hand.
import { describe, expect, it } from 'vitest';
import { changeScores, changesNothing, type ScoreChanges, tokenHistory } from './penalties.ts';
import { sampleToken } from './sampler.ts';

const change = (scores: number[], options: ScoreChanges, prompt: number[] = [], output: number[] = []): number[] => {
  const changed = Float32Array.from(scores);
  changeScores(changed, options, tokenHistory(prompt, output));
  return [...changed];
};

describe('changeScores', () => {
  it('divides positive and multiplies negative scores of tokens seen in prompt or output', () => {
    expect(change([4, -4, 4, -4, 0], { repetitionPenalty: 2 }, [0, 1], [1, 4])).toEqual([2, -8, 4, -4, 0]);
    expect(change([4, -4], { repetitionPenalty: 0.5 }, [0], [1])).toEqual([8, -2]);
  });

  it('takes the frequency penalty once a draw and the presence penalty once, for drawn tokens alone', () => {
    expect(change([1, 1, 1], { frequencyPenalty: 0.5 }, [0], [1, 1, 2])).toEqual([1, 0, 0.5]);
    expect(change([1, 1, 1], { presencePenalty: 0.25 }, [0], [1, 1, 2])).toEqual([1, 0.75, 0.75]);
    expect(change([1, 1], { frequencyPenalty: -1, presencePenalty: 0.5 }, [], [0, 0])).toEqual([2.5, 1]);
  });

  it('adds the bias first, bans at -100 and forces at 100', () => {
    expect(change([1, 2, 3], { logitBias: { 1: 0.5, 2: -1 } })).toEqual([1, 2.5, 2]);
    expect(change([1, 2, 3], { logitBias: { 2: -100 } })).toEqual([1, 2, -Infinity]);
    expect(change([1, 2, 3], { logitBias: { 0: 100, 2: 5 } })).toEqual([101, -Infinity, -Infinity]);
    expect(change([-1, 2], { logitBias: { 0: 3 }, repetitionPenalty: 2 }, [0])).toEqual([1, 2]);
  });

  it('bans and forces against any scores', () => {
    const scores = Float32Array.from([500, -500, 0]);
    const draw = (logitBias: Record<number, number>): number => {
      const changed = scores.slice();
      changeScores(changed, { logitBias }, tokenHistory([]));
      return sampleToken(changed, {}, { position: 0 });
    };
    expect(draw({ 0: -100 })).toBe(2);
    expect(draw({ 1: 100 })).toBe(1);
  });

  it('knows when there is nothing to do', () => {
    expect(changesNothing({})).toBe(true);
    expect(changesNothing({ repetitionPenalty: 1, frequencyPenalty: 0, presencePenalty: 0, logitBias: {} })).toBe(true);
    for (const options of [
      { repetitionPenalty: 1.1 },
      { frequencyPenalty: 0.1 },
      { presencePenalty: -1 },
      { logitBias: { 1: 1 } },
    ])
      expect(changesNothing(options)).toBe(false);
  });
});
