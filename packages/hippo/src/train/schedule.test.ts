import { describe, expect, it } from 'vitest';
import { checkSchedule, learningRate } from './schedule.ts';

const base = { peak: 0.1, warmupSteps: 10, decaySteps: 110, floor: 0.1 } as const;

describe('learningRate', () => {
  it('warms up linearly to the peak and never starts at zero', () => {
    expect(learningRate({ ...base, kind: 'cosine' }, 0)).toBeCloseTo(0.01);
    expect(learningRate({ ...base, kind: 'cosine' }, 9)).toBeCloseTo(0.1);
  });
  it('decays by cosine: half way at the middle, the floor at the end and after', () => {
    expect(learningRate({ ...base, kind: 'cosine' }, 60)).toBeCloseTo(0.055);
    expect(learningRate({ ...base, kind: 'cosine' }, 110)).toBeCloseTo(0.01);
    expect(learningRate({ ...base, kind: 'cosine' }, 9999)).toBeCloseTo(0.01);
  });
  it('decays linearly', () => {
    expect(learningRate({ ...base, kind: 'linear' }, 60)).toBeCloseTo(0.055);
    expect(learningRate({ ...base, kind: 'linear', floor: 0 }, 110)).toBe(0);
  });
  it('stays constant, and works without warm-up', () => {
    expect(learningRate({ ...base, kind: 'constant', warmupSteps: 0 }, 0)).toBe(0.1);
    expect(learningRate({ ...base, kind: 'constant' }, 1e6)).toBe(0.1);
  });
  it('refuses settings that make no sense, naming the rule', () => {
    expect(() => checkSchedule({ ...base, kind: 'cosine', decaySteps: 5 })).toThrow(
      'the decay must end after the warm-up',
    );
    expect(() => checkSchedule({ ...base, kind: 'cosine', peak: 0 })).toThrow('above 0');
    expect(() => checkSchedule({ ...base, kind: 'cosine', floor: 2 })).toThrow('between 0 and 1');
  });
});
