// Choosing tokens where the scores are. On a device with memory of its own a row of scores is a long way from the host: there the
// operation `sampleTokens` draws, and a token and its log-probability come back, 8 bytes a row. It knows temperature, top-k, top-p and
// min-p; whatever else wants to see or change scores (bias, penalties, a least length, lists of likely tokens, sessions, beam search)
// keeps the choice on the host, by the rule below. Random numbers are the host's: same seed, position and sample, same number. Sums
// are in f32 there, in f64 here, so a token differs only where the number lies within some 1e-6 of a border between two tokens.
import type { TokenCuts } from '../ops/index.ts';
import type { Device } from '../session/device.ts';
import type { ContinuationOptions } from './continuation.ts';
import { changesNothing } from './penalties.ts';
import { type DrawPlace, randomWords } from './sampler.ts';
import { isGreedy } from './sampling-options.ts';

export interface SamplingPlace {
  readonly where: 'device' | 'host';
  /** Why there, in words. */
  readonly reason: string;
}

/** Options of `generate` or `generateTexts`. */
type Choosing = Partial<ContinuationOptions> & { readonly session?: unknown };

/** Where `generate` and `generateTexts` choose the tokens that follow the first one, which always comes from the prompt's scores. */
export function samplingPlace({ backend }: Device, options: Choosing): SamplingPlace {
  const { logprobs = 0, minTokens = 0, stopTokens = [], session } = options;
  const host = (reason: string): SamplingPlace => ({ where: 'host', reason });
  if (!backend.separateMemory) return host('scores lie in the memory of the host');
  if (session !== undefined) return host('a session keeps its scores');
  if (logprobs > 0) return host('logprobs lists other tokens than the one drawn');
  if (!changesNothing(options)) return host('bias and penalties change scores');
  if (minTokens > 0 && stopTokens.length > 0) return host('minTokens bans stop tokens');
  return { where: 'device', reason: 'only the token and its log-probability come back' };
}

/** What a draw on the device depends on. */
export interface DeviceDraw {
  readonly cuts: TokenCuts;
  /** The random number of a row at a place, two words. */
  words(at: DrawPlace): readonly [number, number];
}

/** The draw of these options, or undefined where the host chooses. */
export function deviceDraw(device: Device, options: Choosing): DeviceDraw | undefined {
  if (samplingPlace(device, options).where === 'host') return undefined;
  const { temperature = 1, topK = allTokens, topP = 1, minP = 0, seed = 0 } = options;
  const cuts = isGreedy(options) ? greedy : { temperature, topK, topP, minP };
  return { cuts, words: (at) => randomWords(seed, at) };
}

const allTokens = 2 ** 31 - 1;

/** The same for all greedy settings, so that they share a plan. */
const greedy: TokenCuts = { temperature: 0, topK: allTokens, topP: 1, minP: 0 };
