// The tokens that temperature, top-k, top-p and min-p leave, in time linear in the vocabulary: no row is ever sorted.
// Both counting cuts ask for the value at which a running mass from the highest score down reaches a target (mass 1 a token for
// top-k, its weight for top-p). A radix walk finds it: floats in the order of their bits, three histograms of 11, 11 and 10 bits,
// each over the elements that share the digits found so far. Equal scores count in the order of their ids.
import { NumericError } from '../errors.ts';
import { expOfNegative } from './exponential.ts';
import type { SamplingOptions } from './sampling-options.ts';

/** Room for one row, used again for every draw. */
export interface CandidateSpace {
  /** Ids that are left, ascending; the first `count` entries hold. */
  readonly ids: Int32Array;
  /** exp((score − highest) / temperature) of each; 1 for the highest. */
  readonly weights: Float64Array;
  readonly keys: Uint32Array;
  readonly histogram: Float64Array;
}

export function candidateSpace(vocabularySize: number): CandidateSpace {
  return {
    ids: new Int32Array(vocabularySize),
    weights: new Float64Array(vocabularySize),
    keys: new Uint32Array(vocabularySize),
    histogram: new Float64Array(2048),
  };
}

export type Cuts = Pick<SamplingOptions, 'temperature' | 'topK' | 'topP' | 'minP'>;

/**
 * Fills `space` with the candidates of a row and returns how many there are (at least one).
 * @param scores one score a token; −∞ for one that cannot be drawn. The temperature must be above 0.
 * @throws NumericError `bad-scores` when a score is NaN or +∞, or all are −∞.
 */
export function selectCandidates(
  scores: Float32Array,
  { temperature = 1, topK = scores.length, topP = 1, minP = 0 }: Cuts,
  space: CandidateSpace,
): number {
  const { ids, weights } = space;
  const highest = scores[argMax(scores)] ?? 0;
  // Where min-p is the only cut by mass, most tokens need no exponential to be dropped. The rim is left to the exact rule below.
  const floor = topP < 1 || minP === 0 ? Number.NEGATIVE_INFINITY : highest + temperature * (Math.log(minP) - 1e-6);
  let count = keepHighest(scores, topK, space, floor);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const weight = expOfNegative(((scores[ids[i] ?? 0] ?? 0) - highest) / temperature);
    weights[i] = weight;
    total += weight;
  }
  if (topP < 1) {
    // All that is lighter than this together weighs less than 1 − p, so none of it is needed; in a row that is decided it is most.
    count = keepLikely(count, ((1 - topP) * total) / count, space);
    count = keepReaching(scores, count, topP * total, space);
  }
  if (minP > 0) count = keepLikely(count, minP, space);
  return count;
}

/**
 * Puts the ids of the k highest scores into `space.ids`, ascending, and returns how many there are: fewer than k when others
 * are −∞ or below `floor`. Of equal scores the lower ids are taken.
 */
export function keepHighest(
  scores: Float32Array,
  k: number,
  space: CandidateSpace,
  floor = Number.NEGATIVE_INFINITY,
): number {
  const { ids, weights } = space;
  const least = Math.max(floor, rankBound(scores, k));
  let count = 0;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] ?? 0;
    if (score >= least && score !== Number.NEGATIVE_INFINITY) ids[count++] = id;
  }
  if (count <= k) return count;
  weights.fill(1, 0, count);
  return keepReaching(scores, count, k, space);
}

/** A score that at least k scores reach: the smallest of the highest scores of k blocks. */
function rankBound(scores: Float32Array, k: number): number {
  const size = Math.floor(scores.length / k);
  if (size < 2) return Number.NEGATIVE_INFINITY;
  let bound = Number.POSITIVE_INFINITY;
  for (let block = 0; block < k; block++) {
    let highest = Number.NEGATIVE_INFINITY;
    for (let id = block * size; id < (block + 1) * size; id++) {
      const score = scores[id] ?? 0;
      if (score > highest) highest = score;
    }
    if (highest < bound) bound = highest;
  }
  return bound;
}

