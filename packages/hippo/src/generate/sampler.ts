// Picks the next token from a row of scores: temperature, top-k, top-p, or the arg max. The random number is a function of the
// seed and the position alone, so the same seed gives the same text.
import { UsageError } from '../errors.ts';
import { uniforms } from '../tensor/philox.ts';

export interface SamplingOptions {
  /** Divides the scores; 0 means greedy. Default 1. */
  readonly temperature?: number;
  /** Keep only the k highest scores. Default: all. */
  readonly topK?: number;
  /** Keep the fewest tokens whose probabilities add up to at least this. Default 1: all. */
  readonly topP?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Always the highest score. */
  readonly greedy?: boolean;
}

/** @throws UsageError `sampling` naming the option that is out of range. */
export function checkSampling({ temperature = 1, topK, topP = 1, seed = 0 }: SamplingOptions): void {
  const refuse = (name: string, ruleText: string, got: number): never => {
    throw new UsageError('sampling', `generate: ${name} must be ${ruleText}; got ${got}.`, {
      option: name,
      value: got,
    });
  };
  if (!(temperature >= 0) || !Number.isFinite(temperature))
    refuse('temperature', 'a finite number, 0 or more', temperature);
  if (topK !== undefined && (!Number.isInteger(topK) || topK < 1)) refuse('topK', 'a whole number, 1 or more', topK);
  if (!(topP > 0 && topP <= 1)) refuse('topP', 'above 0 and at most 1', topP);
  if (!Number.isInteger(seed)) refuse('seed', 'a whole number', seed);
}

/** The index of the highest score; the first one of equals. */
export function argMax(scores: Float32Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] ?? 0) > (scores[best] ?? 0)) best = i;
  return best;
}

/**
 * Draws one token id.
 * @param scores one score a token, only real tokens (no padding).
 * @param at position in the sequence and index of the sample, which with the seed fix the random number.
 */
export function sampleToken(
  scores: Float32Array,
  options: SamplingOptions,
  at: { readonly position: number; readonly sample?: number },
): number {
  const { temperature = 1, topK = scores.length, topP = 1, seed = 0, greedy = false } = options;
  if (greedy || temperature === 0 || topK === 1) return argMax(scores);
  const order = Array.from(scores.keys()).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  const kept = order.slice(0, Math.min(topK, order.length));
  const largest = scores[kept[0] ?? 0] ?? 0;
  const weights = kept.map((id) => Math.exp(((scores[id] ?? 0) - largest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let count = 0;
  for (let mass = 0; count < kept.length && (count === 0 || mass < topP * total); count++) mass += weights[count] ?? 0;
  const mass = weights.slice(0, count).reduce((sum, weight) => sum + weight, 0);
  const [u = 0] = uniforms(1, { key: [seed >>> 0, 0x73616d70], stream: at.sample ?? 0, counter: at.position });
  let rest = u * mass;
  for (let i = 0; i < count; i++) {
    rest -= weights[i] ?? 0;
    if (rest < 0) return kept[i] ?? 0;
  }
  return kept[count - 1] ?? 0;
}
