// How the next token is chosen, as options, and the rules they obey. In the order in which they act on a row of scores:
// logit bias, repetition / frequency / presence penalty (penalties.ts), temperature, top-k, top-p, min-p (candidates.ts).
// It is the order of Hugging Face transformers (logits processors, then warpers), so that settings carry over.
import { UsageError } from '../errors.ts';
import { refuseTogether } from './option-names.ts';

export interface SamplingOptions {
  /** Divides the scores; 0 means greedy, whatever the cuts. Default 1. */
  readonly temperature?: number;
  /** Keep only the k highest scores (Fan et al. 2018). Default: all. */
  readonly topK?: number;
  /** Keep the fewest tokens whose probabilities add up to at least this (Holtzman et al. 2020). Default 1: all. */
  readonly topP?: number;
  /** Keep tokens at least this many times as likely as the likeliest (Nguyen et al. 2024). Default 0: all. */
  readonly minP?: number;
  /** Tokens seen in prompt or output: a positive score is divided by this, a negative one multiplied (Keskar et al. 2019). Default 1. */
  readonly repetitionPenalty?: number;
  /** Taken from a token's score once for each time it was drawn (OpenAI). Default 0. */
  readonly frequencyPenalty?: number;
  /** Taken from a token's score once if it was drawn at all (OpenAI). Default 0. */
  readonly presencePenalty?: number;
  /** Added to the score of a token id, −100 to 100. −100 bans the token; where one has 100, no other token can be drawn. */
  readonly logitBias?: Readonly<Record<number, number>>;
  /** With the position and the index of the sample it fixes the random number of a draw. Default 0. */
  readonly seed?: number;
  /** Always the highest score, after bias and penalties. */
  readonly greedy?: boolean;
}

/** Every key of {@link SamplingOptions}. */
export const samplingOptionNames = Object.keys({
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: true,
  frequencyPenalty: true,
  presencePenalty: true,
  logitBias: true,
  seed: true,
  greedy: true,
} satisfies Record<keyof SamplingOptions, true>);

/** The bias that bans a token (negative) or leaves no other (positive). */
export const strongestBias = 100;

/** True when no random number is drawn: `greedy`, temperature 0, or a single candidate. */
export function isGreedy({ greedy = false, temperature = 1, topK }: SamplingOptions): boolean {
  return greedy || temperature === 0 || topK === 1;
}

type NumericName = Exclude<keyof SamplingOptions, 'logitBias' | 'greedy'>;

const rules: Readonly<Record<NumericName, readonly [text: string, holds: (value: number) => boolean]>> = {
  temperature: ['a finite number, 0 or more', (value) => value >= 0 && Number.isFinite(value)],
  topK: ['a whole number, 1 or more', (value) => Number.isInteger(value) && value >= 1],
  topP: ['above 0 and at most 1', (value) => value > 0 && value <= 1],
  minP: ['from 0 to 1', (value) => value >= 0 && value <= 1],
  repetitionPenalty: ['a finite number above 0', (value) => value > 0 && Number.isFinite(value)],
  frequencyPenalty: ['from -2 to 2', (value) => value >= -2 && value <= 2],
  presencePenalty: ['from -2 to 2', (value) => value >= -2 && value <= 2],
  seed: ['a whole number', Number.isSafeInteger],
};

/**
 * @param vocabularySize when given, the ids of the logit bias are checked against it.
 * @throws UsageError `sampling` naming the option that is out of range, `contradiction` for `greedy` together with options that
 * only a random draw could heed. (Temperature 0 is the limit of every such setting, so it goes with all of them.)
 */
export function checkSampling(options: SamplingOptions, who = 'generate', vocabularySize?: number): void {
  for (const [name, [rule, holds]] of Object.entries(rules)) {
    // The keys of the table are those of its type; Object.entries forgets it.
    const value: unknown = options[name as NumericName];
    if (value === undefined || (typeof value === 'number' && holds(value))) continue;
    throw new UsageError('sampling', `${who}: ${name} must be ${rule}; got ${String(value)}.`, { option: name, value });
  }
  if (options.logitBias !== undefined) checkBias(options.logitBias, who, vocabularySize);
  if (!options.greedy) return;
  const { temperature = 0, topK, topP = 1, minP = 0 } = options;
  const why = 'greedy decoding always takes the highest score';
  if (temperature !== 0) refuseTogether(who, 'greedy', 'temperature', why);
  if (topK !== undefined) refuseTogether(who, 'greedy', 'topK', why);
  if (topP !== 1) refuseTogether(who, 'greedy', 'topP', why);
  if (minP !== 0) refuseTogether(who, 'greedy', 'minP', why);
}

function checkBias(logitBias: Readonly<Record<number, number>>, who: string, vocabularySize = Infinity): void {
  let banned = 0;
  for (const [key, value] of Object.entries(logitBias)) {
    const id = Number(key);
    if (!Number.isInteger(id) || id < 0 || id >= vocabularySize) {
      const range = Number.isFinite(vocabularySize) ? `, 0 to ${vocabularySize - 1}` : '';
      throw new UsageError('sampling', `${who}: logitBias must map token ids${range}; got id ${key}.`, { id: key });
    }
    if (!(value >= -strongestBias && value <= strongestBias)) {
      throw new UsageError(
        'sampling',
        `${who}: logitBias of token ${id} must be from -${strongestBias} (ban) to ${strongestBias} (force); got ${value}.`,
        { id, value },
      );
    }
    if (value === -strongestBias) banned++;
  }
  if (banned >= vocabularySize)
    throw new UsageError('sampling', `${who}: logitBias bans every token. Leave at least one.`, { banned });
}
