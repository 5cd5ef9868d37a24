import { describe, expect, it } from 'vitest';
import type { Initializer } from '../graph/variable.ts';
import { fill, logOfLogUniform, normal, ones, seedKey, uniform, zeros } from './initialize.ts';

const draw = (initialize: Initializer, name = 'w', seed = 0, count = 20_000): number[] =>
  Array.from(initialize({ name, shape: [count / 4, 4], seed }));
const mean = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0) / x.length;
const deviation = (x: readonly number[]): number => Math.sqrt(mean(x.map((v) => (v - mean(x)) ** 2)));

describe('initial values', () => {
  it('constants', () => {
    expect(draw(zeros, 'w', 0, 4)).toEqual([0, 0, 0, 0]);
    expect(draw(ones, 'w', 0, 4)).toEqual([1, 1, 1, 1]);
    expect(draw(fill(-2.5), 'w', 0, 4)).toEqual([-2.5, -2.5, -2.5, -2.5]);
  });

  it('depend on name and seed alone', () => {
    expect(draw(normal(), 'a', 3)).toEqual(draw(normal(), 'a', 3));
    expect(draw(normal(), 'a', 3)).not.toEqual(draw(normal(), 'b', 3));
    expect(draw(normal(), 'a', 3)).not.toEqual(draw(normal(), 'a', 4));
    // Seeds that differ only above 32 bits are different seeds.
    expect(draw(normal(), 'a', 3)).not.toEqual(draw(normal(), 'a', 3 + 2 ** 32));
    expect(seedKey(2 ** 32 + 5)).toEqual([5, 1]);
  });

  it('a shorter parameter is the start of a longer one of the same name', () => {
    expect(draw(normal(), 'a', 0, 8)).toEqual(draw(normal(), 'a', 0, 400).slice(0, 8));
  });

  it('have the moments they should', () => {
    const x = draw(normal(0.02));
    expect(Math.abs(mean(x))).toBeLessThan(0.0005);
    expect(deviation(x)).toBeCloseTo(0.02, 3);
    const u = draw(uniform(-0.125, 0.125));
    expect(Math.max(...u)).toBeLessThan(0.125);
    expect(Math.min(...u)).toBeGreaterThanOrEqual(-0.125);
    expect(deviation(u)).toBeCloseTo(0.25 / Math.sqrt(12), 3);
  });

  it('step sizes are log-uniform', () => {
    const steps = draw(logOfLogUniform(1e-3, 0.1)).map(Math.exp);
    expect(Math.min(...steps)).toBeGreaterThan(0.000999);
    expect(Math.max(...steps)).toBeLessThan(0.1001);
    const below = steps.filter((step) => step < 0.01).length / steps.length;
    expect(below).toBeCloseTo(0.5, 1);
  });
});
