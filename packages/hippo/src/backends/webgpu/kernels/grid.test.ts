import { expect, it } from 'vitest';
import { gridOf } from './grid.ts';

it.each([1, 65_535, 65_536, 70_001, 5_000_000])('covers %d workgroups and hardly more', (count) => {
  const sizes = gridOf(count);
  const made = sizes.reduce((product, size) => product * size, 1);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(65_535);
  expect(made).toBeGreaterThanOrEqual(count);
  expect(made - count).toBeLessThan(sizes[1]);
});
