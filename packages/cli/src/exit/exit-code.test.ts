import { CheckpointError, UsageError } from 'hippo';
import { describe, expect, it } from 'vitest';
import { describeError, exitCodeOf } from './exit-code.ts';

describe('exit codes', () => {
  it('tells wrong usage from failure', () => {
    expect(exitCodeOf(new UsageError('x', 'x'))).toBe(2);
    expect(exitCodeOf(new CheckpointError('x', 'x'))).toBe(1);
    expect(exitCodeOf(new TypeError('x'))).toBe(1);
    expect(exitCodeOf('x')).toBe(1);
  });
});

describe('describeError', () => {
  const error = new CheckpointError(
    'truncated',
    'model.safetensors: must be whole; got half. Copy it again.',
    {},
    { cause: new Error('short read') },
  );

  it('says one sentence for errors thrown on purpose', () => {
    expect(describeError(error, { debug: false })).toBe(
      'hippo: model.safetensors: must be whole; got half. Copy it again.',
    );
  });

  it('adds stacks and causes when debugging', () => {
    const text = describeError(error, { debug: true });
    expect(text).toContain('exit-code.test.ts');
    expect(text).toContain('caused by Error: short read');
  });

  it('always shows where a defect came from', () => {
    expect(describeError(new TypeError('oops'), { debug: false })).toMatch(
      /^hippo: unexpected TypeError: oops\n {4}at /,
    );
    expect(describeError('text', { debug: false })).toBe('hippo: something threw text, which is no Error.');
  });
});
