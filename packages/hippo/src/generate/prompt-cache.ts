// A prompt cache: states by the tokens that led to them, least recently used first to go when a budget of bytes is full. A prompt
// goes on from the longest prefix that is known and reads only the rest. Recurrent states cannot be rolled back, so prefixes can
// only be met where a state was kept: at the end of each prompt, and every so many tokens where asked for.
//
// Where `every` is set, prompts are cut at its multiples with or without a hit, so a hit there gives the same bits as reading
// everything. A hit at the end of an earlier prompt gives the bits of reading the two pieces one after the other, which are those
// of one piece up to rounding.
import { UsageError } from '../errors.ts';
import { type DecoderState, stateBytes } from './decoder-state.ts';

export interface PromptCacheOptions {
  /** Most bytes of states and tokens to keep. */
  readonly bytes: number;
  /** Also keep a state after every so many tokens of a prompt. Default: only at its end. */
  readonly every?: number;
}

/** What reads a prompt: a decoder of batch 1. */
export interface PromptReader {
  reset(): void;
  restore(state: DecoderState): Promise<void>;
  feed(tokens: ArrayLike<number>): Promise<Float32Array>;
  state(): Promise<DecoderState>;
  fingerprint(): Promise<string>;
}

export interface PromptRead {
  /** After the prompt's last token. */
  readonly scores: Float32Array;
  /** Tokens that were not read because their state was known. */
  readonly reused: number;
}

export interface PromptCache {
  /** Forgets what the reader has read and brings it to the end of the prompt. @throws UsageError `no-tokens`. */
  read(reader: PromptReader, prompt: ArrayLike<number>): Promise<PromptRead>;
  /** Keeps the state after exactly these tokens: a conversation's, after the answer. @throws UsageError `state-position`. */
  keep(tokens: ArrayLike<number>, state: DecoderState): void;
  clear(): void;
  readonly statistics: PromptCacheStatistics;
}

export interface PromptCacheStatistics {
  /** Prompts that went on from a known prefix, and those that were read from the start. */
  readonly hits: number;
  readonly misses: number;
  /** Tokens not read thanks to hits, and tokens read. */
  readonly reusedTokens: number;
  readonly readTokens: number;
  readonly states: number;
  readonly bytes: number;
  /** Bytes of states that gave way to others, and of states that were larger than the whole budget. */
  readonly evictedBytes: number;
  readonly refusedBytes: number;
}

interface Entry {
  readonly tokens: Int32Array;
  readonly state: DecoderState;
  readonly bytes: number;
}

/** @throws UsageError `prompt-cache`. */
export function createPromptCache(options: PromptCacheOptions): PromptCache {
  const { bytes, every } = options;
  if (!(bytes > 0)) refuse('bytes must be above 0', bytes);
  if (every !== undefined && (!Number.isInteger(every) || every < 1))
    refuse('every must be a whole number, 1 or more', every);
  return new StateCache(bytes, every);
}

function refuse(rule: string, got: number): never {
  throw new UsageError('prompt-cache', `prompt cache: ${rule}; got ${got}.`, { got });
}

class StateCache implements PromptCache {
  readonly #limit: number;
  readonly #every: number | undefined;
  /** By model and prefix; the least recently used first. */
  readonly #entries = new Map<string, Entry>();
  readonly #counts = { hits: 0, misses: 0, reusedTokens: 0, readTokens: 0, evictedBytes: 0, refusedBytes: 0 };
  #bytes = 0;

  constructor(limit: number, every: number | undefined) {
    this.#limit = limit;
    this.#every = every;
  }

  get statistics(): PromptCacheStatistics {
    return { ...this.#counts, states: this.#entries.size, bytes: this.#bytes };
  }

  async read(reader: PromptReader, prompt: ArrayLike<number>): Promise<PromptRead> {
    const tokens = Int32Array.from(prompt);
    if (tokens.length === 0)
      throw new UsageError('no-tokens', 'prompt cache: a prompt needs at least one token; got none.');
    const known = this.#longest(await reader.fingerprint(), tokens);
    if (known) await reader.restore(known);
    else reader.reset();
    const reused = known?.position ?? 0;
    let scores: Float32Array | undefined = known?.scores?.slice();
    for (let done = reused; done < tokens.length; ) {
      const next = this.#nextStop(done, tokens.length);
      scores = await reader.feed(tokens.subarray(done, next));
      this.keep(tokens.subarray(0, next), await reader.state());
      done = next;
    }
    this.#counts[known ? 'hits' : 'misses'] += 1;
    this.#counts.reusedTokens += reused;
    this.#counts.readTokens += tokens.length - reused;
    return { scores: scores ?? new Float32Array(0), reused };
  }

  /** Where the piece that begins at `done` ends. */
  #nextStop(done: number, length: number): number {
    if (this.#every === undefined) return length;
    return Math.min(length, (Math.floor(done / this.#every) + 1) * this.#every);
  }

  #longest(model: string, tokens: Int32Array): DecoderState | undefined {
    const keys = prefixKeys(model, tokens);
    for (let length = tokens.length; length > 0; length--) {
      const key = keys[length - 1] ?? '';
      const entry = this.#entries.get(key);
      if (!entry || !startsWith(tokens, entry.tokens)) continue;
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      return entry.state;
    }
    return undefined;
  }

  keep(given: ArrayLike<number>, state: DecoderState): void {
    const tokens = Int32Array.from(given);
    if (tokens.length !== state.position || !state.scores)
      throw new UsageError(
        'state-position',
        `prompt cache: a state is kept under all the tokens it has read, at least one; got ${tokens.length} tokens and a state after ${state.position}.`,
        { tokens: tokens.length, position: state.position },
      );
    const bytes = stateBytes(state) + tokens.byteLength;
    if (bytes > this.#limit) {
      this.#counts.refusedBytes += bytes;
      return;
    }
    const key = prefixKeys(state.model, tokens).at(-1) ?? '';
    this.#drop(key);
    this.#entries.set(key, { tokens, state, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.#counts.evictedBytes += this.#drop(oldest);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #drop(key: string): number {
    const bytes = this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
    this.#bytes -= bytes;
    return bytes;
  }
}

/** A key for each prefix, 1 token to all; different prefixes may share one, so tokens are compared as well. */
function prefixKeys(model: string, tokens: Int32Array): string[] {
  let hash = 0x811c9dc5;
  return Array.from(tokens, (token, index) => {
    hash = Math.imul(hash ^ token, 0x01000193);
    hash ^= hash >>> 15;
    return `${model} ${index + 1} ${hash >>> 0}`;
  });
}

function startsWith(tokens: Int32Array, prefix: Int32Array): boolean {
  return prefix.length <= tokens.length && prefix.every((token, index) => token === tokens[index]);
}
