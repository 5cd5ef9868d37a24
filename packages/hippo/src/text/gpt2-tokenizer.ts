// GPT-2's tokenizer (Radford et al. 2019): text is cut into words by one pattern, and each word's UTF-8 bytes into byte pairs.
// The ranks come from the package gpt-tokenizer, loaded on first use; ids are those of GPT-2: 50,256 ranks, then end of text.
import { encodeWord, type Ranks } from './byte-pairs.ts';
import { byteStreamDecoder, checkTokens, decodeAll } from './stream-decoder.ts';
import { type DocumentOptions, encodeDocuments, endOfTextMark, type Tokenizer, tokenizerConfig } from './tokenizer.ts';

/** `tokenizer_class` of a GPT-2 tokenizer's folder. */
export const gpt2TokenizerClass = 'GPT2Tokenizer';

const endOfText = 50256;

// Contractions, letters, digits, the rest, spaces up to the one before a word, spaces. White_Space and not \s, which in JavaScript
// takes the byte order mark for a space and leaves out U+0085.
const word =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Words whose tokens are remembered; the most of a text is few words. */
const rememberedWords = 50_000;
const longestRemembered = 64;

interface Table {
  readonly ranks: Ranks;
  /** Bytes by id. */
  readonly bytes: readonly Uint8Array[];
}

let table: Promise<Table> | undefined;

async function loadTable(): Promise<Table> {
  const { default: entries } = await import('gpt-tokenizer/bpeRanks/r50k_base');
  const utf8 = new TextEncoder();
  const bytes = entries.map((entry) => (typeof entry === 'string' ? utf8.encode(entry) : Uint8Array.from(entry)));
  return { bytes, ranks: new Map(bytes.map((token, rank) => [byteString(token), rank])) };
}

/** One character a byte. In pieces, since a call cannot take arguments without limit. */
function byteString(bytes: Uint8Array): string {
  let text = '';
  for (let start = 0; start < bytes.length; start += 4096) {
    text += String.fromCharCode(...bytes.subarray(start, start + 4096));
  }
  return text;
}

/** The tokens' bytes by id, without the end of text, as `vocab.json` orders them. */
export async function gpt2TokenBytes(): Promise<readonly Uint8Array[]> {
  table ??= loadTable();
  return (await table).bytes;
}

/** GPT-2's tokenizer, 50,257 tokens. Half a surrogate pair is encoded as U+FFFD. */
export async function gpt2Tokenizer({ documents = false }: DocumentOptions = {}): Promise<Tokenizer> {
  table ??= loadTable();
  const { ranks, bytes } = await table;
  const utf8 = new TextEncoder();
  const mark = utf8.encode(endOfTextMark);
  const remembered = new Map<string, readonly number[]>();
  const tokensOf = (text: string): readonly number[] => {
    const known = remembered.get(text);
    if (known) return known;
    const tokens = encodeWord(byteString(utf8.encode(text)), ranks);
    if (remembered.size >= rememberedWords) remembered.clear();
    if (text.length <= longestRemembered) remembered.set(text, tokens);
    return tokens;
  };
  const encodePart = (text: string): number[] => {
    const ids: number[] = [];
    for (const [match] of text.matchAll(word)) for (const id of tokensOf(match)) ids.push(id);
    return ids;
  };
  const bytesOf = (id: number): Uint8Array => {
    checkTokens([id], endOfText + 1, 'decode');
    return bytes[id] ?? mark;
  };
  const decoder = () => byteStreamDecoder(bytesOf);
  return {
    kind: 'gpt2',
    vocabularySize: endOfText + 1,
    endOfText,
    encode: (text) => Int32Array.from(documents ? encodeDocuments(text, endOfText, encodePart) : encodePart(text)),
    decode: (ids) => decodeAll(ids, decoder()),
    decoder,
    files: () => ({ 'tokenizer_config.json': tokenizerConfig(gpt2TokenizerClass, specialTokens) }),
  };
}

const specialTokens = {
  bos_token: endOfTextMark,
  eos_token: endOfTextMark,
  unk_token: endOfTextMark,
  add_prefix_space: false,
};
