import { HippoError } from 'hippo';
import picocolors from 'picocolors';
import { describe, expect, it } from 'vitest';
import { defineCommand } from './arguments/command.ts';
import { commandEntry, dispatch } from './dispatch.ts';
import type { CommandIo, Output } from './terminal/io.ts';

const seen: unknown[] = [];
const command = defineCommand({
  name: 'generate',
  summary: 'Writes text',
  positionals: {},
  options: { topP: { type: 'number', default: 0.9, help: 'nucleus' } },
  examples: [],
});
const grouped = (name: string) =>
  commandEntry(async () => ({
    command: defineCommand({
      name,
      summary: `Does ${name}`,
      positionals: { word: { help: 'any' } },
      options: {},
      examples: [],
    }),
    run: async ({ word }: { readonly word: string | undefined }) => void seen.push([name, word]),
  }));
const main = dispatch({
  'tokenizer train': grouped('tokenizer train'),
  'tokenizer encode': grouped('tokenizer encode'),
  generate: commandEntry(async () => ({
    command,
    run: async (options: { readonly topP: number }) => {
      seen.push(options);
      if (options.topP > 1) return 1;
    },
  })),
});

function setUp() {
  const written = { out: '', err: '' };
  const output = (key: 'out' | 'err'): Output => ({
    write: (text) => {
      written[key] += text;
    },
    line: (text = '') => {
      written[key] += `${text}\n`;
    },
    interactive: false,
    columns: 80,
    colors: picocolors.createColors(false),
  });
  const io: CommandIo = {
    out: output('out'),
    err: output('err'),
    input: process.stdin,
    environment: {},
    onInterrupt: () => new AbortController().signal,
  };
  return { io, written };
}

async function refusal(argv: readonly string[]): Promise<string> {
  const error: unknown = await main(argv, setUp().io).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof HippoError ? `${error.code}: ${error.message}` : `not refused: ${String(error)}`;
}

describe('dispatch', () => {
  it('runs a command with its parsed values and hands on its code', async () => {
    expect(await main(['generate', '--top_p', '0.5'], setUp().io)).toBe(0);
    expect(await main(['--no-color', 'generate', '--no-color', '--top-p=2'], setUp().io)).toBe(1);
    expect(seen).toEqual([{ topP: 0.5 }, { topP: 2 }]);
  });

  it('prints help and version on stdout', async () => {
    for (const argv of [['--help'], ['-h'], ['--no-color', '--help']]) {
      const { io, written } = setUp();
      expect(await main(argv, io)).toBe(0);
      expect(written.out).toMatch(/^ {2}generate {2,}Writes text$/m);
      expect(written.err).toBe('');
    }
    const { io, written } = setUp();
    expect(await main(['generate', '--help'], io)).toBe(0);
    expect(written.out).toContain('--top-p <n>');
    const version = setUp();
    expect(await main(['--version'], version.io)).toBe(0);
    expect(version.written.out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('without a command shows the help on stderr and fails as usage', async () => {
    const { io, written } = setUp();
    expect(await main([], io)).toBe(2);
    expect(written.out).toBe('');
    expect(written.err).toContain('Commands');
  });

  it('runs commands of a group, and lists them', async () => {
    seen.length = 0;
    expect(await main(['--no-color', 'tokenizer', 'encode', 'text'], setUp().io)).toBe(0);
    expect(seen).toEqual([['tokenizer encode', 'text']]);
    const help = setUp();
    expect(await main(['tokenizer', '--help'], help.io)).toBe(0);
    expect(help.written.out).toMatch(/^ {2}tokenizer train {3}Does tokenizer train$/m);
    expect(help.written.out).not.toContain('Writes text');
    const alone = setUp();
    expect(await main(['tokenizer'], alone.io)).toBe(2);
    expect(alone.written).toEqual({ out: '', err: help.written.out });
    const one = setUp();
    expect(await main(['tokenizer', 'train', '-h'], one.io)).toBe(0);
    expect(one.written.out).toContain('hippo tokenizer train [word] [options]');
    expect(await refusal(['tokenizer', 'trian'])).toContain(
      'there is no command "tokenizer trian". Did you mean `hippo tokenizer train`?',
    );
    expect(await refusal(['tokenizr', 'train'])).toContain(
      'there is no command "tokenizr". Did you mean `hippo tokenizer`?',
    );
  });

  it('refuses what is not in the table, with the nearest name', async () => {
    expect(await refusal(['genrate'])).toBe(
      'unknown-command: there is no command "genrate". Did you mean `hippo generate`? `hippo --help` lists the commands.',
    );
    expect(await refusal(['constructor'])).toBe(
      'unknown-command: there is no command "constructor". `hippo --help` lists the commands.',
    );
    expect(await refusal(['--top-p', '1'])).toContain('there is no option --top-p before the command.');
    expect(await refusal(['generate', '--topp', '1'])).toContain('Did you mean --top-p?');
  });
});
