import { describe, expect, it } from 'vitest';
import { openDraws } from './draws.ts';
import { checkLanguage, drawExample, exampleWidth, type SyntheticLanguage } from './language.ts';
import { syntheticTasks } from './tasks.ts';
import { syntheticVocabulary, wordsOf } from './vocabulary.ts';

const { 'induction-head': induction, 'associative-recall': recall } = syntheticTasks;

/** Examples drawn one after another. */
function examples(language: SyntheticLanguage, count: number): readonly (readonly number[])[] {
  const draw = openDraws({ seed: 7, stream: 0 });
  return Array.from({ length: count }, () => drawExample(language, draw));
}

describe('vocabulary', () => {
  it('numbers its words in the order of text', () => {
    const { words, trigger, gap } = syntheticVocabulary(14);
    expect(words).toEqual(['.', '0', '1', '10', '11', '2', '3', '4', '5', '6', '7', '8', '9', '=>']);
    expect([words[gap], words[trigger]]).toEqual(['.', '=>']);
  });

  it('refuses fewer than two ordinary words', () => {
    expect(() => syntheticVocabulary(3)).toThrow(
      'synthetic language: the vocabulary must have at least 4 words, two of them for "=>" and "."; got 3.',
    );
  });
});

describe('draws', () => {
  it('are fixed by seed and stream, and differ between them', () => {
    const take = (seed: number, stream: number): number[] => {
      const draw = openDraws({ seed, stream });
      return Array.from({ length: 9 }, () => draw(1000));
    };
    expect(take(0, 0)).toEqual(take(0, 0));
    for (const [seed, stream] of [
      [1, 0],
      [0, 1],
      [2 ** 32, 0],
    ] as const)
      expect(take(seed, stream)).not.toEqual(take(0, 0));
  });

  it('reach every number about equally often', () => {
    const draw = openDraws({ seed: 3, stream: 0 });
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 7000; i++) {
      const drawn = draw(7);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

describe('induction head', () => {
  const { language } = induction;

  it('ends with the trigger and the token that followed its first occurrence', () => {
    const trigger = 19;
    for (const tokens of examples(language, 300)) {
      expect(tokens).toHaveLength(exampleWidth(language));
      const place = tokens.indexOf(trigger);
      expect(place).toBeLessThan(28);
      expect(tokens[30]).toBe(trigger);
      expect(tokens.filter((id) => id === trigger)).toHaveLength(2);
      expect(tokens[31]).toBe(tokens[place + 1]);
      for (const id of tokens) expect(id >= 1 && id <= 19).toBe(true);
    }
  });

  it('puts triggers everywhere from 0 to L − 3', () => {
    const places = new Set(examples(language, 2000).map((tokens) => tokens.indexOf(19)));
    expect([...places].sort((a, b) => a - b)).toEqual(Array.from({ length: 28 }, (_, i) => i));
  });

  it('says the same after each of several triggers, in about half the examples', () => {
    let several = 0;
    for (const tokens of examples({ ...language, triggers: 3 } as SyntheticLanguage, 400)) {
      const places = tokens.flatMap((id, at) => (id === 19 && at < 30 ? [at] : []));
      if (places.length > 1) several += 1;
      for (const place of places) expect(tokens[place + 1]).toBe(tokens[31]);
    }
    expect(several).toBeGreaterThan(140);
    expect(several).toBeLessThan(260);
  });

  it('refuses what leaves no room', () => {
    expect(() => checkLanguage({ ...language, length: 2 } as SyntheticLanguage)).toThrow(
      'induction head: the length must be a whole number of at least 3; got 2.',
    );
    expect(() => checkLanguage({ ...language, triggers: 0 } as SyntheticLanguage)).toThrow('triggers must be');
  });
});

describe('associative recall', () => {
  const { language } = recall;

  it('asks for a key that occurred and answers with its value', () => {
    for (const tokens of examples(language, 300)) {
      expect(tokens).toHaveLength(23);
      const values = new Map<number, number>();
      for (let at = 0; at < 20; at += 2) {
        const [key = 0, value = 0] = tokens.slice(at, at + 2);
        expect(key >= 1 && key <= 4 && value >= 5 && value <= 8).toBe(true);
        expect(values.get(key) ?? value).toBe(value);
        values.set(key, value);
      }
      expect(tokens[20]).toBe(9);
      expect(tokens[22]).toBe(values.get(tokens[21] ?? -1));
    }
  });

  it('draws each value of an example by itself, anew for each example', () => {
    const ofFirstKey = examples(language, 4000).flatMap((tokens) => {
      const at = tokens.findIndex((id, place) => id === 1 && place % 2 === 0 && place < 20);
      return at < 0 ? [] : [tokens[at + 1] ?? 0];
    });
    for (const value of [5, 6, 7, 8])
      expect(ofFirstKey.filter((one) => one === value).length / ofFirstKey.length).toBeCloseTo(0.25, 1.5);
  });

  it('takes keys of several words', () => {
    for (const tokens of examples({ ...language, keyWords: 2, length: 20 } as SyntheticLanguage, 100)) {
      expect(tokens).toHaveLength(6 * 3 + 3 + 1);
      const values = new Map<string, number | undefined>();
      for (let at = 0; at < 18; at += 3) values.set(tokens.slice(at, at + 2).join(), tokens[at + 2]);
      expect(tokens.at(-1)).toBe(values.get(tokens.slice(-3, -1).join()));
    }
  });

  it('refuses a length without a pair', () => {
    expect(() => checkLanguage({ ...language, length: 1 } as SyntheticLanguage)).toThrow(
      'holds a key and its value, 2',
    );
  });

  it('reads as words', () => {
    const text = wordsOf(examples(language, 1)[0] ?? [], syntheticVocabulary(10));
    expect(text).toMatch(/^([0-3] [4-7] ){10}=> [0-3] [4-7]$/);
  });
});
