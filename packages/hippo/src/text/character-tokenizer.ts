// One token a character: the alphabet is the distinct code points of a text, in code point order.
import { DataError } from '../errors.ts';
import { checkTokens, decodeAll } from './stream-decoder.ts';
import { type StreamDecoder, type Tokenizer, tokenizerConfig } from './tokenizer.ts';

/** `tokenizer_class` of a character tokenizer's folder. */
export const characterTokenizerClass = 'HippoCharacterTokenizer';

/**
 * A tokenizer over the distinct characters (code points) of `text`.
 * Encoding a character that is not among them is a DataError `unknown-character` with the character and its place.
 * @throws DataError `empty-text` when there is no character.
 */
export function characterTokenizer(text: string): Tokenizer {
  const alphabet = distinctCodePoints(text).map((codePoint) => String.fromCodePoint(codePoint));
  if (alphabet.length === 0) {
    throw new DataError(
      'empty-text',
      'character tokenizer: the alphabet is taken from a text; the text is empty. Give the training text.',
    );
  }
  const ids = new Map(alphabet.map((character, id) => [character, id]));
  const decoder = (): StreamDecoder => ({
    push(id) {
      checkTokens([id], alphabet.length, 'decode');
      return alphabet[id] ?? '';
    },
    end: () => '',
  });
  return {
    kind: 'character',
    vocabularySize: alphabet.length,
    encode: (given) => encodeCharacters(given, ids),
    decode: (tokens) => decodeAll(tokens, decoder()),
    decoder,
    files: () => ({
      'tokenizer_config.json': tokenizerConfig(characterTokenizerClass),
      'vocab.json': `${JSON.stringify(Object.fromEntries(ids))}\n`,
    }),
  };
}

function distinctCodePoints(text: string): number[] {
  const seen = new Set<number>();
  for (const character of text) seen.add(character.codePointAt(0) ?? 0);
  return [...seen].sort((a, b) => a - b);
}

function encodeCharacters(text: string, ids: ReadonlyMap<string, number>): Int32Array {
  // As many code units as there are, which is at least as many as characters.
  const result = new Int32Array(text.length);
  let count = 0;
  for (const character of text) {
    const id = ids.get(character);
    if (id === undefined) throw unknownCharacter(character, count, ids.size);
    result[count++] = id;
  }
  return result.slice(0, count);
}

function unknownCharacter(character: string, position: number, size: number): DataError {
  const codePoint = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  return new DataError(
    'unknown-character',
    `character tokenizer: character ${position} of the text, ${JSON.stringify(character)} (${codePoint}), is not among the ${size} characters of the training text. Remove or replace it, or train on a text that has it.`,
    { character, codePoint, position },
  );
}
