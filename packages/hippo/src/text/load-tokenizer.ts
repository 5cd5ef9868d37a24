// A tokenizer from the files of a model folder. `tokenizer_config.json` says which kind; what it cannot be read from is an error,
// since a wrong tokenizer would still give ids, only wrong ones.
import { CheckpointError } from '../errors.ts';
import { byteTokenizer, byteTokenizerClass } from './byte-tokenizer.ts';
import { characterTokenizer, characterTokenizerClass } from './character-tokenizer.ts';
import { gpt2TokenBytes, gpt2Tokenizer, gpt2TokenizerClass } from './gpt2-tokenizer.ts';
import { endOfTextMark, type Tokenizer } from './tokenizer.ts';

/** The files that are read; a model folder may hold others. */
export const tokenizerFileNames = ['tokenizer_config.json', 'vocab.json'] as const;

/** File name to content; undefined where the folder has no such file. */
type Files = Readonly<Record<string, string | undefined>>;

/**
 * Reads what `Tokenizer.files` gave, and GPT-2's own folder layout.
 * @param files file name to content
 * @throws CheckpointError `tokenizer-missing`, `tokenizer-json`, `tokenizer-class`, `tokenizer-vocabulary`.
 */
export async function loadTokenizer(files: Files): Promise<Tokenizer> {
  const { tokenizer_class: given } = jsonObject(files, 'tokenizer_config.json');
  switch (given) {
    case byteTokenizerClass:
      return byteTokenizer();
    case characterTokenizerClass:
      return characterTokenizer(readAlphabet(files));
    case gpt2TokenizerClass:
    case `${gpt2TokenizerClass}Fast`:
      if (files['vocab.json'] !== undefined) await checkGpt2Vocabulary(files);
      return gpt2Tokenizer();
    default:
      throw new CheckpointError(
        'tokenizer-class',
        `tokenizer_config.json: tokenizer_class must be ${gpt2TokenizerClass}, ${characterTokenizerClass} or ${byteTokenizerClass}; got ${JSON.stringify(given)}. Models with other tokenizers cannot be used with text, only with token ids.`,
        { tokenizerClass: given },
      );
  }
}

function jsonObject(files: Files, name: string): Readonly<Record<string, unknown>> {
  const text = files[name];
  if (text === undefined) {
    throw new CheckpointError(
      'tokenizer-missing',
      `${name}: says how text becomes token ids; the file is missing. Copy it into the model folder, or give token ids instead of text.`,
      { missing: name },
    );
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(
      'tokenizer-json',
      `${name}: must be a JSON object; got no JSON (${cause instanceof Error ? cause.message : String(cause)}). Restore the file.`,
      { file: name },
      { cause },
    );
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  throw new CheckpointError(
    'tokenizer-json',
    `${name}: must be a JSON object; got ${text.slice(0, 40)}. Restore the file.`,
    { file: name },
  );
}

function badVocabulary(sentence: string): CheckpointError {
  return new CheckpointError(
    'tokenizer-vocabulary',
    `vocab.json: ${sentence} Restore the file that was saved with the model.`,
  );
}

/** The characters of `vocab.json`, whose ids must be their places in code point order. */
function readAlphabet(files: Files): string {
  const entries = Object.entries(jsonObject(files, 'vocab.json'));
  if (entries.length === 0) throw badVocabulary('must hold at least one character; it is empty.');
  const codePoint = ([character]: [string, unknown]): number => character.codePointAt(0) ?? -1;
  entries.sort((a, b) => codePoint(a) - codePoint(b));
  for (const [place, [character, id]] of entries.entries()) {
    if ([...character].length !== 1)
      throw badVocabulary(`keys must be single characters; got ${JSON.stringify(character)}.`);
    if (id !== place)
      throw badVocabulary(
        `ids count up from 0 in the order of code points; got id ${JSON.stringify(id)} for ${JSON.stringify(character)}, which is number ${place}.`,
      );
  }
  return entries.map(([character]) => character).join('');
}

/** A folder may say GPT2Tokenizer and bring another vocabulary, as GPT-2 models of other languages do. */
async function checkGpt2Vocabulary(files: Files): Promise<void> {
  const given = jsonObject(files, 'vocab.json');
  const bytes = await gpt2TokenBytes();
  const letters = byteLetters();
  const size = Object.keys(given).length;
  if (size !== bytes.length + 1)
    throw badVocabulary(
      `GPT-2's has ${bytes.length + 1} tokens; got ${size}, another model's vocabulary, which cannot be read yet.`,
    );
  const expected = [...bytes.map((token) => Array.from(token, (byte) => letters[byte]).join('')), endOfTextMark];
  for (const [id, token] of expected.entries()) {
    if (given[token] !== id)
      throw badVocabulary(
        `GPT-2's has ${JSON.stringify(token)} as id ${id}; got ${JSON.stringify(given[token])}, another model's vocabulary, which cannot be read yet.`,
      );
  }
}

/** How GPT-2's `vocab.json` writes each byte: printable Latin-1 as itself, the others as U+0100, U+0101, … in order. */
function byteLetters(): string[] {
  const printable = (byte: number): boolean => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : 0x100 + others++));
}