/**
 * The index of the highest score; the first one of equals.
 * @throws NumericError `bad-scores` when a score is NaN or +∞, or all are −∞.
 */
export function argMax(scores: Float32Array): number {
  let best = -1;
  let highest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] ?? 0;
    // The negated comparison lets NaN in, where it stays.
    if (!(score <= highest)) {
      best = id;
      highest = score;
      if (!(score < Number.POSITIVE_INFINITY)) break;
    }
  }
  if (best >= 0 && highest < Number.POSITIVE_INFINITY) return best;
  const got = best < 0 ? `${scores.length} scores that are all -Infinity` : `${highest} for token ${best}`;
  throw badScores(got, best);
}

/** The error for scores that no token can be chosen from. */
export function badScores(got: string, token: number): NumericError {
  return new NumericError(
    'bad-scores',
    `sampling: the scores of the next token must be numbers; got ${got}. Look for NaN in the model's weights, or for a logit bias that bans every token.`,
    { token },
  );
}

/** Keeps the fewest candidates, from the highest score down, whose `weights` add up to `target`. */
function keepReaching(scores: Float32Array, count: number, target: number, space: CandidateSpace): number {
  const { ids, weights, keys } = space;
  writeKeys(scores, count, space);
  let key = 0;
  let rest = target;
  for (const shift of [21, 10, 0]) {
    addMasses(count, shift, key, space);
    const found = crossing(rest, shift, space.histogram);
    key = ((key << (shift === 0 ? 10 : 11)) | found.digit) >>> 0;
    rest -= found.above;
  }
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const own = keys[i] ?? 0;
    if (own < key || (own === key && !(rest > 0))) continue;
    const weight = weights[i] ?? 0;
    if (own === key) rest -= weight;
    ids[kept] = ids[i] ?? 0;
    weights[kept++] = weight;
  }
  return kept;
}

/** Unsigned integers in the order of the scores: the sign bit flipped, and all bits where it was set. −0 counts as 0. */
function writeKeys(scores: Float32Array, count: number, { ids, keys }: CandidateSpace): void {
  const bits = new Int32Array(scores.buffer, scores.byteOffset, scores.length);
  for (let i = 0; i < count; i++) {
    const word = bits[ids[i] ?? 0] ?? 0;
    keys[i] = word >= 0 ? word ^ signBit : word === signBit ? signBit : ~word;
  }
}

const signBit = 0x80000000 | 0;

/** Sums the weights of the candidates whose upper digits are `prefix` by their digit at `shift`. */
function addMasses(count: number, shift: number, prefix: number, { keys, weights, histogram }: CandidateSpace): void {
  histogram.fill(0);
  if (shift === 21) {
    for (let i = 0; i < count; i++) {
      const digit = (keys[i] ?? 0) >>> 21;
      histogram[digit] = (histogram[digit] ?? 0) + (weights[i] ?? 0);
    }
    return;
  }
  const [upper, mask] = shift === 10 ? [21, 2047] : [10, 1023];
  for (let i = 0; i < count; i++) {
    const key = keys[i] ?? 0;
    if (key >>> upper !== prefix) continue;
    const digit = (key >>> shift) & mask;
    histogram[digit] = (histogram[digit] ?? 0) + (weights[i] ?? 0);
  }
}

/** The digit, from the highest down, at which the masses reach `target`, and the mass above it; the lowest that has any, if none. */
function crossing(target: number, shift: number, histogram: Float64Array): { digit: number; above: number } {
  let above = 0;
  let last = { digit: 0, above: 0 };
  for (let digit = (shift === 0 ? 1024 : 2048) - 1; digit >= 0; digit--) {
    const mass = histogram[digit] ?? 0;
    if (mass === 0) continue;
    last = { digit, above };
    if (above + mass >= target) break;
    above += mass;
  }
  return last;
}

/** Drops the candidates whose weight, which is 1 for the likeliest, is below `least`. */
function keepLikely(count: number, least: number, { ids, weights }: CandidateSpace): number {
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const weight = weights[i] ?? 0;
    if (weight < least) continue;
    ids[kept] = ids[i] ?? 0;
    weights[kept++] = weight;
  }
  return kept;
}
