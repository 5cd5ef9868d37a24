// Our exponential against the engine's, over all of its range.
import { expect, it } from 'vitest';
import { expOfNegative } from './exponential.ts';

it('agrees with Math.exp to a few units in the last place', () => {
  let worst = 0;
  for (let i = 0; i < 100_000; i++) {
    const x = -40 * ((i * 0.6180339887) % 1) ** 2;
    worst = Math.max(worst, Math.abs(expOfNegative(x) / Math.exp(x) - 1));
  }
  expect(worst).toBeLessThan(4e-15);
  for (let x = -699; x < -40; x += 0.37) expect(Math.abs(expOfNegative(x) / Math.exp(x) - 1)).toBeLessThan(5e-14);
});

it('is exact at the ends', () => {
  expect(expOfNegative(0)).toBe(1);
  expect(expOfNegative(-0)).toBe(1);
  expect(expOfNegative(-1e-300)).toBe(1);
  expect(expOfNegative(-701)).toBe(0);
  expect(expOfNegative(-Infinity)).toBe(0);
  expect(expOfNegative(Number.NaN)).toBeNaN();
});

it('never rises as x falls', () => {
  let before = 1;
  for (let i = 1; i < 20_000; i++) {
    const value = expOfNegative(-i / 997);
    expect(value).toBeLessThan(before);
    before = value;
  }
});
