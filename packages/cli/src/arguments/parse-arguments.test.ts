import { HippoError } from 'hippo';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { defineCommand, type ValuesOf } from './command.ts';
import { parseArguments } from './parse-arguments.ts';

const command = defineCommand({
  name: 'generate',
  summary: 'Writes text',
  positionals: { prompt: { help: 'the beginning' }, files: { help: 'more', many: true } },
  options: {
    model: { type: 'string', required: true, short: 'm', placeholder: 'dir', help: 'checkpoint folder' },
    topP: { type: 'number', min: 0, max: 1, default: 0.9, help: 'nucleus' },
    learningRate: { type: 'number', above: 0, flag: 'lr', aliases: ['learning_rate'], help: 'peak' },
    maxNewTokens: { type: 'integer', min: 0, default: 100, short: 'n', help: 'length' },
    stream: { type: 'boolean', default: true, help: 'as they come' },
    json: { type: 'boolean', help: 'one document' },
    ids: { type: 'integers', min: 0, help: 'tokens' },
    dtype: { type: 'choice', choices: ['f32', 'f16'], default: 'f32', help: 'numbers' },
  },
  examples: [],
});

function parse(argv: readonly string[], environment: Record<string, string> = {}): ValuesOf<typeof command> {
  const parsed = parseArguments(command, ['--model', 'm', ...argv], environment);
  if (parsed.kind === 'help') throw new Error('expected values');
  return parsed.values;
}

