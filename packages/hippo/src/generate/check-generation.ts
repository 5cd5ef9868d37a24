// What generation refuses before it computes anything: numbers out of range, empty prompts, ids outside the vocabulary.
import { DataError, UsageError } from '../errors.ts';
import type { ContinuationOptions } from './continuation.ts';
import { checkSampling } from './sampling-options.ts';

/**
 * @param least the smallest `maxTokens` that makes sense.
 * @throws UsageError naming the option, the rule and what was got.
 */
export function checkContinuation(
  options: ContinuationOptions,
  vocabularySize: number,
  { who = 'generate', least = 1 }: { readonly who?: string; readonly least?: number } = {},
): void {
  checkSampling(options, who, vocabularySize);
  const { maxTokens, minTokens = 0, stopTokens = [], logprobs = 0, sample = 0 } = options;
  checkWhole(who, 'maxTokens', maxTokens, least);
  checkWhole(who, 'minTokens', minTokens, 0, maxTokens);
  checkWhole(who, 'logprobs', logprobs, 0, vocabularySize);
  checkWhole(who, 'sample', sample, 0, 2 ** 32 - 1);
  const outside = stopTokens.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabularySize));
  if (outside === undefined) return;
  throw new UsageError(
    'stop-token',
    `${who}: stopTokens must be ids of the vocabulary, 0 to ${vocabularySize - 1}; got ${outside}.`,
    { id: outside },
  );
}

/** @throws UsageError `max-tokens`, or `option-range` for the other names. */
export function checkWhole(who: string, name: string, value: number, least: number, most?: number): void {
  if (Number.isInteger(value) && value >= least && value <= (most ?? Number.POSITIVE_INFINITY)) return;
  const rule = most === undefined ? `${least} or more` : `${least} to ${most}`;
  const code = name === 'maxTokens' ? 'max-tokens' : 'option-range';
  throw new UsageError(code, `${who}: ${name} must be a whole number, ${rule}; got ${value}.`, { [name]: value });
}

/** @throws UsageError `empty-prompt`, DataError `token-out-of-range`. `what` names the prompt in the sentence. */
export function checkPrompt(
  prompt: ArrayLike<number>,
  vocabularySize: number,
  { who = 'generate', what = 'the prompt' }: { readonly who?: string; readonly what?: string } = {},
): void {
  if (prompt.length === 0)
    throw new UsageError(
      'empty-prompt',
      `${who}: ${what} has no tokens, and a model needs at least one to go on from. Give a prompt, such as a line break.`,
    );
  for (let i = 0; i < prompt.length; i++) {
    const id = prompt[i] ?? -1;
    if (Number.isInteger(id) && id >= 0 && id < vocabularySize) continue;
    throw new DataError(
      'token-out-of-range',
      `${who}: token ${i} of ${what} has id ${id}, outside the vocabulary of ${vocabularySize}. Use the model's own tokenizer.`,
      { position: i, id },
    );
  }
}
