// Texts from a model, streamed: one prompt or many of any lengths, one sample of each or several. A text is the same alone and in a
// batch, because its random numbers depend on seed, sample and position alone and each prompt is read by itself.
import { UsageError } from '../errors.ts';
import type { Store } from '../session/store.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { checkContinuation, checkPrompt, checkWhole } from './check-generation.ts';
import {
  type ContinuationOptions,
  continuationOf,
  continuationOptionNames,
  type RowSpace,
  rowSpace,
} from './continuation.ts';
import { decodePrompts, type PromptToDecode } from './decode-prompts.ts';
import { decodeSession } from './decode-session.ts';
import type { RecurrentModel } from './decoder.ts';
import { deviceDraw } from './device-draw.ts';
import { checkOptionNames, refuseTogether } from './option-names.ts';
import { noEcho, promptEcho } from './prompt-echo.ts';
import { isGreedy } from './sampling-options.ts';
import type { Session } from './session.ts';
import { stopFilter } from './stop-strings.ts';
import { type TextPiece, type TextWriter, textWriter } from './text-writer.ts';

export interface TextOptions extends ContinuationOptions {
  readonly store: Store;
  readonly tokenizer: Tokenizer;
  /** The text ends before the first of these, wherever the tokens are cut. */
  readonly stopStrings?: readonly string[];
  /**
   * Begin with the prompt; `maxTokens` may then be 0. With `logprobs` token by token: a long prompt is then read in smaller chunks,
   * and what follows it agrees to rounding with what follows it otherwise.
   */
  readonly echo?: boolean;
  /**
   * Go on from what this session has read, which is not read again: one prompt, which may be empty, one sample, no echo. The session
   * has read prompt and text afterwards. Penalties know the tokens of the prompt given here.
   */
  readonly session?: Session;
  /** Ends every text with the finish reason `abort`, between two tokens or two chunks of a prompt. */
  readonly signal?: AbortSignal;
}

export interface GenerateTextOptions extends TextOptions {
  /** Text, or token ids. */
  readonly prompt: string | ArrayLike<number>;
}

export interface GenerateTextsOptions extends TextOptions {
  /** Texts or token ids, of any lengths. */
  readonly prompts: readonly (string | ArrayLike<number>)[];
  /** Continuations of each prompt, which is read once. Sample i is what `sample: i` gives alone. Default 1. */
  readonly samples?: number;
  /**
   * Continuations decoded side by side at most. Default 8: on the wasm backend, up to there a text has the very bits it has alone;
   * above, scores agree to rounding, so that a text differs only where a random number falls between two roundings.
   */
  readonly batch?: number;
}

const textOptionNames = [
  ...continuationOptionNames,
  ...Object.keys({
    store: true,
    tokenizer: true,
    stopStrings: true,
    echo: true,
    session: true,
    signal: true,
  } satisfies Record<Exclude<keyof TextOptions, keyof ContinuationOptions>, true>),
];
const defaultBatch = 8;

/**
 * Continues one prompt. Pieces come as tokens are drawn; the last one has a `finishReason`.
 * @throws as {@link generateTexts}.
 */
export async function* generateText(model: RecurrentModel, options: GenerateTextOptions): AsyncGenerator<TextPiece> {
  checkOptionNames('generateText', options, [...textOptionNames, 'prompt']);
  const { prompt, ...shared } = options;
  yield* generateTexts(model, { ...shared, prompts: [prompt] });
}

/**
 * Continues many prompts, each `samples` times. Pieces of different texts come interleaved, those of one text in order; the last
 * of each has a `finishReason`. When a signal is aborted every text ends so: nothing is thrown.
 * @throws UsageError for an empty prompt or options that are unknown, out of range or in contradiction; DataError for ids outside
 * the vocabulary; NumericError when the model's scores are NaN.
 */
