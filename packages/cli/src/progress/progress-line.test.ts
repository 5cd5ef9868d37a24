import { expect, it, vi } from 'vitest';
import { openProgress } from './progress-line.ts';
import { recordedOutput } from './recorded-output.test-support.ts';

function setUp(isTTY: boolean, columns?: number) {
  const { output, now, ...recorded } = recordedOutput(isTTY, columns);
  return { ...recorded, progress: openProgress(output, { now }) };
}

it('rewrites in place at most ten times a second, and ends with the newest state', () => {
  const { written, clock, progress } = setUp(true);
  for (let i = 0; i < 25; i++) {
    progress.update(() => `step ${i}`);
    clock.seconds += 0.01;
  }
  progress.finish();
  progress.finish();
  expect(written).toEqual(['\r\x1b[Kstep 0', '\r\x1b[Kstep 10', '\r\x1b[Kstep 20', '\r\x1b[Kstep 24', '\n']);
});

it('does not render what it does not show', () => {
  const { progress } = setUp(true);
  progress.update(() => 'a');
  const render = vi.fn(() => 'b');
  progress.update(render);
  expect(render).not.toHaveBeenCalled();
  progress.finish();
  expect(render).toHaveBeenCalledOnce();
});

it('writes plain lines now and then where nothing can be rewritten', () => {
  const { written, clock, progress } = setUp(false);
  for (let i = 0; i < 25; i++) {
    progress.update(() => `step ${i}`);
    clock.seconds += 1;
  }
  progress.log('saved');
  progress.finish();
  expect(written).toEqual(['step 0\n', 'step 10\n', 'step 20\n', 'saved\n', 'step 24\n']);
});

it('keeps logs above the line and the line within the terminal', () => {
  const { written, progress } = setUp(true, 8);
  progress.log('first');
  progress.update(() => 'a long line');
  progress.log('saved');
  progress.finish();
  expect(written).toEqual(['first\n', '\r\x1b[Ka long…', '\r\x1b[Ksaved\na long…', '\n']);
});

it('says nothing when there was nothing', () => {
  const { written, progress } = setUp(true);
  progress.finish();
  expect(written).toEqual([]);
});
