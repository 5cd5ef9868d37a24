// One continuation of one prompt, token by token: scores in, token out. It knows what was read and drawn, and nothing of decoders,
// so that it gives the same tokens alone and beside others.
import { badScores, type CandidateSpace, candidateSpace } from './candidates.ts';
import { logProbabilitiesOf, type TokenProbability, topLogProbabilities } from './log-probabilities.ts';
import { changeScores, changesNothing, type TokenHistory, tokenHistory } from './penalties.ts';
import { type DrawnToken, sampleToken } from './sampler.ts';
import { type SamplingOptions, samplingOptionNames } from './sampling-options.ts';

export interface ContinuationOptions extends SamplingOptions {
  /** How many tokens to draw at most. */
  readonly maxTokens: number;
  /** No stop token is drawn before this many others were. Default 0. */
  readonly minTokens?: number;
  /** Stop when one of these is drawn; it is not part of the output. */
  readonly stopTokens?: readonly number[];
  /** How many of the likeliest tokens to list at every place, with their log-probabilities. Default 0. */
  readonly logprobs?: number;
  /** Which of several samples with the same seed. Default 0. */
  readonly sample?: number;
}

/** Every key of {@link ContinuationOptions}. */
export const continuationOptionNames = [
  ...samplingOptionNames,
  ...Object.keys({
    maxTokens: true,
    minTokens: true,
    stopTokens: true,
    logprobs: true,
    sample: true,
  } satisfies Record<Exclude<keyof ContinuationOptions, keyof SamplingOptions>, true>),
];

export interface GeneratedToken {
  readonly token: number;
  /** 0 for the first token drawn. */
  readonly index: number;
  /** Log-probability of the token under the model, before bias, penalties, temperature and cuts, in nats. */
  readonly logProbability: number;
  /** The likeliest tokens at this place, when `logprobs` asks for them. */
  readonly top?: readonly TokenProbability[];
}

export interface Continuation {
  /** True once `maxTokens` were drawn. */
  readonly finished: boolean;
  /**
   * The next token after what the scores have read, or the stop token that ends the output; where it was drawn on the device, this
   * one. @throws NumericError `bad-scores`.
   */
  draw(next: Float32Array | DrawnToken): GeneratedToken | { readonly stopToken: number };
}

/** Room to work in for one row of scores; continuations that draw in turn share it. */
export interface RowSpace {
  readonly candidates: CandidateSpace;
  readonly scores: Float32Array;
}

export function rowSpace(vocabularySize: number): RowSpace {
  return { candidates: candidateSpace(vocabularySize), scores: new Float32Array(vocabularySize) };
}

/**
 * Starts after `prompt`. The options must have been checked.
 * @param before how many tokens were read before the prompt.
 */
export function continuationOf(
  prompt: ArrayLike<number>,
  options: ContinuationOptions,
  { space, before = 0 }: { readonly space: RowSpace; readonly before?: number },
): Continuation {
  const { maxTokens, minTokens = 0, stopTokens = [], logprobs = 0, sample = 0 } = options;
  const unchanged = changesNothing(options);
  // Only from the first draw to the last: many continuations may wait for a row.
  let history: TokenHistory | undefined;
  let index = 0;
  const change = (scores: Float32Array): Float32Array => {
    if (unchanged && index >= minTokens) return scores;
    history ??= tokenHistory(prompt);
    space.scores.set(scores);
    changeScores(space.scores, options, history);
    if (index < minTokens) for (const token of stopTokens) space.scores[token] = Number.NEGATIVE_INFINITY;
    return space.scores;
  };
  const choose = (scores: Float32Array): number => {
    const at = { position: before + prompt.length + index, sample };
    return sampleToken(change(scores), options, at, space.candidates);
  };
  const listed = (scores: Float32Array, token: number) => {
    const of = logProbabilitiesOf(scores);
    const top = logprobs > 0 && { top: topLogProbabilities(scores, logprobs, of, space.candidates) };
    return { logProbability: of(token), ...top };
  };
  return {
    get finished() {
      return index >= maxTokens;
    },
    draw(next) {
      const token = 'token' in next ? next.token : choose(next);
      if (token < 0) throw badScores('NaN, +Infinity or nothing but -Infinity', token);
      history?.add(token);
      if (stopTokens.includes(token) || index + 1 >= maxTokens) history = undefined;
      if (stopTokens.includes(token)) return { stopToken: token };
      const known = 'token' in next ? { logProbability: next.logProbability } : listed(next, token);
      return { token, index: index++, ...known };
    },
  };
}
