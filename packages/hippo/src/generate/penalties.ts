// What changes single scores before any cut, given what was read and drawn: logit bias, then penalties.
//   bias        s ← s + b; b = −100 bans (s ← −∞), b = 100 forces (every token without it ← −∞)
//   repetition  s ← s / θ for s > 0, s · θ otherwise, for tokens of prompt and output   (CTRL, Keskar et al. 2019)
//   frequency   s ← s − α · count − β · [count > 0], count of the token in the output   (OpenAI's API reference)
import { type SamplingOptions, strongestBias } from './sampling-options.ts';

/** What a sequence has shown so far. */
export interface TokenHistory {
  /** Tokens of prompt and output. */
  readonly seen: ReadonlySet<number>;
  /** How often each token was drawn. */
  readonly drawn: ReadonlyMap<number, number>;
  add(token: number): void;
}

export function tokenHistory(prompt: ArrayLike<number>, output: readonly number[] = []): TokenHistory {
  const seen = new Set(Array.from(prompt));
  const drawn = new Map<number, number>();
  const add = (token: number): void => {
    seen.add(token);
    drawn.set(token, (drawn.get(token) ?? 0) + 1);
  };
  for (const token of output) add(token);
  return { seen, drawn, add };
}

export type ScoreChanges = Pick<
  SamplingOptions,
  'logitBias' | 'repetitionPenalty' | 'frequencyPenalty' | 'presencePenalty'
>;

/** True when {@link changeScores} would leave every score as it is. */
export function changesNothing(options: ScoreChanges): boolean {
  const { logitBias = {}, repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = options;
  return (
    Object.keys(logitBias).length === 0 && repetitionPenalty === 1 && frequencyPenalty === 0 && presencePenalty === 0
  );
}

/** Applies bias and penalties to `scores`, in place. */
export function changeScores(scores: Float32Array, options: ScoreChanges, { seen, drawn }: TokenHistory): void {
  const { logitBias, repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = options;
  if (logitBias) addBias(scores, logitBias);
  if (repetitionPenalty !== 1) {
    for (const token of seen) {
      const score = scores[token] ?? 0;
      scores[token] = score > 0 ? score / repetitionPenalty : score * repetitionPenalty;
    }
  }
  if (frequencyPenalty === 0 && presencePenalty === 0) return;
  for (const [token, count] of drawn) scores[token] = (scores[token] ?? 0) - frequencyPenalty * count - presencePenalty;
}

function addBias(scores: Float32Array, logitBias: Readonly<Record<number, number>>): void {
  const entries = Object.entries(logitBias).map(([id, bias]) => [Number(id), bias] as const);
  const forced = entries.filter(([, bias]) => bias === strongestBias);
  const kept = (forced.length > 0 ? forced : entries).map(([id, bias]) => [id, (scores[id] ?? 0) + bias] as const);
  if (forced.length > 0) scores.fill(Number.NEGATIVE_INFINITY);
  for (const [id, score] of kept) scores[id] = score;
  for (const [id, bias] of entries) if (bias === -strongestBias) scores[id] = Number.NEGATIVE_INFINITY;
}
