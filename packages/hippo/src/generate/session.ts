// A session: one sequence that a user goes on with, saves, and forks. A session and its forks share one decoder, so a fork costs the
// state's bytes on the host and no plan; the decoder holds the state of one of them at a time, and of the others a copy waits.
import { CheckpointError, UsageError } from '../errors.ts';
import { createDecoder, type Decoder, type DecoderOptions, type RecurrentModel } from './decoder.ts';
import type { DecoderState } from './decoder-state.ts';
import type { PromptCache } from './prompt-cache.ts';

export interface SessionOptions extends Omit<DecoderOptions, 'batch'> {
  /** Where the first tokens of a session are looked up, and kept. */
  readonly promptCache?: PromptCache;
}

export interface Session extends AsyncDisposable {
  /** Tokens read so far. */
  readonly position: number;
  /** Scores after the last token, a copy; undefined before the first. */
  readonly scores: Float32Array | undefined;
  /** Device memory of the decoder that the session shares with its forks. */
  readonly bytes: number;
  /**
   * Reads tokens and returns the scores after the last one. Any split of a text into calls is the same text.
   * @throws UsageError `no-tokens`, `capacity`, `sequence-too-long`.
   */
  append(tokens: ArrayLike<number>): Promise<Float32Array>;
  /** What has been read, as a value. */
  state(): Promise<DecoderState>;
  /** Goes on from a state instead. @throws CheckpointError `other-model`, `state-shape`; UsageError `capacity`. */
  load(state: DecoderState): Promise<void>;
  /** A session of its own that goes on from the same point. */
  fork(): Promise<Session>;
  /** Forgets everything read. */
  reset(): Promise<void>;
  /** Names the model's weights; a state of another model is refused. */
  fingerprint(): Promise<string>;
  /** The decoder is given back with the last of the sessions that share it. */
  dispose(): Promise<void>;
}

/** Opens a session at the start of a text; see `createDecoder` for the options. */
export function openSession(model: RecurrentModel, options: SessionOptions): Session {
  const { promptCache, ...decoding } = options;
  return new SharingSession(new SharedDecoder(createDecoder(model, decoding)), promptCache);
}

/** A decoder of batch 1 and the sessions that take turns with it. */
class SharedDecoder {
  readonly decoder: Decoder;
  readonly #users = new Set<SharingSession>();
  /** Whose state the decoder holds. */
  #resident: SharingSession | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(decoder: Decoder) {
    this.decoder = decoder;
  }

  join(session: SharingSession): void {
    this.#users.add(session);
  }

  async leave(session: SharingSession): Promise<void> {
    this.#users.delete(session);
    await this.inTurn(async () => {
      if (this.#resident === session) this.#resident = undefined;
    });
    if (this.#users.size === 0) await this.decoder.dispose();
  }

  /** Runs work after all that was asked for before. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    // A call that fails is its caller's to handle; the next one starts all the same.
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Brings the session's state into the decoder, and the state that was there to the host. */
  async admit(session: SharingSession): Promise<void> {
    const before = this.#resident;
    if (before === session) return;
    if (before) before.waiting ??= await this.decoder.state();
    this.#resident = undefined;
    if (session.waiting) await this.decoder.restore(session.waiting);
    else this.decoder.reset();
    this.#resident = session;
  }
}

class SharingSession implements Session {
  readonly #shared: SharedDecoder;
  readonly #promptCache: PromptCache | undefined;
  /** A copy of the state on the host, as long as it is that of `position`. */
  waiting: DecoderState | undefined;
  #position = 0;
  #scores: Float32Array | undefined;
  #disposed: Promise<void> | undefined;

  constructor(shared: SharedDecoder, promptCache: PromptCache | undefined, from?: DecoderState) {
    this.#shared = shared;
    this.#promptCache = promptCache;
    if (from) this.#take(from);
    shared.join(this);
  }

  get position(): number {
    return this.#position;
  }

  get scores(): Float32Array | undefined {
    return this.#scores?.slice();
  }

  get bytes(): number {
    return this.#shared.decoder.bytes;
  }

  append(tokens: ArrayLike<number>): Promise<Float32Array> {
    return this.#inTurn(async (decoder) => {
      await this.#shared.admit(this);
      this.waiting = undefined;
      try {
        const scores = await this.#read(decoder, tokens);
        this.#scores = scores.slice();
        return scores;
      } finally {
        this.#position = decoder.position;
      }
    });
  }

  async #read(decoder: Decoder, tokens: ArrayLike<number>): Promise<Float32Array> {
    if (!this.#promptCache || this.#position > 0) return decoder.feed(tokens);
    return (await this.#promptCache.read(decoder, tokens)).scores;
  }

  state(): Promise<DecoderState> {
    return this.#inTurn(() => this.#state());
  }

  async #state(): Promise<DecoderState> {
    if (this.waiting) return this.waiting;
    await this.#shared.admit(this);
    this.waiting = await this.#shared.decoder.state();
    return this.waiting;
  }

  load(state: DecoderState): Promise<void> {
    return this.#inTurn(async (decoder) => {
      if (state.position > 0 && !state.scores)
        throw new CheckpointError(
          'state-shape',
          `session: a state after ${state.position} tokens must hold the scores after the last one; got none. The state is damaged; read the text again.`,
          { position: state.position },
        );
      await this.#shared.admit(this);
      await decoder.restore(state);
      this.#take(state);
    });
  }

  #take(state: DecoderState): void {
    this.waiting = state;
    this.#position = state.position;
    this.#scores = state.scores;
  }

  fork(): Promise<Session> {
    return this.#inTurn(async () => new SharingSession(this.#shared, this.#promptCache, await this.#state()));
  }

  reset(): Promise<void> {
    return this.#inTurn(async (decoder) => {
      await this.#shared.admit(this);
      decoder.reset();
      this.waiting = undefined;
      this.#position = 0;
      this.#scores = undefined;
    });
  }

  fingerprint(): Promise<string> {
    return this.#shared.decoder.fingerprint();
  }

  #inTurn<T>(work: (decoder: Decoder) => Promise<T>): Promise<T> {
    if (this.#disposed)
      return Promise.reject(new UsageError('disposed', 'session: it was disposed of. Open a new one.'));
    return this.#shared.inTurn(() => work(this.#shared.decoder));
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#shared.leave(this);
    return this.#disposed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
