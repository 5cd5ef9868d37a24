// The associative-recall language (paper.md 2.1): pairs of a key and its value, then "=>", a key that occurred, and its value.
//   k₁ v(k₁) k₂ v(k₂) … "=>" k v(k),   v drawn anew for each example, each key's value by itself
// Keys are the first half of the ordinary words in order of their ids, values the second half. A key may be of several words, each
// drawn from the keys. The map is drawn where a key first occurs, which is the same distribution as drawing all of it.
import { UsageError } from '../errors.ts';
import type { Draw } from './draws.ts';
import { syntheticVocabulary } from './vocabulary.ts';

export interface AssociativeRecall {
  readonly kind: 'associative-recall';
  /** Tokens of the pairs, L; what does not fill a pair is left out. */
  readonly length: number;
  /** Words of the vocabulary, V. */
  readonly vocabulary: number;
  /** Words of a key. */
  readonly keyWords: number;
}

const pairsOf = ({ length, keyWords }: AssociativeRecall): number => Math.floor(length / (keyWords + 1));

/** Tokens of an example: the pairs, the trigger, a key, the answer. */
export function associativeRecallWidth(language: AssociativeRecall): number {
  return (pairsOf(language) + 1) * (language.keyWords + 1) + 1;
}

/** Draws one example, `associativeRecallWidth` token ids. */
export function drawAssociativeRecall(language: AssociativeRecall, draw: Draw): readonly number[] {
  const { firstOrdinary, ordinaryCount, trigger } = syntheticVocabulary(language.vocabulary);
  const keyCount = Math.floor(ordinaryCount / 2);
  const pairs = new Map<string, readonly number[]>();
  const tokens: number[] = [];
  for (let pair = 0; pair < pairsOf(language); pair++) {
    const key = Array.from({ length: language.keyWords }, () => firstOrdinary + draw(keyCount));
    const name = key.join();
    const known = pairs.get(name) ?? [...key, firstOrdinary + keyCount + draw(ordinaryCount - keyCount)];
    pairs.set(name, known);
    tokens.push(...known);
  }
  // Each key that occurred is as likely as the others, however often it did.
  const asked = [...pairs.values()][draw(pairs.size)] ?? [];
  return [...tokens, trigger, ...asked];
}

/** @throws UsageError `synthetic-option` when not one pair fits. */
export function checkAssociativeRecall(language: AssociativeRecall): void {
  const { length, keyWords } = language;
  const wrong = !(Number.isSafeInteger(keyWords) && keyWords >= 1)
    ? `a key must have a whole number of words, at least 1; got ${keyWords}`
    : !(Number.isSafeInteger(length) && pairsOf(language) >= 1)
      ? `the length must be a whole number that holds a key and its value, ${keyWords + 1} or more; got ${length}`
      : undefined;
  if (wrong) throw new UsageError('synthetic-option', `associative recall: ${wrong}.`, { length, keyWords });
}
