// States as bytes: a safetensors container with the state's arrays and scores, and in its metadata the format's version, the model's
// fingerprint and the position. What is read back is checked against the model that is to go on from it.
import { memorySource, openSafetensors, type TensorSource } from '../checkpoint/safetensors.ts';
import { safetensorsPieces } from '../checkpoint/safetensors-writer.ts';
import { CheckpointError } from '../errors.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { checkFingerprint, type DecoderState } from './decoder-state.ts';

/** Goes up when older readers would misread what is written. */
const stateVersion = '1';
const scoresName = 'scores';
const arrayPrefix = 'state.';

/** The file's bytes, piece by piece. */
export function statePieces(state: DecoderState): AsyncGenerator<Uint8Array> {
  const { arrays, scores, position, model } = state;
  const tensors: Record<string, HostTensor> = Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => [arrayPrefix + name, array]),
  );
  if (scores) tensors[scoresName] = { shape: [scores.length], dtype: 'f32', data: scores };
  return safetensorsPieces(
    Object.entries(tensors).map(([name, tensor]) => ({ ...tensor, name, read: async () => tensor })),
    { metadata: { hippo_state: stateVersion, model, position: String(position), dtype: 'f32' } },
  );
}

/** A state as the bytes of a safetensors file. */
export async function stateToBytes(state: DecoderState): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of statePieces(state)) pieces.push(piece);
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** What a state is read for: a decoder or a session of the same model. */
export interface StateOwner {
  fingerprint(): Promise<string>;
}

/**
 * The state of a file's bytes.
 * @throws CheckpointError `not-a-state`, `state-version`, `other-model` (both models named), and those of `openSafetensors` for a
 * file that is cut short or damaged.
 */
export async function stateFromBytes(bytes: Uint8Array, owner: StateOwner, name = 'state'): Promise<DecoderState> {
  const source = await openSafetensors(memorySource(bytes, name));
  const { model, position } = checkMetadata(source, name);
  checkFingerprint(name, model, await owner.fingerprint());
  const arrays: Record<string, HostTensor> = {};
  for (const tensor of source.tensors.keys()) {
    if (tensor.startsWith(arrayPrefix)) arrays[tensor.slice(arrayPrefix.length)] = await source.read(tensor);
  }
  const scores = source.tensors.has(scoresName) ? (await source.read(scoresName)).data : undefined;
  if (scores && !(scores instanceof Float32Array)) return damaged(name, 'the scores must be f32');
  return { model, position, arrays, scores };
}

function checkMetadata(
  { metadata }: TensorSource,
  file: string,
): { readonly model: string; readonly position: number } {
  const { hippo_state: version, model = '', position = '', dtype } = metadata;
  if (version === undefined) return damaged(file, 'the metadata must name the version of the state, hippo_state');
  if (version !== stateVersion || dtype !== 'f32') {
    throw new CheckpointError(
      'state-version',
      `${file}: a state must be of version ${stateVersion} in f32; got version ${version} in ${dtype}. Use the version of Hippo that wrote it, or read the text again.`,
      { file, version, expected: stateVersion, dtype },
    );
  }
  if (!/^\d{1,15}$/.test(position)) return damaged(file, `the position must be a whole number, and is "${position}"`);
  return { model, position: Number(position) };
}

function damaged(file: string, rule: string): never {
  throw new CheckpointError('not-a-state', `${file}: ${rule}. The file is damaged or not a saved state.`, { file });
}
