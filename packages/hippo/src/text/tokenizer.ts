// What every tokenizer offers: text to token ids and back, whole or token by token, and the files that a model folder keeps of it.
// Kinds: GPT-2's byte pairs, byte pairs trained on one's own text, the characters of one text, plain bytes, and whatever a
// `tokenizer.json` describes.

/** Turns tokens into text as they come. A character that is spread over several tokens is held back until it is whole. */
export interface StreamDecoder {
  /** The text that is certain after this token; may be empty. @throws DataError `token-out-of-range`. */
  push(id: number): string;
  /** What is still held back: bytes that never became a character are U+FFFD. The decoder starts afresh. */
  end(): string;
}

export interface Tokenizer {
  /** `none`: the model came without a tokenizer, and text is refused with the reason (no-tokenizer.ts). */
  readonly kind: 'gpt2' | 'byte-pairs' | 'character' | 'byte' | 'json' | 'none';
  /** Ids are 0 to `vocabularySize − 1`. */
  readonly vocabularySize: number;
  /** The token between documents, where there is one. */
  readonly endOfText?: number;
  /** @throws DataError `unknown-character`: what the tokenizer has no token for. Byte-level ones have one for everything. */
  encode(text: string): Int32Array;
  /** The text of these tokens, as one stream decoder gives it. @throws DataError `token-out-of-range`. */
  decode(ids: ArrayLike<number>): string;
  decoder(): StreamDecoder;
  /** File name to content, for `loadTokenizer`. */
  files(): Readonly<Record<string, string>>;
}

/** How the end of a document is written in text. */
export const endOfTextMark = '<|endoftext|>';

export interface DocumentOptions {
  /**
   * Texts are documents divided by `<|endoftext|>`, and each of these marks becomes the token `endOfText`.
   * Default false: the mark is text like any other.
   */
  readonly documents?: boolean;
}

/** Encodes a text whose marks between documents become the token `endOfText`. */
export function encodeDocuments(text: string, endOfText: number, encodePart: (part: string) => number[]): number[] {
  const [first = '', ...rest] = text.split(endOfTextMark);
  return [encodePart(first), ...rest.map((part) => [endOfText, ...encodePart(part)])].flat();
}

/** The content of a `tokenizer_config.json`. */
export function tokenizerConfig(tokenizerClass: string, settings: Readonly<Record<string, unknown>> = {}): string {
  return `${JSON.stringify({ tokenizer_class: tokenizerClass, ...settings }, undefined, 2)}\n`;
}
