import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteTokenizer } from './byte-tokenizer.ts';
import { characterTokenizer } from './character-tokenizer.ts';
import { gpt2Tokenizer } from './gpt2-tokenizer.ts';
import { loadTokenizer } from './load-tokenizer.ts';
import { checkTokens } from './stream-decoder.ts';
import type { Tokenizer } from './tokenizer.ts';

const tricky = "It's déjà vu —\n\n\t  3.14 日本語 👩‍👩‍👧 <|endoftext|> don't\r\n\uFEFF";
const streamed = (tokenizer: Tokenizer, ids: ArrayLike<number>): string => {
  const decoder = tokenizer.decoder();
  return Array.from(ids, (id) => decoder.push(id)).join('') + decoder.end();
};

describe.each([
  ['gpt2', gpt2Tokenizer],
  ['byte', async () => byteTokenizer()],
  ['character', async () => characterTokenizer(tricky)],
])('%s tokenizer', (kind, make) => {
  it('gives back what it was given, whole and streamed', async () => {
    const tokenizer = await make();
    for (const text of ['', 'd', tricky]) {
      const ids = tokenizer.encode(text);
      checkTokens(ids, tokenizer.vocabularySize);
      expect(tokenizer.decode(ids)).toBe(text);
      expect(streamed(tokenizer, ids)).toBe(text);
    }
  });

  it('is made again from its files', async () => {
    const tokenizer = await make();
    const again = await loadTokenizer(tokenizer.files());
    expect([again.kind, again.vocabularySize, again.endOfText]).toEqual([
      kind,
      tokenizer.vocabularySize,
      tokenizer.endOfText,
    ]);
    expect(again.encode(tricky)).toEqual(tokenizer.encode(tricky));
  });

  it('refuses ids outside the vocabulary', async () => {
    const tokenizer = await make();
    const wrong = tokenizer.vocabularySize;
    expect(() => tokenizer.decode([0, wrong])).toThrow(`id ${wrong}, outside the vocabulary of ${wrong}`);
    for (const id of [-1, 0.5, Number.NaN]) expect(() => tokenizer.decode([id])).toThrow('outside the vocabulary');
  });
});

