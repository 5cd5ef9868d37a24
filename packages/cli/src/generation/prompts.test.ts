// Where prompts come from, and lines that are none.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { openOutput } from '../terminal/io.ts';
import { manyPrompts, readPrompts } from './prompts.ts';

const output = openOutput({ write: () => true }, { argv: [], environment: {} });
const ioWith = (input: string) => ({
  out: output,
  err: output,
  input: Readable.from([input]),
  environment: {},
  onInterrupt: () => new AbortController().signal,
});
const read = (prompt?: string, prompts?: string, input = '') => readPrompts({ prompt, prompts }, ioWith(input));

it('reads one prompt from the flag, the input or a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hippo-prompts-'));
  try {
    await writeFile(join(folder, 'p.txt'), 'from\na file');
    expect(await read()).toEqual(['\n']);
    expect(await read('To be')).toEqual(['To be']);
    expect(await read('-', undefined, 'piped')).toEqual(['piped']);
    expect(await read(`file:${join(folder, 'p.txt')}`)).toEqual(['from\na file']);
    expect(await read(undefined, join(folder, 'p.txt'))).toEqual(['from', 'a file']);
    expect(await read(undefined, '-', 'a\n\nb\n')).toEqual(['a', 'b']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('reads lines as they are, and JSON lines as texts or objects', () => {
  expect(manyPrompts('p.txt', 'a \r\n\n"b"\n')).toEqual(['a ', '"b"']);
  expect(manyPrompts('p.jsonl', '"a\\nb"\n\n{"prompt": "c", "id": 3}\n')).toEqual(['a\nb', 'c']);
});

it.each([
  ['p.jsonl', '"a"\nb', 'p.jsonl, line 2: must be JSON; got b.'],
  ['p.jsonl', '3', 'p.jsonl, line 1: must be a text or an object with a "prompt", not empty; got 3.'],
  ['p.jsonl', '{"text": "a"}', 'line 1: must be a text or an object with a "prompt"'],
  ['p.jsonl', '""', 'not empty'],
  ['p.txt', '\n\n', 'p.txt: must hold at least one prompt; got none'],
])('refuses %s with %j', (path, text, sentence) => {
  expect(() => manyPrompts(path, text)).toThrow(sentence);
});

it('refuses an empty prompt', async () => {
  await expect(read('')).rejects.toThrow('the prompt is empty');
});
