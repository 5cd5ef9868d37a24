// JSON files of model and run folders.
import { readFile } from 'node:fs/promises';
import { CheckpointError } from '../errors.ts';

/** @throws CheckpointError `unreadable`, `config-json`. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new CheckpointError(
      'unreadable',
      `${path}: cannot be read; got ${cause.message}. Give the folder of a model.`,
      { file: path },
      { cause },
    );
  });
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new CheckpointError(
      'config-json',
      `${path}: must be JSON; got ${(cause as Error).message}.`,
      { file: path },
      { cause },
    );
  }
}
