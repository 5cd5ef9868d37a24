// Beam search: the `beams` likeliest beginnings are kept at every step, and of the texts that end the best by
//   score = Σ log p / length^α     (length counts the drawn tokens and the stop token; α > 0 favours long texts)
// Log-probabilities are those of the scores after bias and penalties. Nothing is random; equal sums go by beam, then by token id.
// Hugging Face transformers normalises in the same way; Wu et al. 2016 use ((5 + length) / 6)^α.

import { UsageError } from '../errors.ts';
import { interruption } from '../session/interruption.ts';
import type { Store } from '../session/store.ts';
import { argMax, type CandidateSpace, candidateSpace, keepHighest } from './candidates.ts';
import { checkContinuation, checkPrompt, checkWhole } from './check-generation.ts';
import { createDecoder, type RecurrentModel } from './decoder.ts';
import { type Beam, finishedBeams } from './finished-beams.ts';
import { logProbabilitiesOf } from './log-probabilities.ts';
import { checkOptionNames, refuseTogether } from './option-names.ts';
import { changeScores, type ScoreChanges, tokenHistory } from './penalties.ts';
import { promptChunks, readPrompt } from './read-prompt.ts';

export interface BeamSearchOptions extends ScoreChanges {
  readonly store: Store;
  /** Token ids of the prompt, at least one. */
  readonly prompt: ArrayLike<number>;
  /** How many tokens to draw at most. */
  readonly maxTokens: number;
  /** No stop token before this many others. Default 0. */
  readonly minTokens?: number;
  /** A text ends with one of these; it is not part of the output, but of its length and its probability. */
  readonly stopTokens?: readonly number[];
  /** Beginnings kept side by side. */
  readonly beams: number;
  /** α. Default 1; 0 compares plain sums. */
  readonly lengthPenalty?: number;
  /** Stop as soon as `beams` texts have ended. Default false: only when no beginning can become better than those. */
  readonly earlyStopping?: boolean;
  /** How many texts to return, at most `beams`. Default 1. */
  readonly best?: number;
  /** Ends the search with the signal's reason, between two tokens or two chunks of the prompt. */
  readonly signal?: AbortSignal;
}

const optionNames = Object.keys({
  store: true,
  prompt: true,
  maxTokens: true,
  minTokens: true,
  stopTokens: true,
  beams: true,
  lengthPenalty: true,
  earlyStopping: true,
  best: true,
  signal: true,
  logitBias: true,
  repetitionPenalty: true,
  frequencyPenalty: true,
  presencePenalty: true,
} satisfies Record<keyof BeamSearchOptions, true>);

/** A beginning that is still read on. */
interface Hypothesis {
  readonly tokens: readonly number[];
  /** Σ log p. */
  readonly sum: number;
  /** The row whose scores it continues. */
  readonly row: number;
}

/** A beginning with one token more, before it is known whether it is kept. */
interface Extension {
  readonly from: Hypothesis;
  readonly token: number;
  readonly sum: number;
}

/**
 * The best continuations, the best first; fewer than `best` when there are no more.
 * @throws UsageError for an empty prompt or options that are unknown, out of range or about random draws; DataError for ids outside
 * the vocabulary; NumericError for scores that are NaN; the signal's reason when it is aborted.
 */
