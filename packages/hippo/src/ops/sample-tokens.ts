// The next token of each row of scores, drawn where the scores lie, so that a token comes back and not a vocabulary of numbers.
// Temperature, top-k, top-p and min-p in this order, as generate/candidates.ts has them on the host:
//   w_i = e^{(s_i − max s)/T} for the k highest scores, rounded to f32; of these the fewest, from the heaviest on, that weigh p·Σ w
//   together; of these the ones with w_i ≥ minP; then the first i, in the order of ids, at which Σ_{j≤i} w_j > u·Σ w.
// Equal scores, and equal weights, count in the order of their ids. The random numbers u come in, so that a draw depends on what its
// caller says alone.
import { operand, rule } from '../graph/rule.ts';
import { applyOperation } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { formatShape } from '../tensor/shape.ts';

/** Whole numbers and fractions as in generate/sampling-options.ts. */
export type TokenCuts = {
  /** 0: the highest score, whatever the cuts. */
  readonly temperature: number;
  /** How many of the highest scores to keep; at least the number of classes: all. */
  readonly topK: number;
  /** 1: all. */
  readonly topP: number;
  /** 0: all. */
  readonly minP: number;
};

export type SampleTokensAttributes = TokenCuts & {
  /** Columns that are tokens; the others are padding. */
  readonly classes: number;
};

/** True where no random number decides. */
export function takesHighest({ temperature, topK }: TokenCuts): boolean {
  return temperature === 0 || topK === 1;
}

/**
 * Inputs [scores f32 [rows, columns], random u32 [rows, 2]: the upper and lower word of a random number]; outputs [token i32 [rows],
 * logProbability f32 [rows]: of the token, before temperature and cuts]. Token −1 and NaN for a row with a NaN or +∞, or of −∞ alone.
 */
export const sampleTokensOperation: Operation<SampleTokensAttributes> = {
  name: 'sampleTokens',
  infer: (inputs, { classes, temperature, topK, topP, minP }) => {
    const [scores, random] = [operand(inputs, 0), operand(inputs, 1)];
    const [rows = 0, columns = 0] = scores.shape;
    rule(
      scores.dtype === 'f32' && scores.shape.length === 2 && classes >= 1 && classes <= columns,
      () =>
        `takes scores f32 [rows, columns] with at least ${classes} columns; got ${scores.dtype}${formatShape(scores.shape)}.`,
    );
    rule(
      random.dtype === 'u32' && random.shape.length === 2 && random.shape[0] === rows && random.shape[1] === 2,
      () => `takes two random words a row, u32 [${rows}, 2]; got ${random.dtype}${formatShape(random.shape)}.`,
    );
    rule(
      temperature >= 0 && topK >= 1 && topP > 0 && topP <= 1 && minP >= 0 && minP <= 1,
      () =>
        `temperature must be 0 or more, topK 1 or more, topP above 0 and at most 1, minP from 0 to 1; got ${temperature}, ${topK}, ${topP}, ${minP}.`,
    );
    return [
      { shape: [rows], dtype: 'i32' },
      { shape: [rows], dtype: 'f32' },
    ];
  },
  reference: ([scores, random], attributes) => {
    if (!scores || !random) return [];
    const [rows = 0, columns = 0] = scores.shape;
    const [tokens, logProbabilities] = [new Int32Array(rows), new Float64Array(rows)];
    for (let row = 0; row < rows; row++) {
      const own = Float64Array.from(scores.data.subarray(row * columns, row * columns + attributes.classes));
      const token = sampleRow(own, uniformOf(random.data[2 * row] ?? 0, random.data[2 * row + 1] ?? 0), attributes);
      tokens[row] = token;
      logProbabilities[row] = token < 0 ? Number.NaN : logProbabilityIn(own, token);
    }
    return [tokens, logProbabilities];
  },
  operations: ([scores], attributes) =>
    (scores?.shape[0] ?? 1) * attributes.classes * (takesHighest(attributes) ? 8 : 100),
};

/** A number on [0, 1) with 53 random bits, from two words. */
export function uniformOf(high: number, low: number): number {
  return (high * 2 ** 21 + (low >>> 11)) * 2 ** -53;
}

function sampleRow(scores: Float64Array, u: number, cuts: TokenCuts): number {
  const highest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (!Number.isFinite(highest)) return -1;
  if (takesHighest(cuts)) return scores.indexOf(highest);
  const byScore = Array.from(scores.keys()).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  const weights = new Float64Array(scores.length);
  for (const id of byScore.slice(0, cuts.topK))
    weights[id] = Math.fround(Math.exp(((scores[id] ?? 0) - highest) / cuts.temperature));
  keepMass(weights, cuts.topP);
  for (const [id, weight] of weights.entries()) if (weight < cuts.minP) weights[id] = 0;
  let rest = u * total(weights);
  for (const [id, weight] of weights.entries()) {
    if (rest < weight) return id;
    rest -= weight;
  }
  return weights.findLastIndex((weight) => weight > 0);
}

/** Makes 0 of all but the fewest weights, from the heaviest on, that add up to the share `p`. */
function keepMass(weights: Float64Array, p: number): void {
  if (p === 1) return;
  let rest = p * total(weights);
  const byWeight = Array.from(weights.keys()).sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b);
  for (const id of byWeight) {
    const weight = weights[id] ?? 0;
    if (rest <= 0) weights[id] = 0;
    rest -= weight;
  }
}

function total(weights: Float64Array): number {
  return weights.reduce((a, b) => a + b, 0);
}

function logProbabilityIn(scores: Float64Array, token: number): number {
  const highest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const sum = scores.reduce((a, b) => a + Math.exp(b - highest), 0);
  return (scores[token] ?? 0) - highest - Math.log(sum);
}

/**
 * A token for each row of `scores` [rows, columns] and its log-probability under the scores alone; see `sampleTokensOperation`.
 * @throws TraceError where shapes, dtypes or cuts break its rules.
 */
export function sampleTokens(
  scores: Value,
  random: Value,
  attributes: SampleTokensAttributes,
): { readonly token: Value; readonly logProbability: Value } {
  const [token, logProbability] = applyOperation(sampleTokensOperation, [scores, random], { ...attributes });
  return { token: token as Value, logProbability: logProbability as Value }; // the operation has two results
}
