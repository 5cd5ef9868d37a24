// Picks the next token from a row of scores: the highest, or a draw among the candidates with their weights. The random number is
// a function of the seed, the sample and the position alone, so the same seed gives the same text whatever runs beside it.
import { uniformOf } from '../ops/index.ts';
import { philox4x32 } from '../tensor/philox.ts';
import { argMax, type CandidateSpace, candidateSpace, selectCandidates } from './candidates.ts';
import { isGreedy, type SamplingOptions } from './sampling-options.ts';

/** What, with the seed, fixes the random number of a draw. */
export interface DrawPlace {
  /** Tokens before this one, those of the prompt included. */
  readonly position: number;
  /** Which of several samples of a prompt. Default 0. */
  readonly sample?: number;
}

/** A token that was drawn on the device. */
export interface DrawnToken {
  /** −1 where the scores held NaN or +∞, or −∞ alone. */
  readonly token: number;
  /** Under the scores alone, in nats, with the precision of f32. */
  readonly logProbability: number;
}

/**
 * Draws one token id. Costs time linear in the vocabulary.
 * @param scores one score a token, only real tokens (no padding), bias and penalties applied; −∞ for one that is banned.
 * @param space room to work in, when many rows are drawn from.
 * @throws NumericError `bad-scores` when a score is NaN or +∞, or all are −∞.
 */
export function sampleToken(
  scores: Float32Array,
  options: SamplingOptions,
  at: DrawPlace,
  space?: CandidateSpace,
): number {
  if (isGreedy(options)) return argMax(scores);
  const room = space ?? candidateSpace(scores.length);
  const count = selectCandidates(scores, options, room);
  const { ids, weights } = room;
  let total = 0;
  for (let i = 0; i < count; i++) total += weights[i] ?? 0;
  let rest = uniformAt(options.seed ?? 0, at) * total;
  let last = 0;
  for (let i = 0; i < count; i++) {
    const weight = weights[i] ?? 0;
    if (weight === 0) continue;
    last = i;
    rest -= weight;
    if (rest < 0) break;
  }
  return ids[last] ?? 0;
}

/** A number on [0, 1) with 53 random bits: fewer would leave tokens of a large vocabulary that can never be drawn. */
export function uniformAt(seed: number, at: DrawPlace): number {
  return uniformOf(...randomWords(seed, at));
}

/** The words that the number at a place is made of. */
export function randomWords(seed: number, { position, sample = 0 }: DrawPlace): readonly [high: number, low: number] {
  const upper = Math.floor(seed / 2 ** 32) | 0;
  const [high, low] = philox4x32([0, sample, position, 0], [seed >>> 0, 0x73616d70 ^ upper]);
  return [high, low];
}
