// A tokenizer's files in a folder: that of a model, or one of its own.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '../errors.ts';
import { loadTokenizer } from '../text/load-tokenizer.ts';
import type { DocumentOptions, Tokenizer } from '../text/tokenizer.ts';
import { type TokenizerFiles, tokenizerFileNames } from '../text/tokenizer-files.ts';
import { exists, replaceFolder, writeDurably } from './files.ts';

/** The tokenizer's files by name; undefined for those that the folder does not have. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const entries = tokenizerFileNames.map(async (name) => {
    const path = join(folder, name);
    return [name, (await exists(path)) ? await readFile(path, 'utf8') : undefined] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Whether the folder has a tokenizer of its own. */
export async function holdsTokenizer(folder: string): Promise<boolean> {
  return (await exists(join(folder, 'tokenizer_config.json'))) || (await exists(join(folder, 'tokenizer.json')));
}

/** @throws CheckpointError as `loadTokenizer`. */
export async function loadTokenizerFolder(folder: string, options: DocumentOptions = {}): Promise<Tokenizer> {
  return loadTokenizer(await readTokenizerFiles(folder), options);
}

/**
 * Writes a tokenizer's files into a new folder.
 * @throws CheckpointError `folder-exists`: nothing is replaced; `write-failed`.
 */
export async function saveTokenizer(folder: string, tokenizer: Tokenizer): Promise<void> {
  if (await exists(folder)) {
    throw new CheckpointError(
      'folder-exists',
      `${folder}: a tokenizer is saved to a new folder; this one exists. Remove it, or choose another.`,
      { folder },
    );
  }
  await replaceFolder(folder, async (temporary) => {
    for (const [name, text] of Object.entries(tokenizer.files())) await writeDurably(join(temporary, name), [text]);
  });
}
