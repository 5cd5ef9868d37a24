import { expect, it } from 'vitest';
import { shadeMap } from './shade-map.ts';

it('shades a unit a row and a moment a column, the largest number darkest', () => {
  const map = shadeMap(
    [
      [0, 1],
      [0.5, 0.3],
    ],
    { heads: ['a', '=>'], names: ['0', '10'] },
  );
  expect(map.split('\n')).toEqual(['   a  =>', ' 0    ▒▒', '10 ██ ░░']);
});

it('is blank where all is zero', () => {
  expect(shadeMap([[0]], { heads: ['a'], names: ['x'] })).toBe('  a\nx');
});
