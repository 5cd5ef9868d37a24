// What one sequence has read, as a value on the host: the recurrent states, the filled part of the attention caches, and the scores
// after its last token. A state saved after n tokens holds these scores, so going on from it reads nothing again; recurrent
// states cannot be rolled back, so this is the only point where they can be had.
import { CheckpointError, UsageError } from '../errors.ts';
import type { ModelConfigInput } from '../models/config.ts';
import { languageModel } from '../models/language-model.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { elementCount, formatShape, sameShape } from '../tensor/shape.ts';
import type { StatefulModel } from './state-layout.ts';

/** The state of one sequence. Treat its arrays as read-only: forks and caches share them. */
export interface DecoderState {
  /** Tokens read. */
  readonly position: number;
  /** Fingerprint of the model whose state this is. */
  readonly model: string;
  /** By the names of the model's `stateShapes(1, position)`, in those shapes. */
  readonly arrays: Readonly<Record<string, HostTensor>>;
  /** Scores after the last token, one a column of the model's head; undefined where nothing has been read, or the next token was drawn on the device. */
  readonly scores: Float32Array | undefined;
}

/** Bytes of a state's arrays and scores. */
export function stateBytes({ arrays, scores }: DecoderState): number {
  return Object.values(arrays).reduce((sum, { data }) => sum + data.byteLength, scores?.byteLength ?? 0);
}

/** What a sequence's state takes. */
export interface StateSize {
  /** Of the recurrent layers, whatever the length. */
  readonly constantBytes: number;
  /** What the attention caches hold for each token. */
  readonly bytesPerToken: number;
  /** constantBytes + length·bytesPerToken. */
  readonly bytes: number;
}

/**
 * Bytes of the state of one sequence of `length` tokens, from the configuration alone.
 * @throws UsageError `length`; CheckpointError for a bad config.
 */
export function stateBytesPerSequence(config: ModelConfigInput, length: number): StateSize {
  if (!Number.isInteger(length) || length < 0)
    throw new UsageError('length', `state size: the length must be a whole number, 0 or more; got ${length}.`, {
      length,
    });
  const model = languageModel(config);
  const bytes = (tokens: number): number =>
    4 * model.stateShapes(1, tokens).reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return { constantBytes: bytes(0), bytesPerToken: bytes(1) - bytes(0), bytes: bytes(length) };
}

/** @throws CheckpointError `other-model`, `state-shape`. */
export function checkState(state: DecoderState, model: StatefulModel, fingerprint: string): void {
  checkFingerprint('state', state.model, fingerprint);
  for (const { name, shape, dtype } of model.stateShapes(1, state.position)) {
    const found = state.arrays[name];
    if (found && found.dtype === dtype && sameShape(found.shape, shape) && found.data.length === elementCount(shape))
      continue;
    throw new CheckpointError(
      'state-shape',
      `state: array "${name}" must be ${dtype}${formatShape(shape)} after ${state.position} tokens; got ${found ? `${found.dtype}${formatShape(found.shape)} with ${found.data.length} numbers` : 'none'}. The state is damaged; read the text again.`,
      { state: name, position: state.position },
    );
  }
}

/** @throws CheckpointError `other-model` naming both models. */
export function checkFingerprint(where: string, given: string, expected: string): void {
  if (given === expected) return;
  throw new CheckpointError(
    'other-model',
    `${where}: a state belongs to the model that read the text, ${expected} here; got one of model ${given}. Load that model, or read the text again with this one.`,
    { expected, given },
  );
}
