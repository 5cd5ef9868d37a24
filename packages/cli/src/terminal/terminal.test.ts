// Colour choice and visible text: the two things that go wrong on terminals other than one's own.
import { describe, expect, it } from 'vitest';
import { wantsColor } from './color-choice.ts';
import { openOutput } from './io.ts';
import { cutVisible, padVisible, visibleWidth } from './visible-text.ts';

describe('wantsColor', () => {
  it.each([
    [{}, [], true, true],
    [{}, [], false, false],
    [{ NO_COLOR: '1' }, [], true, false],
    [{ NO_COLOR: '' }, [], true, true],
    [{ FORCE_COLOR: '1' }, [], false, true],
    [{ FORCE_COLOR: '' }, [], false, false],
    [{ FORCE_COLOR: '0' }, [], true, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, [], false, true],
    [{ TERM: 'dumb' }, [], true, false],
    [{ FORCE_COLOR: '1' }, ['info', '--no-color'], true, false],
    [{ FORCE_COLOR: '1' }, ['--no_color'], true, false],
    [{ NO_COLOR: '1' }, ['--no-color', '--color'], false, true],
    [{}, ['--', '--no-color'], true, true],
  ])('%j with %j on a terminal: %s → %s', (environment, argv, isTerminal, wanted) => {
    expect(wantsColor({ environment, argv, isTerminal })).toBe(wanted);
  });
});

describe('visible text', () => {
  it('counts code points and no colours', () => {
    expect(visibleWidth('')).toBe(0);
    expect(visibleWidth('\x1b[1;31mred\x1b[0m ⠤ 🦛')).toBe(7);
    expect(padVisible('\x1b[31mab\x1b[39m', 4, 'right')).toBe('  \x1b[31mab\x1b[39m');
    expect(padVisible('abc', 2)).toBe('abc');
  });

  it('cuts without leaving a colour open', () => {
    expect(cutVisible('abc', 3)).toBe('abc');
    expect(cutVisible('abcd', 3)).toBe('ab…');
    expect(cutVisible('abc', 0)).toBe('');
    expect(cutVisible('\x1b[31mabcd\x1b[39mef', 3)).toBe('\x1b[31mab…\x1b[0m');
    expect(cutVisible('ab\x1b[31mcd\x1b[39mef', 6)).toBe('ab\x1b[31mcd\x1b[39mef');
  });
});

it('opens outputs by what the stream is', () => {
  let written = '';
  const stream = { isTTY: true, columns: 40, write: (text: string) => (written += text) };
  const output = openOutput(stream, { argv: [], environment: {} });
  output.line(output.colors.bold('a'));
  output.line();
  expect(written).toBe('\x1b[1ma\x1b[22m\n\n');
  expect(output).toMatchObject({ interactive: true, columns: 40 });
  stream.columns = 99;
  expect(output.columns).toBe(99);
  expect(openOutput(stream, { argv: [], environment: { TERM: 'dumb' } }).interactive).toBe(false);
  expect(openOutput({ write: stream.write }, { argv: [], environment: {} })).toMatchObject({
    interactive: false,
    columns: 80,
  });
});
