// Many continuations on one model: each prompt is read once, by a decoder of one row, and its state is copied to a row of the batch
// for every continuation; a row that ends takes the next one. A row's numbers never depend on what its neighbours are.
import type { Store } from '../session/store.ts';
import { createDecoder, type RecurrentModel } from './decoder.ts';
import type { DecoderState } from './decoder-state.ts';
import { interruption } from './interruption.ts';
import { promptChunks, readPrompt } from './read-prompt.ts';

/** What came of a row of scores: events for the reader, and the token to read next; without one the continuation has ended. */
export interface Step<Event> {
  readonly events: readonly Event[];
  readonly next?: number;
}

export interface PromptToDecode<Event> {
  readonly tokens: Int32Array;
  /** Gets the scores after every token of the prompt, padding left out; the array is used again. */
  readonly visit?: (position: number, scores: Float32Array) => void;
  /** Each takes the scores after all that it has read, padding left out. */
  readonly continuations: readonly ((scores: Float32Array) => Step<Event>)[];
}

export interface DecodeOptions {
  readonly store: Store;
  /** Continuations decoded side by side at most. */
  readonly rows: number;
  /** Most tokens of a prompt with its continuation. */
  readonly capacity: number;
  readonly signal?: AbortSignal | undefined;
}

/** Attention sums over the whole cache. In steps of this size its sums have the same order, and bits, for any longest sequence. */
const capacityStep = 64;

interface Row<Event> {
  readonly step: (scores: Float32Array) => Step<Event>;
  readonly next: number;
}

/** A prompt that was read: the scores after it and, where its continuations need it again, the state. */
interface ReadPrompt<Event> {
  readonly prompt: PromptToDecode<Event>;
  readonly scores: Float32Array;
  readonly state: DecoderState | undefined;
}

/**
 * Yields the events of all continuations as they come. Memory on the device is given back however it ends.
 * @throws the signal's reason when it is aborted.
 */
export async function* decodePrompts<Event>(
  model: RecurrentModel,
  prompts: readonly PromptToDecode<Event>[],
  { store, rows: most, capacity: longest, signal }: DecodeOptions,
): AsyncGenerator<Event> {
  const capacity = Math.ceil(longest / capacityStep) * capacityStep;
  const interrupt = interruption(signal);
  await interrupt();
  const vocabularySize = model.config.vocab_size;
  const jobs = prompts.flatMap((prompt) => prompt.continuations.map((step) => ({ prompt, step }))).values();
  const count = Math.min(
    most,
    prompts.reduce((sum, { continuations }) => sum + continuations.length, 0),
  );
  await using reader = createDecoder(model, { store, capacity, chunks: promptChunks });
  // One row needs no second decoder: the reader goes on by itself, and comes back to the prompt for its next continuation.
  await using batch = count > 1 ? createDecoder(model, { store, capacity, chunks: [1], batch: count }) : undefined;
  const decoder = batch ?? reader;
  const fresh = batch && (await batch.state(0));
  const rows = new Array<Row<Event> | undefined>(count).fill(undefined);
  let known: ReadPrompt<Event> | undefined;

  /** Puts the next continuation that has something to read into a row. */
  async function* fill(row: number): AsyncGenerator<Event> {
    rows[row] = undefined;
    for (const { prompt, step } of jobs) {
      const again = known?.prompt === prompt;
      if (!known || !again) {
        const scores = await readPrompt(reader, prompt.tokens, { vocabularySize, interrupt, visit: prompt.visit });
        known = { prompt, scores, state: batch || prompt.continuations.length > 1 ? await reader.state() : undefined };
      }
      const { events, next } = step(known.scores);
      if (next !== undefined) {
        if (known.state && (batch || again)) await decoder.restore(known.state, batch && row);
        rows[row] = { step, next };
      }
      yield* events;
      if (next !== undefined) return;
    }
    // A row that is fed on without need starts afresh, so that it cannot outgrow the attention cache.
    if (fresh) await decoder.restore(fresh, row);
  }

  for (let row = 0; row < count; row++) yield* fill(row);
  while (rows.some((row) => row !== undefined)) {
    await interrupt();
    const scores = await decoder.feed(rows.map((row) => row?.next ?? 0));
    for (const [at, row] of rows.entries()) {
      if (!row) continue;
      const { events, next } = row.step(scores.subarray(at * decoder.columns, at * decoder.columns + vocabularySize));
      if (next !== undefined) rows[at] = { step: row.step, next };
      yield* events;
      if (next === undefined) yield* fill(at);
    }
  }
}
