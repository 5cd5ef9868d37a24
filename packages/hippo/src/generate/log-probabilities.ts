// Natural logarithms of probabilities: log p = (s − max) − log Σ exp(s − max). Always of the model's own scores, before bias,
// penalties, temperature and cuts, so that they can be compared between settings.
import { type CandidateSpace, candidateSpace, keepHighest } from './candidates.ts';
import { expOfNegative } from './exponential.ts';

export interface TokenProbability {
  readonly token: number;
  /** In nats. */
  readonly logProbability: number;
}

/** The log-probability of any token of a row. The same token gives the same float wherever it is asked for. */
export function logProbabilitiesOf(scores: Float32Array): (token: number) => number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scores.length; i++) if ((scores[i] ?? 0) > largest) largest = scores[i] ?? 0;
  let total = 0;
  for (let i = 0; i < scores.length; i++) total += expOfNegative((scores[i] ?? 0) - largest);
  const logTotal = Math.log(total);
  return (token) => (scores[token] ?? Number.NaN) - largest - logTotal;
}

/** score − logsumexp(scores). */
export function logProbability(scores: Float32Array, token: number): number {
  return logProbabilitiesOf(scores)(token);
}

/** The k likeliest tokens of a row, the likeliest first; of equals the lower id first. */
export function topLogProbabilities(
  scores: Float32Array,
  k: number,
  logProbabilityOf = logProbabilitiesOf(scores),
  space: CandidateSpace = candidateSpace(scores.length),
): TokenProbability[] {
  if (k === 0) return [];
  const count = keepHighest(scores, k, space);
  return Array.from(space.ids.subarray(0, count), (token) => ({ token, logProbability: logProbabilityOf(token) })).sort(
    (a, b) => b.logProbability - a.logProbability || a.token - b.token,
  );
}
