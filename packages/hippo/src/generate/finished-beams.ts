// The texts that a beam search has ended, the best first, and whether one that still goes on could become better.

/** A finished text of a beam search. */
export interface Beam {
  readonly tokens: readonly number[];
  /** Σ log p of the tokens and, where there is one, of the stop token; after bias and penalties. */
  readonly logProbability: number;
  /** logProbability / length^α. */
  readonly score: number;
  readonly finishReason: 'length' | 'stop-token';
  readonly stop?: number;
}

export interface FinishedBeams {
  add(text: { readonly tokens: readonly number[]; readonly sum: number; readonly stop?: number }): void;
  /** True when the search can end: `sum` is that of the best beginning, of `length` tokens. */
  enough(sum: number, length: number): boolean;
  /** The best `count`, the best first; those that ended earlier before their equals. */
  best(count: number): readonly Beam[];
}

interface SearchLimits {
  readonly beams: number;
  readonly maxTokens: number;
  readonly lengthPenalty?: number;
  readonly earlyStopping?: boolean;
}

export function finishedBeams({
  beams,
  maxTokens,
  lengthPenalty = 1,
  earlyStopping = false,
}: SearchLimits): FinishedBeams {
  const found: Beam[] = [];
  const scoreOf = (sum: number, length: number): number => sum / length ** lengthPenalty;
  return {
    add({ tokens, sum, stop }) {
      const score = scoreOf(sum, tokens.length + (stop === undefined ? 0 : 1));
      const ending =
        stop === undefined ? { finishReason: 'length' as const } : { finishReason: 'stop-token' as const, stop };
      const worse = found.findIndex((other) => other.score < score);
      found.splice(worse < 0 ? found.length : worse, 0, { tokens, logProbability: sum, score, ...ending });
      found.length = Math.min(found.length, beams);
    },
    enough(sum, length) {
      const worst = found[beams - 1];
      if (!worst) return false;
      // A sum only falls from here on; dividing it by the power of a length helps it most at one end of what is left.
      return earlyStopping || scoreOf(sum, lengthPenalty > 0 ? maxTokens : length + 1) <= worst.score;
    },
    best: (count) => found.slice(0, count),
  };
}
