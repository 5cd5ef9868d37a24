// Text from a model: an async iterator of tokens as they are drawn.
import { DataError, UsageError } from '../errors.ts';
import type { Store } from '../session/store.ts';
import { createDecoder, type RecurrentModel } from './decoder.ts';
import { checkSampling, type SamplingOptions, sampleToken } from './sampler.ts';

export interface GenerateOptions extends SamplingOptions {
  readonly store: Store;
  /** Token ids of the prompt, at least one. */
  readonly prompt: ArrayLike<number>;
  /** How many tokens to draw. */
  readonly maxTokens: number;
  /** Stop when one of these is drawn; it is not yielded. */
  readonly stopTokens?: readonly number[];
  readonly signal?: AbortSignal;
}

export interface GeneratedToken {
  readonly token: number;
  /** 0 for the first token drawn. */
  readonly index: number;
  /** Log-probability of the token under the model, before temperature and cuts, in nats. */
  readonly logProbability: number;
}

/**
 * Reads the prompt, then draws tokens one by one.
 * @throws UsageError for an empty prompt or options out of range, DataError for ids outside the vocabulary.
 */
export async function* generate(model: RecurrentModel, options: GenerateOptions): AsyncGenerator<GeneratedToken> {
  const { store, prompt, maxTokens, stopTokens = [], signal } = options;
  checkSampling(options);
  const vocabularySize = model.config.vocab_size;
  if (!Number.isInteger(maxTokens) || maxTokens < 1)
    throw new UsageError('max-tokens', `generate: maxTokens must be a whole number, 1 or more; got ${maxTokens}.`, {
      maxTokens,
    });
  if (prompt.length === 0)
    throw new UsageError(
      'empty-prompt',
      'generate: the prompt has no tokens, and a model needs at least one to go on from. Give a prompt, such as a line break.',
    );
  for (let i = 0; i < prompt.length; i++) {
    const id = prompt[i] ?? -1;
    if (!(id >= 0 && id < vocabularySize)) {
      throw new DataError(
        'token-out-of-range',
        `generate: token ${i} of the prompt has id ${id}, outside the vocabulary of ${vocabularySize}. Use the model's own tokenizer.`,
        { position: i, id },
      );
    }
  }
  await using decoder = createDecoder(model, { store, capacity: prompt.length + maxTokens });
  let scores = await decoder.feed(prompt);
  for (let index = 0; index < maxTokens; index++) {
    signal?.throwIfAborted();
    const real = scores.subarray(0, vocabularySize);
    const token = sampleToken(real, options, { position: prompt.length + index });
    if (stopTokens.includes(token)) return;
    yield { token, index, logProbability: logProbability(real, token) };
    if (index + 1 < maxTokens) scores = await decoder.feed([token]);
  }
}

/** score − logsumexp(scores). */
export function logProbability(scores: Float32Array, token: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const score of scores) if (score > largest) largest = score;
  let total = 0;
  for (const score of scores) total += Math.exp(score - largest);
  return (scores[token] ?? Number.NaN) - largest - Math.log(total);
}
