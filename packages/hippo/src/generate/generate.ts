// Tokens from a model: an async iterator of tokens as they are drawn. Texts, several samples and batches: generate-texts.ts.
import type { Store } from '../session/store.ts';
import { checkContinuation, checkPrompt } from './check-generation.ts';
import {
  type ContinuationOptions,
  continuationOf,
  continuationOptionNames,
  type GeneratedToken,
  rowSpace,
} from './continuation.ts';
import { decodePrompts } from './decode-prompts.ts';
import { decodeSession } from './decode-session.ts';
import type { RecurrentModel } from './decoder.ts';
import { deviceDraw } from './device-draw.ts';
import { checkOptionNames } from './option-names.ts';
import type { DrawnToken } from './sampler.ts';
import type { Session } from './session.ts';

export interface GenerateOptions extends ContinuationOptions {
  readonly store: Store;
  /** Token ids of the prompt, at least one; none are needed where a session has read some. */
  readonly prompt: ArrayLike<number>;
  /**
   * Go on from what this session has read, which is not read again; it has read prompt and output afterwards. Penalties know the
   * tokens of the prompt given here.
   */
  readonly session?: Session;
  /** Ends the iterator with the signal's reason, between two tokens or two chunks of the prompt. */
  readonly signal?: AbortSignal;
}

const optionNames = [
  ...continuationOptionNames,
  ...Object.keys({ store: true, prompt: true, session: true, signal: true } satisfies Record<
    Exclude<keyof GenerateOptions, keyof ContinuationOptions>,
    true
  >),
];

/**
 * Reads the prompt, then draws tokens one by one.
 * @throws UsageError for an empty prompt, options out of range, unknown or in contradiction; DataError for ids outside the
 * vocabulary; NumericError when the model's scores are NaN; the signal's reason when it is aborted.
 */
export async function* generate(model: RecurrentModel, options: GenerateOptions): AsyncGenerator<GeneratedToken> {
  const { store, prompt, session, maxTokens, signal } = options;
  const vocabularySize = model.config.vocab_size;
  checkOptionNames('generate', options, optionNames);
  checkContinuation(options, vocabularySize);
  if (!session || prompt.length > 0) checkPrompt(prompt, vocabularySize);
  const tokens = Int32Array.from(prompt);
  const space = rowSpace(vocabularySize);
  const continuation = continuationOf(tokens, options, { space, before: session?.position ?? 0 });
  const step = (scores: Float32Array | DrawnToken) => {
    const drawn = continuation.draw(scores);
    if ('stopToken' in drawn) return { events: [] };
    return { events: [drawn], [continuation.finished ? 'last' : 'next']: drawn.token };
  };
  const prompts = { tokens, continuations: [{ step, sample: options.sample ?? 0 }] };
  if (session) return yield* decodeSession(session, prompts, { vocabularySize, signal });
  const draw = deviceDraw(store.device, options);
  const settings = { store, rows: 1, capacity: tokens.length + maxTokens, signal, draw };
  yield* decodePrompts(model, [prompts], settings);
}
