// Byte-pair training: the joins of a corpus small enough to follow by hand, determinism, and agreement with the ecosystem's library.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { jsonTokenizer } from './json-tokenizer.ts';
import { loadTokenizer } from './load-tokenizer.ts';
import type { Tokenizer } from './tokenizer.ts';
import { trainBytePairs } from './train-byte-pairs.ts';

const repeat = (word: string, count: number): string[] => Array.from({ length: count }, () => word);
/** The corpus of Sennrich et al. 2016; a line break is a word of one byte here, and joins nothing. */
const corpus = [...repeat('low', 5), ...repeat('lower', 2), ...repeat('newest', 6), ...repeat('widest', 3)].join('\n');

const joins = (tokenizer: Tokenizer): string[] => {
  const json = JSON.parse(tokenizer.files()['tokenizer.json'] ?? '') as { model: { merges: string[] } };
  return json.model.merges;
};
const messages = (work: () => unknown): string => {
  try {
    work();
    return 'nothing was thrown';
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
};

describe('trainBytePairs', () => {
  it('learns the joins that counting by hand gives, equal counts in the order of their bytes', () => {
    const tokenizer = trainBytePairs([corpus], { vocabularySize: 1000 });
    expect(joins(tokenizer)).toEqual([
      'e s', // 9 times, as is s t: e comes first
      'es t', // 9
      'l o', // 7, as is o w; w e is down to 2
      'lo w', // 7
      'e w', // 6, as are n e and w est
      'ew est', // 6, as is n ew
      'n ewest', // 6
      'd est', // 3, as are i d and w i
      'i dest', // 3
      'w idest', // 3
      'e r', // 2, as is low e
      'low er', // 2
    ]);
    // 256 bytes, twelve joins, and the end of text; nothing is left that stands twice.
    expect([tokenizer.vocabularySize, tokenizer.endOfText]).toEqual([269, 268]);
    expect([...tokenizer.encode('lowest newer')]).toEqual([259, 257, 32, 110, 260, 266]);
    expect(tokenizer.decode([259, 257, 268])).toBe('lowest<|endoftext|>');
  });

  it('joins from the left where a pair overlaps itself', () => {
    // aaaaa: a a stands four times, is joined twice, and leaves aa aa a.
    expect(joins(trainBytePairs(['aaaaa'], { vocabularySize: 1000, minimumFrequency: 1 }))).toEqual([
      'a a',
      'aa a', // once, as is aa aa: a comes first
      'aa aaa',
    ]);
  });

  it('stops at the size asked for, and at pairs that are too rare', () => {
    expect(joins(trainBytePairs([corpus], { vocabularySize: 260 }))).toEqual(['e s', 'es t', 'l o']);
    expect(joins(trainBytePairs([corpus], { vocabularySize: 1000, minimumFrequency: 7 }))).toHaveLength(4);
    expect(trainBytePairs([corpus], { vocabularySize: 257 }).encode('low')).toHaveLength(3);
  });

  it('depends on the text alone: not on the order of texts, nor on special tokens among them', () => {
    const texts = corpus.split('\n');
    const learnt = joins(trainBytePairs([corpus], { vocabularySize: 1000 }));
    expect(joins(trainBytePairs(texts.toReversed(), { vocabularySize: 1000 }))).toEqual(learnt);
    expect(joins(trainBytePairs([texts.join('<|endoftext|>')], { vocabularySize: 1000 }))).toEqual(learnt);
    const without = trainBytePairs([corpus], { vocabularySize: 1000, specialTokens: [] });
    expect([without.vocabularySize, without.endOfText, joins(without)]).toEqual([268, undefined, learnt]);
  });

  it('divides documents when asked', () => {
    const tokenizer = trainBytePairs([corpus], { vocabularySize: 300, documents: true });
    expect([...tokenizer.encode('low<|endoftext|>low')]).toEqual([259, 268, 259]);
  });

  it('refuses what makes no tokenizer', () => {
    expect(messages(() => trainBytePairs([corpus], { vocabularySize: 256 }))).toBe(
      'vocabulary-size: trainBytePairs: vocabularySize must be a whole number from 257 (256 bytes and 1 special tokens) to 16777216; got 256.',
    );
    expect(messages(() => trainBytePairs([corpus], { vocabularySize: 300, minimumFrequency: 0 }))).toContain('got 0.');
    expect(messages(() => trainBytePairs([corpus], { vocabularySize: 300, specialTokens: ['a', 'a'] }))).toContain(
      'special-tokens: trainBytePairs: special tokens must be distinct and not empty; got "a".',
    );
    expect(messages(() => trainBytePairs(['', '<|endoftext|>'], { vocabularySize: 300 }))).toContain('empty-text');
  });
});

describe('a tokenizer trained on plays', () => {
  const text = readFileSync(new URL('../../../../data/tiny-shakespeare.txt', import.meta.url), 'utf8');
  const [head, tail] = [text.slice(0, 300_000), text.slice(-50_000)];
  let own: Tokenizer;
  let library: Tokenizer;
  beforeAll(async () => {
    own = trainBytePairs([head], { vocabularySize: 2048 });
    library = await jsonTokenizer(own.files());
  });

  it('has as many distinct tokens as asked for, and needs few of them for text that it has not seen', () => {
    expect(own.vocabularySize).toBe(2048);
    const tokens = Array.from({ length: 2047 }, (_, id) => own.decode([97, id, 97]));
    // Tokens that are no whole characters decode to U+FFFD.
    const whole = tokens.filter((token) => !token.includes('\uFFFD'));
    expect(new Set(whole).size).toBe(whole.length);
    expect(own.encode(tail).length).toBeLessThan(tail.length / 2.3);
  });

  it('gives the ids that the library gives from its files, and the same text', () => {
    expect(library.kind).toBe('json');
    expect([library.vocabularySize, library.endOfText]).toEqual([own.vocabularySize, own.endOfText]);
    const ids = own.encode(tail);
    expect(library.encode(tail)).toEqual(ids);
    expect(library.decode(ids)).toBe(tail);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (any) => {
        const encoded = own.encode(any);
        expect([...library.encode(any)]).toEqual([...encoded]);
        expect(own.decode(encoded)).toBe(any);
        expect(library.decode(encoded)).toBe(any);
      }),
    );
  });

  it('is read back as itself, and through the library as soon as its file differs from what would be written', async () => {
    const again = await loadTokenizer(own.files());
    expect([again.kind, again.vocabularySize, again.endOfText]).toEqual(['byte-pairs', 2048, 2047]);
    expect(again.encode(tail)).toEqual(own.encode(tail));
    expect(again.files()).toEqual(own.files());
    const text = own.files()['tokenizer.json'] ?? '';
    const { model, ...rest } = JSON.parse(text) as { model: { merges: string[] } };
    for (const change of [
      { ...rest, model: { ...model, merges: model.merges.toReversed() } },
      { ...rest, model, normalizer: { type: 'Lowercase' } },
    ]) {
      const changed = await loadTokenizer({ ...own.files(), 'tokenizer.json': JSON.stringify(change) });
      expect(changed.kind).toBe('json');
      expect(changed.encode(tail)).not.toEqual(own.encode(tail));
    }
    const config = JSON.stringify({ eos_token: 'the' });
    expect((await loadTokenizer({ ...own.files(), 'tokenizer_config.json': config })).kind).toBe('json');
  });

  it('agrees with the library on what is white space, and keeps special tokens in a text as text', () => {
    for (const some of ['a\uFEFF b', ' \u0085a\u0085 b', '\u00a0\u2003 x  \n\n\ty', 'the<|endoftext|>king']) {
      expect([...library.encode(some)]).toEqual([...own.encode(some)]);
      expect(library.encode(some)).not.toContain(own.endOfText);
      expect(library.decode(library.encode(some))).toBe(some);
    }
  });
});