function refusal(argv: readonly string[], environment: Record<string, string> = {}): string {
  try {
    parseArguments(command, argv, environment);
  } catch (error) {
    if (error instanceof HippoError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('expected a refusal');
}

describe('values', () => {
  it('fills defaults, and leaves the rest undefined', () => {
    expect(parse([])).toEqual({
      model: 'm',
      topP: 0.9,
      maxNewTokens: 100,
      stream: true,
      json: false,
      dtype: 'f32',
      files: [],
    });
  });

  it('knows the types from the table', () => {
    const values = parse([]);
    expectTypeOf(values.model).toEqualTypeOf<string>();
    expectTypeOf(values.topP).toEqualTypeOf<number>();
    expectTypeOf(values.learningRate).toEqualTypeOf<number | undefined>();
    expectTypeOf(values.json).toEqualTypeOf<boolean>();
    expectTypeOf(values.ids).toEqualTypeOf<readonly number[] | undefined>();
    expectTypeOf(values.dtype).toEqualTypeOf<'f32' | 'f16'>();
    expectTypeOf(values.prompt).toEqualTypeOf<string | undefined>();
    expectTypeOf(values.files).toEqualTypeOf<readonly string[]>();
  });

  it.each([
    [['--top-p', '0.5']],
    [['--top_p', '0.5']],
    [['--top-p=0.5']],
    [['--top_p=.5']],
    [['--top-p', '5e-1']],
    [['--top-p', '0.1', '--top_p', '0.5']],
  ])('reads %j as a top-p of 0.5', (argv) => {
    expect(parse(argv).topP).toBe(0.5);
  });

  it('reads short flags, aliases and overriding flags', () => {
    expect(parse(['-n', '5']).maxNewTokens).toBe(5);
    expect(parse(['-n5']).maxNewTokens).toBe(5);
    expect(parse(['-m', 'other']).model).toBe('other');
    for (const flag of ['--lr', '--learning-rate', '--learning_rate'])
      expect(parse([flag, '4e-3']).learningRate).toBe(0.004);
  });

  it('switches booleans on and off', () => {
    expect(parse(['--json', '--no-stream'])).toMatchObject({ json: true, stream: false });
    expect(parse(['--json=false', '--stream=yes'])).toMatchObject({ json: false, stream: true });
    expect(parse(['--no_stream', '--stream']).stream).toBe(true);
  });

  it('reads lists, with and without blanks', () => {
    expect(parse(['--ids', '5,17,3']).ids).toEqual([5, 17, 3]);
    expect(parse(['--ids', '5, 17']).ids).toEqual([5, 17]);
    expect(parse(['--ids=7']).ids).toEqual([7]);
    expect(parse(['--ids', '8', '16', '24', '--json']).ids).toEqual([8, 16, 24]);
    expect(parse(['--ids', '8', '16', 'go on']).prompt).toBe('go on');
    expect(parse(['go on', '--ids=8', '16'])).toMatchObject({ ids: [8, 16], prompt: 'go on', files: [] });
    expect(parse(['--ids', 'none', '16'])).toMatchObject({ ids: [], prompt: '16' });
    expect(parse(['--max-new-tokens', '8', '16'])).toMatchObject({ maxNewTokens: 8, prompt: '16' });
  });

  it('takes positionals, `-` and everything after `--`', () => {
    expect(parse(['once', 'a', 'b'])).toMatchObject({ prompt: 'once', files: ['a', 'b'] });
    expect(parse(['-']).prompt).toBe('-');
    expect(parse(['--', '--json'])).toMatchObject({ prompt: '--json', json: false });
  });

  it('keeps an empty text and one that starts with dashes after =', () => {
    expect(parse(['--model=']).model).toBe('');
    expect(parse(['--model=--x']).model).toBe('--x');
    expect(parse(['-m', '-', '-n', '5'])).toMatchObject({ model: '-', maxNewTokens: 5 });
    expect(parse(['-m', '-1']).model).toBe('-1');
  });
});

describe('texts that may be repeated', () => {
  const repeatable = defineCommand({
    name: 'generate',
    summary: 's',
    positionals: {},
    options: { stop: { type: 'strings', aliases: ['until'], help: 'where to stop' } },
    examples: [],
  });
  const stops = (argv: readonly string[], environment = {}) => {
    const parsed = parseArguments(repeatable, argv, environment);
    return parsed.kind === 'run' ? parsed.values.stop : undefined;
  };

  it('are all kept, in their order', () => {
    expect(stops([])).toBeUndefined();
    expect(stops(['--stop', 'a', '--until=b', '--stop', 'a'])).toEqual(['a', 'b', 'a']);
    expect(stops([], { HIPPO_STOP: 'e' })).toEqual(['e']);
    expect(stops(['--stop', 'a'], { HIPPO_STOP: 'e' })).toEqual(['a']);
    expectTypeOf(stops).returns.toEqualTypeOf<readonly string[] | undefined>();
  });
});

describe('environment', () => {
  it('stands between the flag and the default', () => {
    expect(parse([], { HIPPO_TOP_P: '0.3' }).topP).toBe(0.3);
    expect(parse(['--top-p', '0.5'], { HIPPO_TOP_P: '0.3' }).topP).toBe(0.5);
    expect(parse([], { HIPPO_TOP_P: '' }).topP).toBe(0.9);
    expect(parse([], { HIPPO_LR: '0.1', HIPPO_JSON: '1' })).toMatchObject({ learningRate: 0.1, json: true });
    expect(parseArguments(command, [], { HIPPO_MODEL: 'e' })).toMatchObject({ kind: 'run', values: { model: 'e' } });
  });

  it('names the variable when its value is bad', () => {
    expect(refusal(['-m', 'm'], { HIPPO_TOP_P: '2' })).toBe(
      'option-value: generate, HIPPO_TOP_P (environment): must be a number from 0 to 1; got "2". Give such a value.',
    );
  });
});

describe('refusals', () => {
  it('names the nearest option', () => {
    expect(refusal(['--top-pp', '1'])).toBe(
      'unknown-option: generate: there is no option --top-pp. Did you mean --top-p? `hippo generate --help` lists them all.',
    );
    expect(refusal(['--max_new_token=1'])).toContain('Did you mean --max-new-tokens?');
    expect(refusal(['--zzzzzzzz'])).toBe(
      'unknown-option: generate: there is no option --zzzzzzzz. `hippo generate --help` lists them all.',
    );
    expect(refusal(['-x'])).toContain('there is no option -x.');
    expect(refusal(['--constructor'])).toContain('unknown-option');
  });

  it.each([
    ['--top-p', '1.01', 'a number from 0 to 1'],
    ['--top-p', 'NaN', 'a number from 0 to 1'],
    ['--top-p', '0x1', 'a number from 0 to 1'],
    ['--top-p', '', 'a number from 0 to 1'],
    ['--lr', '0', 'a number above 0'],
    ['--lr', 'Infinity', 'a number above 0'],
    ['-n', '1.5', 'a whole number of at least 0'],
    ['-n', '-1', 'a whole number of at least 0'],
    ['-n', '1e300', 'a whole number of at least 0'],
    ['--ids', '5,,3', 'whole numbers of at least 0 between commas'],
    ['--ids', '5,x', 'whole numbers of at least 0 between commas'],
    ['--ids', '', 'whole numbers of at least 0 between commas'],
    ['--dtype', 'F32', 'one of f32, f16'],
  ])('%s %j: must be %s', (flag, value, rule) => {
    expect(refusal([flag, value])).toContain(
      `option-value: generate, ${flag}: must be ${rule}; got ${JSON.stringify(value)}.`,
    );
  });

  it('wants values where they belong', () => {
    expect(refusal(['--model'])).toBe(
      'missing-value: generate, --model: needs a value; got nothing after it. Add one.',
    );
    expect(refusal(['--model', '--json'])).toBe(
      'missing-value: generate, --model: needs a value; got "--json". If that is the value, write --model=--json.',
    );
    expect(refusal(['--no-stream=1'])).toContain('generate, --no-stream: takes no value; got "1".');
    expect(refusal(['--json=maybe'])).toContain('must be true or false; got "maybe"');
  });

  it('wants required options and arguments, and no more than there are', () => {
    expect(refusal([])).toBe(
      'missing-option: generate: needs --model; got no value. `hippo generate --help` shows examples.',
    );
    const strict = defineCommand({
      name: 'info',
      summary: 's',
      positionals: { folder: { help: 'where', required: true } },
      options: {},
      examples: [],
    });
    expect(() => parseArguments(strict, [], {})).toThrow('info: needs <folder>; got nothing there.');
    expect(() => parseArguments(strict, ['a', 'b'], {})).toThrow('got "b" as well');
  });
});

it('gives help whatever else is written', () => {
  expect(parseArguments(command, ['--nonsense', '-h'], {})).toEqual({ kind: 'help' });
  expect(parseArguments(command, ['--', '--help'], { HIPPO_MODEL: 'm' }).kind).toBe('run');
});

describe('defineCommand', () => {
  const define = (options: Parameters<typeof defineCommand>[0]['options']) =>
    defineCommand({ name: 'x', summary: 's', positionals: {}, options, examples: [] });

  it('refuses tables that contradict themselves', () => {
    const flag = { type: 'boolean', help: '' } as const;
    expect(() => define({ topP: flag, other: { ...flag, aliases: ['top_p'] } })).toThrow('--top_p names both');
    expect(() => define({ stream: flag, noStream: flag })).toThrow('--no-stream names both');
    expect(() => define({ help: flag })).toThrow('--help names both');
    expect(() => define({ a: { ...flag, short: 'h' } })).toThrow('-h is taken');
  });
});
