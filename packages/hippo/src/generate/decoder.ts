// Recurrent decoding: a prompt is read in chunks of a few fixed sizes by convolution, then one token a step at constant memory.
// The state (SSM states, attention caches, positions) lives in variables, so each chunk size is one plan, replayed. A row of the
// batch is a sequence of its own, at a position of its own; what it has read can be taken out, put back and moved between rows.
import { UsageError } from '../errors.ts';
import { stateVariable, type Variable } from '../graph/variable.ts';
import type { SsmForm, TokenCuts } from '../ops/index.ts';
import { heldBytes } from '../plan/explain.ts';
import type { Store } from '../session/store.ts';
import { elementCount } from '../tensor/shape.ts';
import { checkCount, checkFresh, checkPrompts, checkRoom, checkRow, checkRows } from './decoder-checks.ts';
import { DecoderPlans, type RecurrentModel, type StateVariable } from './decoder-plans.ts';
import { checkState, type DecoderState } from './decoder-state.ts';
import { modelFingerprint } from './model-fingerprint.ts';
import type { PromptCache } from './prompt-cache.ts';
import type { DrawnToken } from './sampler.ts';
import { putRow, rowElements, stateLayout, takeRow, wholeTensor } from './state-layout.ts';

export type { RecurrentModel } from './decoder-plans.ts';

export interface DecoderOptions {
  readonly store: Store;
  /** Sequences decoded side by side. Default 1. */
  readonly batch?: number;
  /** Most tokens a sequence may reach when the model has attention; ignored by models without. */
  readonly capacity: number;
  /** Chunk sizes for reading prompts, any order; 1 is always there. Default 1, 16, 128, 1024. */
  readonly chunks?: readonly number[];
  /** How state-space layers read chunks. Default `auto`: by the backend's costs. */
  readonly form?: SsmForm;
}

/** Sees the scores after a token: the token's place in its sequence (from 0), the row, and scores that last until it returns. */
export type ScoreVisitor = (position: number, row: number, scores: Float32Array) => void;

export interface Decoder extends AsyncDisposable {
  /** Sequences decoded side by side. */
  readonly batch: number;
  /** Tokens read so far. @throws UsageError `rows-differ` where rows are at different positions. */
  readonly position: number;
  /** Tokens read so far, by each row. */
  readonly positions: readonly number[];
  /** Bytes of state for the whole batch. */
  readonly stateBytes: number;
  /**
   * Device memory held besides the model's weights: states, what the plans compiled so far hold, and what they computed once
   * from the weights. The same after a million tokens as after the first that used every chunk size it will meet.
   */
  readonly bytes: number;
  /** Length of a row of scores; 0 before the first. */
  readonly columns: number;
  /** Reads tokens ([batch × count], row by row) and returns the scores after the last one, [batch × columns]. */
  feed(tokens: ArrayLike<number>): Promise<Float32Array>;
  /** As `feed`, with the scores after every token; in chunks of at most 128 tokens, so that they stay small. */
  feedAll(tokens: ArrayLike<number>, visit: ScoreVisitor): Promise<void>;
  /**
   * As `feed`, but the next token of each row is drawn on the device and only that comes back. The scores after the last token are
   * not known to the host then, so a state taken before the next `feed` holds none.
   */
  feedAndDraw(tokens: ArrayLike<number>, draw: TokenDraw): Promise<readonly DrawnToken[]>;
  /**
   * Reads a prompt into each row, of any lengths, and returns the scores after each, [batch × columns]. Each is read alone, so a
   * row gives the numbers that it gives in a batch of one. With a cache only what follows the longest known prefix is read; rows
   * must then be at position 0.
   */
  feedRows(
    prompts: readonly ArrayLike<number>[],
    options?: { readonly promptCache?: PromptCache },
  ): Promise<Float32Array>;
  /** What a row has read, as a value; it does not change when the decoder goes on. */
  state(row?: number): Promise<DecoderState>;
  /**
   * Goes on from a state: one row, or every row when left out.
   * @throws CheckpointError `other-model`, `state-shape`; UsageError `capacity`, `row`.
   */
  restore(state: DecoderState, row?: number): Promise<void>;
  /** Row i goes on from what row `rows[i]` has read; a row may be named more than once, or not at all. */
  reorder(rows: readonly number[]): Promise<void>;
  /** Names the model's weights; a state of another model is refused. */
  fingerprint(): Promise<string>;
  /** Forgets everything read. */
  reset(): void;
  explain(chunk?: number): Promise<string>;
  /** Gives the state's memory and the plans back, after the calls that still run. Do it before the device is disposed of. */
  dispose(): Promise<void>;
}

