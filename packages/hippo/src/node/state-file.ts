// A sequence's state in a file, written as a whole or not at all.
import { readFile } from 'node:fs/promises';
import { CheckpointError } from '../errors.ts';
import type { DecoderState } from '../generate/decoder-state.ts';
import { type StateOwner, stateFromBytes, statePieces } from '../generate/state-file.ts';
import { replaceFile } from './files.ts';

/** Saves a state; a file of that name is replaced in one step. @throws CheckpointError `write-failed`. */
export async function saveState(path: string, state: DecoderState): Promise<void> {
  await replaceFile(path, statePieces(state));
}

/**
 * Loads a state for a decoder or session of the same model.
 * @throws CheckpointError `unreadable`, and those of `stateFromBytes`.
 */
export async function loadState(path: string, owner: StateOwner): Promise<DecoderState> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new CheckpointError(
      'unreadable',
      `${path}: cannot be read; got ${cause.message}. Check the name, or save a state there first.`,
      { file: path },
      { cause },
    );
  });
  return stateFromBytes(bytes, owner, path);
}
