// The prompts of a command line: one text, the input, a file, or a file of many.
import { readFile } from 'node:fs/promises';
import { DataError, UsageError } from 'hippo';
import type { CommandIo } from '../terminal/io.ts';
import { readInput } from '../terminal/read-input.ts';

interface PromptSource {
  /** A saved state to go on from, after which the prompt may be empty. */
  readonly state?: string | undefined;
  readonly prompt: string | undefined;
  readonly prompts: string | undefined;
}

/** @throws UsageError `empty-prompt`, DataError `prompts` naming the line of a file that is no prompt. */
export async function readPrompts({ prompt, prompts, state }: PromptSource, io: CommandIo): Promise<readonly string[]> {
  if (prompts === '-') return manyPrompts('stdin', await readInput(io));
  if (prompts !== undefined) return manyPrompts(prompts, await readText(prompts));
  const text = state !== undefined && prompt === undefined ? '' : await onePrompt(prompt, io);
  if (text !== '' || state !== undefined) return [text];
  throw new UsageError(
    'empty-prompt',
    'generate: the prompt is empty, and a model needs at least one token to go on from. Give --prompt some text.',
  );
}

async function onePrompt(prompt: string | undefined, io: CommandIo): Promise<string> {
  if (prompt === undefined) return '\n';
  if (prompt.startsWith('file:')) return readText(prompt.slice('file:'.length));
  return prompt === '-' ? readInput(io) : prompt;
}

const readText = (path: string): Promise<string> => readFile(path, 'utf8');

/** One prompt a line; empty lines are skipped. */
export function manyPrompts(path: string, text: string): readonly string[] {
  const lines = text.split(/\r?\n/);
  const isJson = /\.(jsonl|ndjson)$/i.test(path);
  const found = lines.flatMap((line, index) => {
    if (line.trim() === '') return [];
    return [isJson ? promptOfLine(line, `${path}, line ${index + 1}`) : line];
  });
  if (found.length > 0) return found;
  throw new DataError('prompts', `${path}: must hold at least one prompt; got none. Write one a line.`, { file: path });
}

function promptOfLine(line: string, place: string): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new DataError('prompts', `${place}: must be JSON; got ${line.slice(0, 40)}.`, { place }, { cause: error });
  }
  const prompt = typeof value === 'object' && value !== null && 'prompt' in value ? value.prompt : value;
  if (typeof prompt === 'string' && prompt !== '') return prompt;
  throw new DataError(
    'prompts',
    `${place}: must be a text or an object with a "prompt", not empty; got ${line.slice(0, 40)}.`,
    { place },
  );
}
