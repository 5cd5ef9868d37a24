// A byte-level byte-pair tokenizer over a table of tokens in the order of their joining (Sennrich et al. 2016; GPT-2): text is cut
// into words, and the bytes of a word are joined by rank. Ids are the ranks, then the special tokens.
import { encodeWord, type Ranks } from './byte-pairs.ts';
import { byteStreamDecoder, checkTokens, decodeAll } from './stream-decoder.ts';
import { type DocumentOptions, encodeDocuments, type Tokenizer } from './tokenizer.ts';
import { matchWords } from './words.ts';

export interface BytePairTable {
  /** The bytes of every token by its rank: single bytes, then joins, each of two tokens before it. */
  readonly tokens: readonly Uint8Array[];
  /** Ranks by bytes, one character a byte. */
  readonly ranks: Ranks;
  /** Tokens that no text is encoded as; the first one stands between documents. */
  readonly specialTokens: readonly string[];
}

export interface BytePairOptions extends DocumentOptions, Pick<Tokenizer, 'kind' | 'files'> {}

/** Words whose tokens are remembered; the most of a text is few words. */
const rememberedWords = 50_000;
const longestRemembered = 64;

/** The table of these tokens. */
export function bytePairTable(tokens: readonly Uint8Array[], specialTokens: readonly string[]): BytePairTable {
  return { tokens, specialTokens, ranks: new Map(tokens.map((token, rank) => [byteString(token), rank])) };
}

/** One character a byte. In pieces, since a call cannot take arguments without limit. */
export function byteString(bytes: Uint8Array): string {
  let text = '';
  for (let start = 0; start < bytes.length; start += 4096) {
    text += String.fromCharCode(...bytes.subarray(start, start + 4096));
  }
  return text;
}

/** A tokenizer over the table. Half a surrogate pair is encoded as U+FFFD. */
export function bytePairTokenizer(
  { tokens, ranks, specialTokens }: BytePairTable,
  { kind, files, documents = false }: BytePairOptions,
): Tokenizer {
  const utf8 = new TextEncoder();
  const vocabularySize = tokens.length + specialTokens.length;
  const endOfText = specialTokens.length > 0 ? tokens.length : undefined;
  const specialBytes = specialTokens.map((token) => utf8.encode(token));
  const remembered = new Map<string, readonly number[]>();
  const tokensOf = (word: string): readonly number[] => {
    const known = remembered.get(word);
    if (known) return known;
    const found = encodeWord(byteString(utf8.encode(word)), ranks);
    if (remembered.size >= rememberedWords) remembered.clear();
    if (word.length <= longestRemembered) remembered.set(word, found);
    return found;
  };
  const encodePart = (text: string): number[] => {
    const ids: number[] = [];
    for (const [word = ''] of matchWords(text)) for (const id of tokensOf(word)) ids.push(id);
    return ids;
  };
  const bytesOf = (id: number): Uint8Array => {
    checkTokens([id], vocabularySize, 'decode');
    return tokens[id] ?? specialBytes[id - tokens.length] ?? new Uint8Array();
  };
  const decoder = () => byteStreamDecoder(bytesOf);
  return {
    kind,
    vocabularySize,
    ...(endOfText !== undefined && { endOfText }),
    encode: (text) =>
      Int32Array.from(
        documents && endOfText !== undefined ? encodeDocuments(text, endOfText, encodePart) : encodePart(text),
      ),
    decode: (ids) => decodeAll(ids, decoder()),
    decoder,
    files,
  };
}