export async function* generateTexts(model: RecurrentModel, options: GenerateTextsOptions): AsyncGenerator<TextPiece> {
  const vocabularySize = model.config.vocab_size;
  checkTextOptions(options, vocabularySize);
  const { store, session, signal, maxTokens, batch = defaultBatch } = options;
  const space = rowSpace(vocabularySize);
  const writers: TextWriter[] = [];
  const prompts = encodePrompts(options, vocabularySize).map((tokens, prompt) => {
    const { visit, own } = promptWriters({ tokens, prompt, options, space });
    writers.push(...own);
    return {
      tokens,
      ...(visit && { visit }),
      continuations: own.map(({ step }, index) => ({ step, sample: (options.sample ?? 0) + index })),
    } satisfies PromptToDecode<TextPiece>;
  });
  const capacity = maxTokens + prompts.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
  try {
    const [only] = prompts;
    if (session && only) yield* decodeSession(session, only, { vocabularySize, signal });
    else
      yield* decodePrompts(model, prompts, {
        store,
        rows: batch,
        capacity,
        signal,
        draw: deviceDraw(store.device, options),
      });
  } catch (error) {
    if (!signal?.aborted || error !== signal.reason) throw error;
    for (const writer of writers) if (!writer.ended) yield writer.abort();
  }
}

function checkTextOptions(options: GenerateTextsOptions, vocabularySize: number): void {
  const { stopStrings = [], samples = 1, sample, batch = defaultBatch, echo = false, session, prompts } = options;
  const who = 'generate';
  checkOptionNames(who, options, [...textOptionNames, 'prompts', 'samples', 'batch']);
  checkContinuation(options, vocabularySize, { least: echo ? 0 : 1 });
  stopFilter(stopStrings);
  checkWhole(who, 'samples', samples, 1);
  checkWhole(who, 'batch', batch, 1);
  if (session) {
    const why = 'a session goes on with one text';
    if (prompts.length !== 1) refuseTogether(who, 'session', 'several prompts', why);
    if (samples > 1) refuseTogether(who, 'session', 'samples', why);
    if (echo) refuseTogether(who, 'session', 'echo', 'what a session has read is not known as text');
  }
  if (samples === 1) return;
  if (sample !== undefined) refuseTogether(who, 'samples', 'sample', 'several samples are numbered from 0');
  if (isGreedy(options)) refuseTogether(who, 'samples', 'greedy', 'greedy decoding gives the same text every time');
}

function encodePrompts(
  { prompts, tokenizer, session }: GenerateTextsOptions,
  vocabularySize: number,
): readonly Int32Array[] {
  if (prompts.length === 0)
    throw new UsageError('empty-prompt', 'generate: prompts must hold at least one prompt; got none.');
  return prompts.map((given, index) => {
    const tokens = typeof given === 'string' ? tokenizer.encode(given) : Int32Array.from(given);
    if (!session || tokens.length > 0)
      checkPrompt(tokens, vocabularySize, { what: prompts.length === 1 ? 'the prompt' : `prompt ${index}` });
    return tokens;
  });
}

interface PromptWriters {
  readonly tokens: Int32Array;
  readonly prompt: number;
  readonly options: GenerateTextsOptions;
  readonly space: RowSpace;
}

/** The writers of one prompt's samples, which share its echo. */
function promptWriters({ tokens, prompt, options, space }: PromptWriters) {
  const { tokenizer, stopStrings = [], samples = 1, sample: first = 0, logprobs } = options;
  const { visit, pieces } = options.echo ? promptEcho(tokens, tokenizer, logprobs, space.candidates) : noEcho;
  const own = Array.from({ length: samples }, (_, index) => {
    const place = { prompt, sample: index };
    const before = options.session?.position ?? 0;
    const continuation = continuationOf(tokens, { ...options, sample: first + index }, { space, before });
    return textWriter(continuation, { place, tokenizer, stopStrings, echo: () => pieces(place) });
  });
  return { visit, own };
}
