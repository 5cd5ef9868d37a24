// `tokenizer.json` files of other kinds than byte pairs, small ones written here: streaming gives the text that decoding gives.
import { describe, expect, it } from 'vitest';
import { jsonTokenizer } from './json-tokenizer.ts';
import { loadTokenizer } from './load-tokenizer.ts';

const added = (id: number, content: string, special = true) => ({
  id,
  content,
  special,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
});

/** Words after ▁, and bytes for what is no word, as SentencePiece models have. */
const sentencePiece = {
  version: '1.0',
  added_tokens: [added(0, '<unk>'), added(1, '<s>'), added(2, '</s>'), added(270, '[tool]', false)],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  pre_tokenizer: null,
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
  },
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'BPE',
    unk_token: '<unk>',
    fuse_unk: true,
    byte_fallback: true,
    vocab: {
      '<unk>': 0,
      '<s>': 1,
      '</s>': 2,
      ...Object.fromEntries(
        Array.from({ length: 256 }, (_, byte) => [`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, byte + 3]),
      ),
      '▁': 259,
      a: 260,
      b: 261,
      ab: 262,
      '▁ab': 263,
      '▁a': 264,
    },
    merges: ['a b', '▁ ab', '▁ a'],
  },
};

/** Pieces of words, where a space stands before what does not go on with ##. */
const wordPieces = {
  added_tokens: [added(0, '[UNK]')],
  normalizer: null,
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: null,
  decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: { '[UNK]': 0, play: 1, '##ing': 2, '##s': 3, it: 4, '.': 5 },
  },
};

const load = (json: unknown, config: unknown = {}) =>
  jsonTokenizer({ 'tokenizer.json': JSON.stringify(json), 'tokenizer_config.json': JSON.stringify(config) });

describe('words after ▁', () => {
  it('encodes the text alone, without the tokens that a template puts around it', async () => {
    const tokenizer = await load(sentencePiece, { eos_token: { content: '</s>' } });
    expect([tokenizer.kind, tokenizer.vocabularySize, tokenizer.endOfText]).toEqual(['json', 271, 2]);
    expect([...tokenizer.encode('ab a')]).toEqual([263, 264]);
    expect([...tokenizer.encode('ab[tool]')]).toEqual([263, 270]);
    // A special token in a text is text.
    expect(tokenizer.encode('</s>')).not.toContain(2);
    expect(tokenizer.decode(tokenizer.encode('ab</s> a'))).toBe('ab</s> a');
  });

  it('streams spaces, characters from several byte tokens, and special tokens', async () => {
    const tokenizer = await load(sentencePiece);
    const decoder = tokenizer.decoder();
    const ids = [263, 264, ...[0xe6, 0x97, 0xa5].map((byte) => byte + 3), 260, 2, 263];
    expect(ids.map((id) => decoder.push(id))).toEqual(['ab', ' a', '', '', '日', 'a', '</s>', 'ab']);
    expect(decoder.end()).toBe('');
    expect([decoder.push(0xe6 + 3), decoder.end(), decoder.push(260)]).toEqual(['', '\uFFFD', 'a']);
    // Bytes that never become a character.
    expect([0xe6, 0xe6, 0x61].map((byte) => decoder.push(byte + 3)).join('')).toBe('\uFFFD\uFFFDa');
    for (const text of ['ab ab  a', '日本 ab語', 'b\n\tb', '👩‍👩‍👧 a'])
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it('divides documents by the mark only when asked', async () => {
    const files = {
      'tokenizer.json': JSON.stringify(sentencePiece),
      'tokenizer_config.json': JSON.stringify({ eos_token: '</s>' }),
    };
    const tokenizer = await loadTokenizer(files, { documents: true });
    expect([...tokenizer.encode('ab<|endoftext|>a')]).toEqual([263, 2, 264]);
    expect((await loadTokenizer(files)).encode('ab<|endoftext|>a')).not.toContain(2);
  });
});

describe('pieces of words', () => {
  it('streams what it decodes', async () => {
    const tokenizer = await load(wordPieces);
    const decoder = tokenizer.decoder();
    expect([1, 2, 4, 3, 5].map((id) => decoder.push(id))).toEqual(['play', 'ing', ' it', 's', ' .']);
    expect(tokenizer.decode([1, 2, 4, 5])).toBe('playing it .');
    expect([...tokenizer.encode('playing it')]).toEqual([1, 2, 4]);
  });
});

describe('a tokenizer.json', () => {
  it('is kept as it was in files()', async () => {
    const files = {
      'tokenizer.json': `${JSON.stringify(wordPieces)} `,
      'tokenizer_config.json': '{"tokenizer_class":"BertTokenizer"}',
    };
    const tokenizer = await loadTokenizer({ ...files, 'vocab.json': undefined });
    expect(tokenizer.files()).toEqual(files);
    expect((await loadTokenizer({ 'tokenizer.json': files['tokenizer.json'] })).files()).toEqual({
      'tokenizer.json': files['tokenizer.json'],
    });
  });

  it('names what it has no token for, where it has none for the unknown', async () => {
    const model = { type: 'WordLevel', vocab: { play: 0, it: 1 } };
    const tokenizer = await load({ ...wordPieces, added_tokens: [], model });
    expect([...tokenizer.encode('play it')]).toEqual([0, 1]);
    expect(() => tokenizer.encode('play it well')).toThrow('token 2 of the text is not in the vocabulary');
  });

  it('gives U+FFFD for ids without a token, and refuses ids outside', async () => {
    const gap = { ...wordPieces, added_tokens: [added(0, '[UNK]'), added(9, '[PAD]')] };
    const tokenizer = await load(gap);
    expect([tokenizer.vocabularySize, tokenizer.decode([4, 7, 9])]).toEqual([10, 'it\uFFFD[PAD]']);
    expect(() => tokenizer.decode([10])).toThrow('outside the vocabulary of 10');
  });

  it.each([
    ['{}', 'tokenizer-json', 'must be a tokenizer that @huggingface/tokenizers can read'],
    [JSON.stringify({ ...wordPieces, model: { type: 'Nope', vocab: {} } }), 'tokenizer-json', 'can read'],
    [JSON.stringify({ ...wordPieces, added_tokens: [{ id: 'x' }] }), 'tokenizer-json', 'got {"id":"x"}'],
    ['{', 'tokenizer-json', 'got no JSON'],
  ])('is refused when it is none: %s', async (text, code, sentence) => {
    const failure = await loadTokenizer({ 'tokenizer.json': text }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'CheckpointError', code });
    expect(String(failure)).toContain(sentence);
  });
});
