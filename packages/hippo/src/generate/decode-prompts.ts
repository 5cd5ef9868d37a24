// Many continuations on one model: each prompt is read once, by a decoder of one row, and its state is copied to a row of the batch
// for every continuation; a row that ends takes the next one. A row's numbers never depend on what its neighbours are.

import { type Interruption, interruption } from '../session/interruption.ts';
import type { Store } from '../session/store.ts';
import { createDecoder, type Decoder, type RecurrentModel } from './decoder.ts';
import type { DecoderState } from './decoder-state.ts';
import type { DeviceDraw } from './device-draw.ts';
import { promptChunks, readPrompt } from './read-prompt.ts';
import type { DrawnToken } from './sampler.ts';

/** What came of a row of scores: events for the reader, and the token to read next; without one the continuation has ended. */
export interface Step<Event> {
  readonly events: readonly Event[];
  readonly next?: number;
  /** The token that was drawn at the end and that nothing needs to read, unless somebody goes on from there. */
  readonly last?: number;
}

export interface PromptToDecode<Event> {
  readonly tokens: Int32Array;
  /** Gets the scores after every token of the prompt, padding left out; the array is used again. */
  readonly visit?: (position: number, scores: Float32Array) => void;
  readonly continuations: readonly ContinuationToDecode<Event>[];
}

export interface ContinuationToDecode<Event> {
  /** Takes the scores after all that was read, padding left out, or the token that the device has drawn from them. */
  readonly step: (next: Float32Array | DrawnToken) => Step<Event>;
  /** Fixes, with the position, the random numbers of draws on the device. */
  readonly sample: number;
}

export interface DecodeOptions {
  readonly store: Store;
  /** Continuations decoded side by side at most. */
  readonly rows: number;
  /** Most tokens of a prompt with its continuation. */
  readonly capacity: number;
  readonly signal?: AbortSignal | undefined;
  /** How the device draws; without it scores come to the host. */
  readonly draw?: DeviceDraw | undefined;
}

/** Attention sums over the whole cache. In steps of this size its sums have the same order, and bits, for any longest sequence. */
const capacityStep = 64;

/**
 * Yields the events of all continuations as they come. Memory on the device is given back however it ends.
 * @throws the signal's reason when it is aborted.
 */
export async function* decodePrompts<Event>(
  model: RecurrentModel,
  prompts: readonly PromptToDecode<Event>[],
  { store, rows, capacity: longest, signal, draw }: DecodeOptions,
): AsyncGenerator<Event> {
  const capacity = Math.ceil(longest / capacityStep) * capacityStep;
  const interrupt = interruption(signal);
  await interrupt();
  const { vocab_size: vocabularySize } = model.config;
  const jobs = prompts.flatMap((prompt) => prompt.continuations.map((continuation) => ({ ...continuation, prompt })));
  const count = Math.min(rows, jobs.length);
  await using reader = createDecoder(model, { store, capacity, chunks: promptChunks });
  // One row needs no second decoder: the reader goes on by itself, and comes back to the prompt for its next continuation.
  await using batch = count > 1 ? createDecoder(model, { store, capacity, chunks: [1], batch: count }) : undefined;
  const fresh = batch && (await batch.state(0));
  const pool = new RowPool({ reader, batch, fresh, jobs, vocabularySize, interrupt, draw });
  for (let row = 0; row < count; row++) yield* pool.fill(row);
  while (pool.busy) {
    await interrupt();
    yield* pool.step();
  }
}

interface Job<Event> extends ContinuationToDecode<Event> {
  readonly prompt: PromptToDecode<Event>;
}

interface Row<Event> {
  readonly job: Job<Event>;
  readonly next: number;
}

/** A prompt that was read: the scores after it and, where its continuations need it again, the state. */
interface ReadPrompt<Event> {
  readonly prompt: PromptToDecode<Event>;
  readonly scores: Float32Array;
  readonly state: DecoderState | undefined;
}

