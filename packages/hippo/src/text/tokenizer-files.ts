// The files that a model folder keeps of its tokenizer, and reading one of them.
import { CheckpointError } from '../errors.ts';

/** The files that are read; a model folder may hold others. */
export const tokenizerFileNames = [
  'tokenizer_config.json',
  'tokenizer.json',
  'vocab.json',
  'merges.txt',
  'special_tokens_map.json',
  'added_tokens.json',
] as const;

/** File name to content; undefined where the folder has no such file. */
export type TokenizerFiles = Readonly<Record<string, string | undefined>>;

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws CheckpointError `tokenizer-missing`, `tokenizer-json`. */
export function jsonObject(files: TokenizerFiles, name: string): JsonObject {
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
  if (isJsonObject(parsed)) return parsed;
  throw new CheckpointError(
    'tokenizer-json',
    `${name}: must be a JSON object; got ${text.slice(0, 40)}. Restore the file.`,
    { file: name },
  );
}

/** The content of `name`, or an empty object where there is none. */
export function optionalJsonObject(files: TokenizerFiles, name: string): JsonObject {
  return files[name] === undefined ? {} : jsonObject(files, name);
}

/** A vocabulary that cannot be what its file says it is. */
export function badVocabulary(sentence: string, file = 'vocab.json'): CheckpointError {
  return new CheckpointError(
    'tokenizer-vocabulary',
    `${file}: ${sentence} Restore the file that was saved with the model.`,
    { file },
  );
}

/** A special token as the config files write it: the text itself, or an object with its content. */
export function tokenContent(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isJsonObject(value) && typeof value.content === 'string' ? value.content : undefined;
}