export async function beamSearch(model: RecurrentModel, options: BeamSearchOptions): Promise<readonly Beam[]> {
  const vocabularySize = model.config.vocab_size;
  checkBeamOptions(options, vocabularySize);
  const { store, maxTokens, beams, signal, best = 1 } = options;
  const interrupt = interruption(signal);
  await interrupt();
  const prompt = Int32Array.from(options.prompt);
  const capacity = prompt.length + maxTokens;
  await using reader = createDecoder(model, { store, capacity, chunks: promptChunks });
  await using batch = beams > 1 ? createDecoder(model, { store, capacity, chunks: [1], batch: beams }) : undefined;
  const decoder = batch ?? reader;
  const first = await readPrompt(reader, prompt, { vocabularySize, interrupt });
  if (batch) await batch.restore(await reader.state());
  const extend = extender(prompt, vocabularySize, options);
  const finished = finishedBeams(options);
  let live: readonly Hypothesis[] = [{ tokens: [], sum: 0, row: 0 }];
  let scoresOf = (_row: number): Float32Array => first;
  for (let length = 1; ; length++) {
    const { kept, ended } = chooseBeams(
      live.flatMap((from) => extend(from, scoresOf(from.row))),
      options,
    );
    for (const { from, token, sum } of ended) finished.add({ tokens: from.tokens, sum, stop: token });
    live = kept.map(({ from, token, sum }, row) => ({ tokens: [...from.tokens, token], sum, row }));
    if (length === maxTokens) for (const { tokens, sum } of live) finished.add({ tokens, sum });
    if (length === maxTokens || live.length === 0 || finished.enough(live[0]?.sum ?? 0, length)) break;
    await interrupt();
    // Rows without a hypothesis follow the first one; what they give is not looked at.
    const rows = Array.from({ length: beams }, (_, row) => kept[row] ?? kept[0]);
    await decoder.reorder(rows.map((from) => from?.from.row ?? 0));
    const scores = await decoder.feed(rows.map((from) => from?.token ?? 0));
    scoresOf = (row) => scores.subarray(row * decoder.columns, row * decoder.columns + vocabularySize);
  }
  return finished.best(best);
}

/** Every extension of a hypothesis that can matter: as many of the likeliest tokens as could be kept beside stop tokens. */
function extender(prompt: Int32Array, vocabularySize: number, options: BeamSearchOptions) {
  const { beams, minTokens = 0, stopTokens = [] } = options;
  const space: CandidateSpace = candidateSpace(vocabularySize);
  const changed = new Float32Array(vocabularySize);
  return (from: Hypothesis, scores: Float32Array): Extension[] => {
    changed.set(scores);
    changeScores(changed, options, tokenHistory(prompt, from.tokens));
    if (from.tokens.length < minTokens) for (const token of stopTokens) changed[token] = Number.NEGATIVE_INFINITY;
    argMax(changed); // refuses NaN
    const logProbability = logProbabilitiesOf(changed);
    const count = keepHighest(changed, beams + stopTokens.length, space);
    return Array.from(space.ids.subarray(0, count), (token) => ({
      from,
      token,
      sum: from.sum + logProbability(token),
    }));
  };
}

/** Of all extensions the `beams` best that go on, and those that end: a stop token must be among the `beams` best of all. */
function chooseBeams(extensions: Extension[], { beams, stopTokens = [] }: BeamSearchOptions) {
  const ranked = extensions.sort((a, b) => b.sum - a.sum || a.from.row - b.from.row || a.token - b.token);
  const ended = ranked.slice(0, beams).filter(({ token }) => stopTokens.includes(token));
  const kept = ranked.filter(({ token }) => !stopTokens.includes(token)).slice(0, beams);
  return { kept, ended };
}

function checkBeamOptions(options: BeamSearchOptions, vocabularySize: number): void {
  const who = 'beamSearch';
  const drawn = ['temperature', 'topK', 'topP', 'minP', 'seed', 'sample', 'greedy'].find((name) => name in options);
  if (drawn !== undefined) refuseTogether(who, 'beams', drawn, 'a beam search draws no random tokens');
  checkOptionNames(who, options, optionNames);
  const { beams, best = 1, lengthPenalty = 1, prompt } = options;
  checkContinuation(options, vocabularySize, { who });
  checkWhole(who, 'beams', beams, 1);
  checkWhole(who, 'best', best, 1, beams);
  if (!Number.isFinite(lengthPenalty))
    throw new UsageError('option-range', `${who}: lengthPenalty must be a finite number; got ${lengthPenalty}.`, {
      lengthPenalty,
    });
  checkPrompt(prompt, vocabularySize, { who });
}
