// What the options of a draw may be, and the sentences that say what they may not.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { checkOptionNames } from './option-names.ts';
import { sampleToken, uniformAt } from './sampler.ts';
import { checkSampling, type SamplingOptions, samplingOptionNames } from './sampling-options.ts';

describe('checkSampling', () => {
  it.each<[SamplingOptions, string]>([
    [{ temperature: Number.NaN }, 'temperature must be a finite number, 0 or more; got NaN'],
    [{ topK: 0 }, 'topK must be a whole number, 1 or more; got 0'],
    [{ topP: 1.1 }, 'topP must be above 0 and at most 1; got 1.1'],
    [{ minP: -0.1 }, 'minP must be from 0 to 1; got -0.1'],
    [{ repetitionPenalty: 0 }, 'repetitionPenalty must be a finite number above 0; got 0'],
    [{ frequencyPenalty: 2.5 }, 'frequencyPenalty must be from -2 to 2; got 2.5'],
    [{ presencePenalty: -3 }, 'presencePenalty must be from -2 to 2; got -3'],
    [{ seed: 1.5 }, 'seed must be a whole number; got 1.5'],
    [{ logitBias: { 7: 1 } }, 'logitBias must map token ids, 0 to 4; got id 7'],
    [{ logitBias: { 1: 101 } }, 'logitBias of token 1 must be from -100 (ban) to 100 (force); got 101'],
    [{ logitBias: { 0: -100, 1: -100, 2: -100, 3: -100, 4: -100 } }, 'logitBias bans every token'],
    [{ greedy: true, temperature: 0.5 }, 'greedy and temperature contradict each other'],
    [{ greedy: true, topK: 3 }, 'greedy and topK contradict each other'],
    [{ greedy: true, topP: 0.5 }, 'greedy and topP contradict each other'],
    [{ greedy: true, minP: 0.5 }, 'greedy and minP contradict each other'],
  ])('refuses %j', (options, sentence) => {
    expect(() => checkSampling(options, 'generate', 5)).toThrow(UsageError);
    expect(() => checkSampling(options, 'generate', 5)).toThrow(`generate: ${sentence}`);
  });

  it('takes greedy with what it can heed, and temperature 0 with any cut', () => {
    checkSampling({ greedy: true, seed: 3, repetitionPenalty: 1.2, logitBias: { 1: 5 }, temperature: 0 });
    checkSampling({ temperature: 0, topP: 0.9, topK: 4, minP: 0.1 });
  });
});

it('names the option that was meant', () => {
  expect(() => checkOptionNames('generate', { topp: 1 }, samplingOptionNames)).toThrow(
    'generate: there is no option topp. Did you mean topP?',
  );
  expect(() => checkOptionNames('generate', { zzzzzzzz: 1 }, ['a', 'b'])).toThrow('The options are a, b.');
});

describe('seeds', () => {
  const scores = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i));
  const draw = (seed: number, position = 0, sample = 0): number => sampleToken(scores, { seed }, { position, sample });

  it('give other numbers at other positions, for other samples, and in all their bits', () => {
    const tokens = [draw(1), draw(1, 1), draw(1, 0, 1), draw(2), draw(1 + 2 ** 32), draw(-1)];
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(draw(1)).toBe(draw(1));
  });

  it('give numbers on [0, 1) with more bits than a rare token of a large vocabulary needs', () => {
    const numbers = Array.from({ length: 1000 }, (_, position) => uniformAt(3, { position }));
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(numbers.filter((number) => Number.isInteger(number * 2 ** 40)).length).toBeLessThan(5);
    expect(numbers.reduce((sum, number) => sum + number, 0) / 1000).toBeCloseTo(0.5, 1);
  });
});
