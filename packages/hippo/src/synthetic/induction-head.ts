// The induction-head language (paper.md 2.1): the model must find the earlier "=>" and say again what followed it.
//   s₀ … s_{L−1} "=>" answer,   s_p = "=>" for a trigger place p drawn from 0 … L−3, answer = s_{p+1}
// With several triggers, half the examples still have one; the others draw that many places, drop those that touch an earlier one,
// and put the first one's answer behind each.
import { UsageError } from '../errors.ts';
import type { Draw } from './draws.ts';
import { syntheticVocabulary } from './vocabulary.ts';

export interface InductionHead {
  readonly kind: 'induction-head';
  /** Tokens before the last trigger, L. */
  readonly length: number;
  /** Words of the vocabulary, V. */
  readonly vocabulary: number;
  /** The most triggers within the L tokens. */
  readonly triggers: number;
}

/** Tokens of an example: L, the last trigger, the answer. */
export function inductionHeadWidth({ length }: InductionHead): number {
  return length + 2;
}

/** Draws one example, `inductionHeadWidth` token ids. */
export function drawInductionHead(
  { length, vocabulary: size, triggers }: InductionHead,
  draw: Draw,
): readonly number[] {
  const vocabulary = syntheticVocabulary(size);
  const tokens = Array.from({ length }, () => vocabulary.firstOrdinary + draw(vocabulary.ordinaryCount));
  const places = triggerPlaces(length, triggers, draw);
  const answer = tokens[(places[0] ?? 0) + 1] ?? vocabulary.gap;
  for (const place of places) {
    tokens[place] = vocabulary.trigger;
    tokens[place + 1] = answer;
  }
  return [...tokens, vocabulary.trigger, answer];
}

function triggerPlaces(length: number, triggers: number, draw: Draw): readonly number[] {
  const count = triggers > 1 && draw(2) === 0 ? 1 : triggers;
  const drawn = Array.from({ length: count }, () => draw(length - 2)).sort((a, b) => a - b);
  const kept: number[] = [];
  for (const place of drawn) if (place - (kept.at(-1) ?? Number.NEGATIVE_INFINITY) > 1) kept.push(place);
  return kept;
}

/** @throws UsageError `synthetic-option` for a length or a number of triggers that leaves no room. */
export function checkInductionHead({ length, triggers }: InductionHead): void {
  const wrong = !(Number.isSafeInteger(length) && length >= 3)
    ? `the length must be a whole number of at least 3; got ${length}`
    : !(Number.isSafeInteger(triggers) && triggers >= 1)
      ? `the number of triggers must be a whole number of at least 1; got ${triggers}`
      : undefined;
  if (wrong) throw new UsageError('synthetic-option', `induction head: ${wrong}.`, { length, triggers });
}
