import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatDuration, formatPercent, formatRate } from './format.ts';
import { alignTable } from './table.ts';

it.each([
  [0, '0'],
  [7, '7'],
  [0.5, '0.50'],
  [999, '999'],
  [999.7, '1.00k'],
  [12_345, '12.3k'],
  [99_950, '100k'],
  [999_499, '999k'],
  [999_950, '1.00M'],
  [126_387_456, '126M'],
  [1.3e9, '1.30B'],
  [5e15, '5000T'],
  [-12_345, '-12.3k'],
  [Number.NaN, '–'],
])('count %d → %s', (value, text) => {
  expect(formatCount(value)).toBe(text);
});

it.each([
  [0, '0 B'],
  [512, '512 B'],
  [1023, '1023 B'],
  [1536, '1.50 KiB'],
  [1024 ** 2, '1.00 MiB'],
  [1.5 * 1024 ** 3, '1.50 GiB'],
])('bytes %d → %s', (value, text) => {
  expect(formatBytes(value)).toBe(text);
});

it.each([
  [0, '0 s'],
  [0.0004, '0.4 ms'],
  [0.012, '12 ms'],
  [0.9996, '1.00 s'],
  [9.996, '10.0 s'],
  [59.94, '59.9 s'],
  [59.96, '1m 00s'],
  [125.4, '2m 05s'],
  [3599.6, '1h 00m'],
  [3720, '1h 02m'],
  [90_000, '1d 01h'],
  [-2, '-2.00 s'],
  [Infinity, '–'],
])('duration %d → %s', (value, text) => {
  expect(formatDuration(value)).toBe(text);
});

it('formats rates and shares', () => {
  expect(formatRate(12_345, 'tokens')).toBe('12.3k tokens/s');
  expect(formatPercent(0.4525)).toBe('45.3%');
  expect(formatPercent(Number.NaN)).toBe('–');
});

describe('alignTable', () => {
  it('lines up columns by what is visible', () => {
    const rows = [
      ['\x1b[36mname\x1b[39m', 'count'],
      ['a', '5'],
      ['longer name', '12.3k'],
    ];
    expect(alignTable(rows, { align: ['left', 'right'] })).toBe(
      ['\x1b[36mname\x1b[39m         count', 'a                5', 'longer name  12.3k'].join('\n'),
    );
  });

  it('takes ragged and empty rows', () => {
    expect(alignTable([])).toBe('');
    expect(alignTable([['a'], [], ['b', 'c']])).toBe('a\n\nb  c');
  });
});