describe('gpt2 tokenizer', () => {
  // Made with the published vocab.json and merges.txt by joining the first pair of merges.txt that occurs, again and again.
  const published: readonly (readonly [string, readonly number[]])[] = [
    ['', []],
    ['a', [64]],
    ['Hello, world!', [15496, 11, 995, 0]],
    [
      "I'm sure they'll've gone; it's we'd DON'T",
      [40, 1101, 1654, 484, 1183, 1053, 3750, 26, 340, 338, 356, 1549, 23917, 6, 51],
    ],
    ['  two  spaces   ', [220, 734, 220, 9029, 220, 220, 220]],
    ['\n\n\nline\r\n\ttab \n ', [628, 198, 1370, 201, 198, 197, 8658, 220, 198, 220]],
    ['👩‍👩‍👧‍👦', [41840, 102, 447, 235, 41840, 102, 447, 235, 41840, 100, 447, 235, 41840, 99]],
    [
      '東京は日本の首都です。',
      [30266, 109, 12859, 105, 31676, 33768, 98, 17312, 105, 33426, 99, 244, 32849, 121, 30640, 33623, 16764],
    ],
    ['한국어 텍스트', [47991, 250, 166, 113, 255, 168, 244, 112, 220, 169, 227, 235, 168, 232, 97, 169, 232, 116]],
    ['naïve café', [2616, 38776, 40304]],
    ['\uFEFFBOM here', [171, 119, 123, 33, 2662, 994]],
    ['x\u00a0y\u2003z', [87, 1849, 88, 447, 225, 89]],
    ['1234567890 3.14159', [10163, 2231, 30924, 3829, 513, 13, 1415, 19707]],
    ['\u0000\u0001\u007f', [188, 189, 221]],
    ['constructor __proto__ toString', [41571, 273, 11593, 1676, 1462, 834, 284, 10100]],
    ['’s ’t', [447, 247, 82, 564, 247, 83]],
    ['<|endoftext|>', [27, 91, 437, 1659, 5239, 91, 29]],
  ];
  it.each(published)('gives the published ids of %j', async (text, ids) => {
    expect([...(await gpt2Tokenizer()).encode(text)]).toEqual(ids);
  });

  it('takes what Unicode calls white space for spaces, and nothing else', async () => {
    const tokenizer = await gpt2Tokenizer();
    // White space leaves its last space to the word after it. The byte order mark is such a word, and U+0085 is not.
    expect([...tokenizer.encode('  \uFEFF')]).toEqual([220, ...tokenizer.encode(' \uFEFF')]);
    expect([...tokenizer.encode(' \u0085a')]).toEqual([220, ...tokenizer.encode('\u0085'), 64]);
    expect([...tokenizer.encode('\u0085 a')]).toEqual([...tokenizer.encode('\u0085'), ...tokenizer.encode(' a')]);
  });

  it('round-trips any text', async () => {
    const tokenizer = await gpt2Tokenizer();
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(streamed(tokenizer, tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  it('encodes a word of 200,000 letters in a second or so', async () => {
    const tokenizer = await gpt2Tokenizer();
    const started = performance.now();
    expect(tokenizer.encode('─'.repeat(200_000)).length).toBe(25_000);
    expect(tokenizer.decode(tokenizer.encode('ab'.repeat(100_000)))).toBe('ab'.repeat(100_000));
    expect(performance.now() - started).toBeLessThan(15_000); // a list without a heap takes minutes
  });

  it('holds back an unfinished character, and says at the end what never became one', async () => {
    const decoder = (await gpt2Tokenizer()).decoder();
    expect([decoder.push(33768), decoder.push(98), decoder.end()]).toEqual(['', '日', '']);
    expect([decoder.push(33768), decoder.push(64), decoder.push(33768), decoder.end()]).toEqual([
      '',
      '\uFFFDa',
      '',
      '\uFFFD',
    ]);
  });
});

describe('documents', () => {
  it('are divided by the end-of-text token only when asked', async () => {
    const [gpt2, byte] = [await gpt2Tokenizer({ documents: true }), byteTokenizer({ documents: true })];
    expect([...gpt2.encode('a<|endoftext|>b')]).toEqual([64, 50256, 65]);
    expect([...byte.encode('<|endoftext|>a<|endoftext|>')]).toEqual([256, 97, 256]);
    expect(byte.decode([256, 0xe6, 256])).toBe('<|endoftext|>\uFFFD<|endoftext|>');
    expect(gpt2.decode([64, 50256])).toBe('a<|endoftext|>');
    expect([...byteTokenizer().encode('<|endoftext|>')]).toHaveLength(13);
  });
});

describe('character tokenizer', () => {
  it('numbers the distinct code points in order', () => {
    const tokenizer = characterTokenizer('b😀a b');
    expect(tokenizer.vocabularySize).toBe(4);
    expect([...tokenizer.encode(' ab😀')]).toEqual([0, 1, 2, 3]);
  });

  it('names a character that it does not know, its code point and its place', () => {
    const encode = () => characterTokenizer('abc😀').encode('a😀zc');
    expect(encode).toThrow('character 2 of the text, "z" (U+007A), is not among the 4 characters');
    expect(encode).toThrow(expect.objectContaining({ code: 'unknown-character', name: 'DataError' }));
  });

  it('needs a text', () => {
    expect(() => characterTokenizer('')).toThrow(expect.objectContaining({ code: 'empty-text' }));
  });
});

describe('checkTokens', () => {
  it('names the first bad token, its place and the vocabulary', () => {
    checkTokens([], 1);
    checkTokens([0, 49], 50);
    expect(() => checkTokens([1, 2, 99, -1], 50, 'train')).toThrow(
      'train: token 2 has id 99, outside the vocabulary of 50',
    );
    expect(() => checkTokens([1.5], 50)).toThrow('token 0 has id 1.5');
  });
});
