// Either of the synthetic languages (paper.md 2.1), and what the rest needs to know of one.
import {
  type AssociativeRecall,
  associativeRecallWidth,
  checkAssociativeRecall,
  drawAssociativeRecall,
} from './associative-recall.ts';
import type { Draw } from './draws.ts';
import { checkInductionHead, drawInductionHead, type InductionHead, inductionHeadWidth } from './induction-head.ts';
import { syntheticVocabulary } from './vocabulary.ts';

export type SyntheticLanguage = InductionHead | AssociativeRecall;

/** Tokens of an example; the model reads all but the last, which is the answer. */
export function exampleWidth(language: SyntheticLanguage): number {
  return language.kind === 'induction-head' ? inductionHeadWidth(language) : associativeRecallWidth(language);
}

/** Draws one example, `exampleWidth` token ids. */
export function drawExample(language: SyntheticLanguage, draw: Draw): readonly number[] {
  return language.kind === 'induction-head' ? drawInductionHead(language, draw) : drawAssociativeRecall(language, draw);
}

/** @throws UsageError `synthetic-option` for a number out of range. */
export function checkLanguage(language: SyntheticLanguage): void {
  syntheticVocabulary(language.vocabulary);
  if (language.kind === 'induction-head') checkInductionHead(language);
  else checkAssociativeRecall(language);
}

/** What guessing among the possible answers gives: V ordinary and special words, or the words that are values (paper.md 2.2). */
export function chanceAccuracy({ kind, vocabulary }: SyntheticLanguage): number {
  return kind === 'induction-head' ? 1 / vocabulary : 1 / (vocabulary - 2 - Math.floor((vocabulary - 2) / 2));
}
