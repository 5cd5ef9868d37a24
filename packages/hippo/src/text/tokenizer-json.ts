// Writing the ecosystem's `tokenizer.json` for a byte-level byte-pair tokenizer: added tokens, the cut into words, the vocabulary in
// letters and the joins in order. Reading is left to the ecosystem's own library, see json-tokenizer.ts.
import { wordPattern } from './words.ts';

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Never the encoding of a text. */
  readonly special: boolean;
}

export interface BytePairFile {
  /** Ids by the letters of the token. */
  readonly vocabulary: Readonly<Record<string, number>>;
  /** The joins in order, each `first second` in letters, as lines of `merges.txt`. */
  readonly merges: readonly string[];
  readonly added: readonly AddedToken[];
  /** A text begins as if a space stood before it. Default false. */
  readonly addPrefixSpace?: boolean;
}

/** The content of a `tokenizer.json`, as a plain object. */
export function tokenizerJson({ vocabulary, merges, added, addPrefixSpace = false }: BytePairFile) {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.map((token) => ({
      ...token,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: null,
    pre_tokenizer: addPrefixSpace ? { ...byteLevel, add_prefix_space: true, use_regex: true } : splitByPattern,
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: vocabulary,
      merges,
    },
  };
}

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };

// The pattern is spelt out, since readers in JavaScript differ in what \s means when they bring their own.
const splitByPattern = {
  type: 'Sequence',
  pretokenizers: [{ type: 'Split', pattern: { Regex: wordPattern }, behavior: 'Isolated', invert: false }, byteLevel],
};
