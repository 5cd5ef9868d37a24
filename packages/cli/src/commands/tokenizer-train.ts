// `hippo tokenizer train`: learns byte pairs from text files.
import { type Tokenizer, trainBytePairs, UsageError } from 'hippo';
import { saveTokenizer } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { openProgress } from '../progress/progress-line.ts';
import { formatBytes, formatCount } from '../report/format.ts';
import type { CommandIo } from '../terminal/io.ts';
import { readText } from './train.ts';

export const command = defineCommand({
  name: 'tokenizer train',
  summary: 'Learn a tokenizer from text files',
  description:
    'Byte pairs, as GPT-2 has: the commonest neighbours become one token, again and again. Any text can be encoded. The folder is in the common format (tokenizer.json), for `hippo train --tokenizer` and for other tools.',
  positionals: { text: { required: true, many: true, help: 'text files in UTF-8' } },
  options: {
    vocabSize: { type: 'integer', min: 257, default: 4096, help: 'tokens: 256 bytes, joins, and the special tokens' },
    out: { type: 'string', short: 'o', required: true, placeholder: 'folder', help: 'new folder for the tokenizer' },
    minFrequency: { type: 'integer', min: 1, default: 2, help: 'a pair that stands less often is not joined' },
    specialTokens: {
      type: 'string',
      default: '<|endoftext|>',
      placeholder: 'a,b,…',
      help: 'tokens that stand for no text; the first divides documents, and where it stands in the files it does',
    },
    json: { type: 'boolean', help: 'print the summary as one JSON document' },
  },
  examples: [
    { line: 'hippo tokenizer train book.txt --vocab-size 2048 --out tokenizers/book', help: 'learn from a book' },
    { line: 'hippo train book.txt --tokenizer tokenizers/book --out runs/book', help: 'and train a model on it' },
  ],
});

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<void> {
  const texts: string[] = [];
  for (const path of options.text) texts.push(await readText(path, command.name));
  const tokenizer = learn(texts, options, io);
  await saveTokenizer(options.out, tokenizer);
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const tokens = texts.reduce((sum, text) => sum + tokenizer.encode(text).length, 0);
  const summary = { out: options.out, vocabularySize: tokenizer.vocabularySize, bytes, tokens };
  if (tokenizer.vocabularySize < options.vocabSize)
    io.err.line(
      `no pair is left that stands ${options.minFrequency} times: ${tokenizer.vocabularySize} tokens, not ${options.vocabSize}`,
    );
  io.err.line(
    `${formatCount(summary.vocabularySize)} tokens; ${formatBytes(bytes)} of text become ${formatCount(tokens)} tokens, ${(bytes / tokens).toFixed(2)} bytes each → ${options.out}`,
  );
  if (options.json) io.out.line(JSON.stringify(summary));
}

function learn(texts: readonly string[], options: ValuesOf<typeof command>, io: CommandIo): Tokenizer {
  const specialTokens = options.specialTokens.split(',').filter((token) => token !== '');
  if (options.vocabSize < 256 + specialTokens.length)
    throw new UsageError(
      'vocabulary-size',
      `${command.name}, --vocab-size: must leave room for 256 bytes and ${specialTokens.length} special tokens; got ${options.vocabSize}.`,
    );
  const progress = openProgress(io.err);
  const tokenizer = trainBytePairs(texts, {
    vocabularySize: options.vocabSize,
    minimumFrequency: options.minFrequency,
    specialTokens,
    onToken: (tokens) => progress.update(() => `${tokens} of ${options.vocabSize} tokens`),
  });
  progress.finish();
  return tokenizer;
}