/** A draw on the device: what is cut, and two random words a row (see `randomWords`). */
export interface TokenDraw {
  readonly cuts: TokenCuts;
  readonly words: readonly (readonly [number, number])[];
}

/** Most rows of scores that `feedAll` brings to the host at once. */
const scoreRows = 128;

let decoders = 0;

/**
 * Makes the state variables and the plans (compiled when first used). The model's weights must not change while the decoder is
 * used: what depends on them alone is computed once.
 */
export function createDecoder(model: RecurrentModel, options: DecoderOptions): Decoder {
  return new PlannedDecoder(model, options);
}

class PlannedDecoder implements Decoder {
  readonly batch: number;
  readonly #model: RecurrentModel;
  readonly #options: DecoderOptions;
  readonly #chunks: readonly number[];
  readonly #states: readonly StateVariable[];
  readonly #position: Variable;
  readonly #plans: DecoderPlans;
  #positions: number[];
  /** After each row's last token; undefined where it has read none. */
  #scores: (Float32Array | undefined)[];
  #columns = 0;
  #fingerprint: Promise<string> | undefined;
  /** Reads the prompts of `feedRows`. */
  #reader: Decoder | undefined;
  /** Calls run one after the other, and memory is given back only when the last one has ended. */
  #last: Promise<unknown> = Promise.resolve();
  #released: Promise<void> | undefined;

