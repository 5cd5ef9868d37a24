import { expect, it, vi } from 'vitest';
import { openLiveTable } from './live-table.ts';
import { recordedOutput } from './recorded-output.test-support.ts';

function setUp(isTTY: boolean, columns?: number) {
  const { output, now, ...recorded } = recordedOutput(isTTY, columns);
  return { ...recorded, table: openLiveTable(output, { now }) };
}

it('rewrites all its lines in place, at most four times a second, and ends with the newest state', () => {
  const { written, clock, table } = setUp(true);
  for (let i = 0; i < 4; i++) {
    table.update(() => [`a ${i}`, `b ${i}`]);
    clock.seconds += 0.1;
  }
  table.update(() => ['one line left']);
  table.finish();
  table.finish();
  expect(written).toEqual(['a 0\nb 0\n', '\x1b[2A\r\x1b[Ja 3\nb 3\n', '\x1b[2A\r\x1b[Jone line left\n']);
});

it('does not render what it does not show', () => {
  const { table } = setUp(true);
  table.update(() => ['a']);
  const render = vi.fn(() => ['b']);
  table.update(render);
  expect(render).not.toHaveBeenCalled();
  table.finish();
  expect(render).toHaveBeenCalledOnce();
});

it('puts lasting lines above itself', () => {
  const { written, table } = setUp(true);
  table.log('first');
  table.update(() => ['a', 'b']);
  table.log('second');
  expect(written).toEqual(['first\n', 'a\nb\n', '\x1b[2A\r\x1b[Jsecond\na\nb\n']);
});

it('cuts lines that would wrap', () => {
  const { written, table } = setUp(true, 8);
  table.update(() => ['0123456789']);
  expect(written).toEqual(['012345…\n']);
});

it('prints plain lines now and then where nothing can be rewritten', () => {
  const { written, clock, table } = setUp(false, 8);
  for (let i = 0; i < 40; i++) {
    table.update(() => [`state ${i} in full`]);
    if (i === 3) table.log('lasting');
    clock.seconds += 1;
  }
  table.finish();
  expect(written).toEqual(['state 0 in full\n', 'lasting\n', 'state 30 in full\n', 'state 39 in full\n']);
});
