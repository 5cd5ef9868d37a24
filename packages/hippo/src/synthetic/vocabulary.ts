// The words of the synthetic languages (paper.md 2.1): ordinary tokens "0" … "V−3", the trigger "=>" and the gap ".". Ids are the
// order of the words as text: "." is 0, then "0", "1", "10", "11", …, "2", …, and "=>" comes last. Ordinary ids are therefore 1 … V−2.
import { UsageError } from '../errors.ts';

export const gapWord = '.';
export const triggerWord = '=>';

export interface SyntheticVocabulary {
  /** Number of words, V. */
  readonly size: number;
  /** The word of each id. */
  readonly words: readonly string[];
  /** Ids of ordinary words run from `firstOrdinary` to `firstOrdinary + ordinaryCount − 1`. */
  readonly firstOrdinary: number;
  readonly ordinaryCount: number;
  readonly gap: number;
  readonly trigger: number;
}

/** @throws UsageError `synthetic-option` for fewer than 4 words. */
export function syntheticVocabulary(size: number): SyntheticVocabulary {
  if (!Number.isSafeInteger(size) || size < 4) {
    throw new UsageError(
      'synthetic-option',
      `synthetic language: the vocabulary must have at least 4 words, two of them for "${triggerWord}" and "${gapWord}"; got ${size}.`,
      { vocabulary: size },
    );
  }
  const ordinary = Array.from({ length: size - 2 }, (_, number) => String(number));
  // sort() compares UTF-16 units, which is the order meant here: "." before digits, "=" after them.
  const words = [gapWord, triggerWord, ...ordinary].sort();
  return { size, words, firstOrdinary: 1, ordinaryCount: size - 2, gap: 0, trigger: size - 1 };
}

/** The words of some ids between blanks. */
export function wordsOf(ids: Iterable<number>, vocabulary: SyntheticVocabulary): string {
  return Array.from(ids, (id) => vocabulary.words[id] ?? '?').join(' ');
}