interface PoolParts<Event> {
  /** Of one row: reads prompts. */
  readonly reader: Decoder;
  /** Of several rows; undefined where the reader's one is enough. */
  readonly batch: Decoder | undefined;
  /** The state of a row of `batch` that has read nothing. */
  readonly fresh: DecoderState | undefined;
  readonly jobs: readonly Job<Event>[];
  readonly vocabularySize: number;
  readonly interrupt: Interruption;
  readonly draw: DeviceDraw | undefined;
}

/** The rows, each with the continuation it decodes, and the continuations that wait for one. */
class RowPool<Event> {
  readonly #parts: PoolParts<Event>;
  readonly #decoder: Decoder;
  readonly #rows: (Row<Event> | undefined)[];
  #taken = 0;
  #known: ReadPrompt<Event> | undefined;

  constructor(parts: PoolParts<Event>) {
    this.#parts = parts;
    this.#decoder = parts.batch ?? parts.reader;
    this.#rows = new Array<Row<Event> | undefined>(this.#decoder.batch).fill(undefined);
  }

  get busy(): boolean {
    return this.#rows.some((row) => row !== undefined);
  }

  /** Puts the next continuation that has something to read into a row. */
  async *fill(row: number): AsyncGenerator<Event> {
    const { batch, fresh, jobs } = this.#parts;
    this.#rows[row] = undefined;
    for (let job = jobs[this.#taken++]; job; job = jobs[this.#taken++]) {
      const again = this.#known?.prompt === job.prompt;
      const { scores, state } = await this.#read(job.prompt);
      const { events, next } = job.step(scores);
      if (next !== undefined) {
        if (state && (batch || again)) await this.#decoder.restore(state, row);
        this.#rows[row] = { job, next };
      }
      yield* events;
      if (next !== undefined) return;
    }
    // A row that is fed on without need starts afresh, so that it cannot outgrow the attention cache.
    if (fresh) await this.#decoder.restore(fresh, row);
  }

  /** Reads a prompt, unless it is the one that was read last. */
  async #read(prompt: PromptToDecode<Event>): Promise<ReadPrompt<Event>> {
    if (this.#known?.prompt === prompt) return this.#known;
    const { reader, batch, vocabularySize, interrupt } = this.#parts;
    const scores = await readPrompt(reader, prompt.tokens, { vocabularySize, interrupt, visit: prompt.visit });
    const isNeeded = batch !== undefined || prompt.continuations.length > 1;
    this.#known = { prompt, scores, state: isNeeded ? await reader.state() : undefined };
    return this.#known;
  }

  /** One token more for every row; rows that end take the next continuation. */
  async *step(): AsyncGenerator<Event> {
    const read = await this.#feed(this.#rows.map((row) => row?.next ?? 0));
    for (const [at, row] of [...this.#rows.entries()]) {
      const found = read[at];
      if (!row || !found) continue;
      const { events, next } = row.job.step(found);
      if (next !== undefined) this.#rows[at] = { job: row.job, next };
      yield* events;
      if (next === undefined) yield* this.fill(at);
    }
  }

  /** Reads a token in every row: the scores after it, or the token drawn from them. */
  async #feed(tokens: readonly number[]): Promise<readonly (Float32Array | DrawnToken)[]> {
    const { draw, vocabularySize } = this.#parts;
    if (draw) {
      const places = this.#decoder.positions.map((before, row) => ({
        position: before + 1,
        sample: this.#rows[row]?.job.sample ?? 0,
      }));
      return await this.#decoder.feedAndDraw(tokens, { cuts: draw.cuts, words: places.map((at) => draw.words(at)) });
    }
    const scores = await this.#decoder.feed(tokens);
    const { columns } = this.#decoder;
    return tokens.map((_, row) => scores.subarray(row * columns, row * columns + vocabularySize));
  }
}