  constructor(model: RecurrentModel, options: DecoderOptions) {
    const { store, batch = 1, capacity, form } = options;
    this.batch = batch;
    this.#model = model;
    this.#options = options;
    this.#chunks = [...new Set([1, ...(options.chunks ?? [16, 128, 1024])])].sort((a, b) => b - a);
    decoders += 1;
    const prefix = `decoder${decoders}`;
    this.#states = stateLayout(model, batch, capacity).map((entry) => ({
      entry,
      variable: stateVariable(`${prefix}.${entry.name}`, entry.shape, entry.dtype),
    }));
    this.#position = stateVariable(`${prefix}.position`, [batch], 'i32');
    store.initialize(this.#variables);
    this.#plans = new DecoderPlans({ model, store, batch, form, states: this.#states, position: this.#position });
    this.#positions = new Array<number>(batch).fill(0);
    this.#scores = new Array<Float32Array | undefined>(batch).fill(undefined);
  }

  get #variables(): readonly Variable[] {
    return [...this.#states.map(({ variable }) => variable), this.#position];
  }

  get position(): number {
    const [first = 0] = this.#positions;
    if (this.#positions.every((position) => position === first)) return first;
    throw new UsageError(
      'rows-differ',
      `decoder: position is for rows that have read as much as each other; got ${this.#positions.join(', ')}. Use positions.`,
      { positions: this.positions },
    );
  }

  get positions(): readonly number[] {
    return [...this.#positions];
  }

  get columns(): number {
    return this.#columns;
  }

  get stateBytes(): number {
    return this.#variables.reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0);
  }

  get bytes(): number {
    const weights = new Set(this.#model.variables);
    const held = this.#plans.ready.map((plan) => ({
      ...plan,
      variables: plan.variables.filter((own) => !weights.has(own)),
    }));
    return heldBytes(held, this.#variables) + (this.#reader?.bytes ?? 0);
  }

  feed(tokens: ArrayLike<number>): Promise<Float32Array> {
    return this.#queue(() => this.#feed(tokens));
  }

  async #feed(tokens: ArrayLike<number>): Promise<Float32Array> {
    let scores: Float32Array = new Float32Array(0);
    await this.#inChunks(tokens, this.#chunks, async (part, chunk) => {
      scores = (await (await this.#plans.step(chunk))({ tokens: part })).scores.data as Float32Array; // the head's f32
    });
    this.#keepScores(scores, 1);
    return scores;
  }

  feedAll(tokens: ArrayLike<number>, visit: ScoreVisitor): Promise<void> {
    const sizes = this.#chunks.filter((size) => size === 1 || size * this.batch <= scoreRows);
    return this.#queue(() =>
      this.#inChunks(tokens, sizes, async (part, chunk) => {
        const before = this.positions;
        const scores = (await (await this.#plans.step(chunk, 'all'))({ tokens: part })).scores.data as Float32Array;
        this.#keepScores(scores, chunk);
        before.forEach((position, row) => {
          for (let i = 0; i < chunk; i++) {
            const from = (row * chunk + i) * this.#columns;
            visit(position + i, row, scores.subarray(from, from + this.#columns));
          }
        });
      }),
    );
  }

  feedAndDraw(tokens: ArrayLike<number>, { cuts, words }: TokenDraw): Promise<readonly DrawnToken[]> {
    const random = Uint32Array.from(words.flat());
    return this.#queue(async () => {
      let drawn: readonly DrawnToken[] = [];
      await this.#inChunks(tokens, this.#chunks, async (part, chunk) => {
        const { token, logProbability } = await (await this.#plans.draw(chunk, cuts))({ tokens: part, random });
        drawn = Array.from(token.data, (id, row) => ({
          token: id,
          logProbability: logProbability.data[row] ?? Number.NaN,
        }));
      });
      this.#scores = this.#scores.map(() => undefined);
      return drawn;
    });
  }

  /** Cuts [batch × count] tokens into chunks of these sizes, and counts them as read. */
  async #inChunks(
    tokens: ArrayLike<number>,
    sizes: readonly number[],
    run: (part: Int32Array, chunk: number) => Promise<void>,
  ): Promise<void> {
    const count = tokens.length / this.batch;
    this.#check(count, tokens.length);
    for (let done = 0; done < count; ) {
      const from = done;
      const chunk = sizes.find((size) => size <= count - from) ?? 1;
      const part = Int32Array.from(
        { length: this.batch * chunk },
        (_, i) => tokens[Math.floor(i / chunk) * count + from + (i % chunk)] ?? 0,
      );
      await run(part, chunk);
      done += chunk;
      this.#positions = this.#positions.map((position) => position + chunk);
    }
  }

  /** Keeps the last of each row's `chunk` rows of scores: the caller may change what it was given. */
  #keepScores(scores: Float32Array, chunk: number): void {
    this.#columns = scores.length / (this.batch * chunk);
    this.#scores = this.#scores.map((_, row) => {
      const end = (row + 1) * chunk * this.#columns;
      return scores.slice(end - this.#columns, end);
    });
  }

  feedRows(
    prompts: readonly ArrayLike<number>[],
    { promptCache }: { readonly promptCache?: PromptCache } = {},
  ): Promise<Float32Array> {
    return this.#queue(async () => {
      checkPrompts(this.batch, prompts);
      if (promptCache) checkFresh(this.#positions);
      for (const [row, { length }] of prompts.entries()) this.#checkCapacity([this.#positions[row] ?? 0], length);
      const states: DecoderState[] = [];
      for (const [row, prompt] of prompts.entries()) states.push(await this.#readAlone(row, prompt, promptCache));
      await this.#put(states);
      return this.#allScores();
    });
  }

  /** The state after a row's prompt, read in a batch of one. */
  async #readAlone(row: number, prompt: ArrayLike<number>, promptCache?: PromptCache): Promise<DecoderState> {
    this.#reader ??= createDecoder(this.#model, { ...this.#options, batch: 1 });
    const reader = this.#reader;
    if (promptCache) await promptCache.read(reader, prompt);
    else {
      await reader.restore(await this.#take(row));
      await reader.feed(prompt);
    }
    return reader.state();
  }

  #allScores(): Float32Array {
    const result = new Float32Array(this.batch * this.#columns);
    for (const [row, scores] of this.#scores.entries()) if (scores) result.set(scores, row * this.#columns);
    return result;
  }

  state(row = 0): Promise<DecoderState> {
    return this.#queue(() => {
      checkRow(this.batch, row);
      return this.#take(row);
    });
  }

  async #take(row: number): Promise<DecoderState> {
    const { store } = this.#options;
    const position = this.#positions[row] ?? 0;
    const shapes = new Map(this.#model.stateShapes(1, position).map(({ name, shape }) => [name, shape]));
    const arrays = this.#states.map(async ({ entry, variable }) => {
      const { name, dtype } = entry;
      const empty = rowElements(entry, position) === 0;
      const data = takeRow(entry, empty ? new Float32Array(0) : (await store.read(variable)).data, { row, position });
      return [name, { shape: shapes.get(name) ?? [], dtype, data }] as const;
    });
    return {
      position,
      model: await this.fingerprint(),
      arrays: Object.fromEntries(await Promise.all(arrays)),
      scores: this.#scores[row]?.slice(),
    };
  }

  restore(state: DecoderState, row?: number): Promise<void> {
    return this.#queue(async () => {
      if (row !== undefined) checkRow(this.batch, row);
      checkState(state, this.#model, await this.fingerprint());
      this.#checkCapacity([0], state.position);
      await this.#put(this.#positions.map((_, at) => (row === undefined || row === at ? state : undefined)));
    });
  }

  /** Writes states into the rows that are given one, through the host. */
  async #put(states: readonly (DecoderState | undefined)[]): Promise<void> {
    const { store } = this.#options;
    for (const { entry, variable } of this.#states) {
      const before = states.every((state) => state) ? undefined : (await store.read(variable)).data;
      const tensor = wholeTensor(entry, before);
      for (const [row, state] of states.entries()) {
        const data = state?.arrays[entry.name]?.data;
        if (state && data) putRow(entry, tensor.data, { row, position: state.position, data });
      }
      store.write(variable, tensor);
    }
    this.#scores = this.#scores.map((scores, row) => {
      const state = states[row];
      return state ? state.scores?.slice() : scores;
    });
    this.#columns = this.#scores.find((scores) => scores)?.length ?? this.#columns;
    this.#moveTo(this.#positions.map((position, row) => states[row]?.position ?? position));
  }

  /** Sets the rows' positions, here and on the device. */
  #moveTo(positions: number[]): void {
    this.#positions = positions;
    this.#options.store.write(this.#position, {
      shape: [this.batch],
      dtype: 'i32',
      data: Int32Array.from(positions),
    });
  }

  reorder(rows: readonly number[]): Promise<void> {
    return this.#queue(async () => {
      checkRows(this.batch, rows);
      if (rows.every((row, at) => row === at)) return;
      await (await this.#plans.reorder())({ rows });
      this.#scores = rows.map((row) => this.#scores[row]);
      this.#moveTo(rows.map((row) => this.#positions[row] ?? 0));
    });
  }

  fingerprint(): Promise<string> {
    this.#fingerprint ??= modelFingerprint(this.#model, this.#options.store);
    return this.#fingerprint;
  }

  reset(): void {
    this.#options.store.clear(this.#states.map(({ variable }) => variable));
    this.#scores = this.#scores.map(() => undefined);
    this.#moveTo(this.#positions.map(() => 0));
  }

  async explain(chunk = 1): Promise<string> {
    return (await this.#plans.step(chunk)).explain();
  }

  dispose(): Promise<void> {
    this.#released ??= this.#last.then(async () => {
      await this.#reader?.dispose();
      await this.#plans.dispose();
      this.#options.store.drop(this.#variables);
    });
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const released = this.#released !== undefined;
    const result = this.#last.then(() => {
      if (released) throw new UsageError('disposed', 'decoder: it was disposed of. Make a new one.');
      return work();
    });
    // A call that fails is its caller's to handle; the next one starts all the same.
    this.#last = result.catch(() => undefined);
    return result;
  }

  #check(count: number, given: number): void {
    checkCount(this.batch, { count, given });
    this.#checkCapacity(this.#positions, count);
  }

  #checkCapacity(positions: readonly number[], count: number): void {
    const capacity = this.#states.some(({ entry }) => entry.grows) ? this.#options.capacity : Number.POSITIVE_INFINITY;
    const longest = this.#model.config.max_position_embeddings || Number.POSITIVE_INFINITY;
    checkRoom({ capacity, longest }, Math.max(...positions), count);
  }
}
