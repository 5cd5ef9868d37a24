// Text as its UTF-8 bytes: ids 0 to 255, and 256 between documents. Encodes anything; the data sets of bytes use it.
import { byteStreamDecoder, checkTokens, decodeAll } from './stream-decoder.ts';
import { type DocumentOptions, encodeDocuments, endOfTextMark, type Tokenizer, tokenizerConfig } from './tokenizer.ts';

/** `tokenizer_class` of a byte tokenizer's folder. */
export const byteTokenizerClass = 'HippoByteTokenizer';

const endOfText = 256;
const vocabularySize = 257;

/** 257 tokens: every byte, and the end of text. Half a surrogate pair is encoded as U+FFFD. */
export function byteTokenizer({ documents = false }: DocumentOptions = {}): Tokenizer {
  const utf8 = new TextEncoder();
  const mark = utf8.encode(endOfTextMark);
  const bytesOf = (id: number): Uint8Array => {
    checkTokens([id], vocabularySize, 'decode');
    return id === endOfText ? mark : Uint8Array.of(id);
  };
  const encodePart = (text: string): number[] => Array.from(utf8.encode(text));
  const decoder = () => byteStreamDecoder(bytesOf);
  return {
    kind: 'byte',
    vocabularySize,
    endOfText,
    encode: (text) => Int32Array.from(documents ? encodeDocuments(text, endOfText, encodePart) : utf8.encode(text)),
    decode: (ids) => decodeAll(ids, decoder()),
    decoder,
    files: () => ({ 'tokenizer_config.json': tokenizerConfig(byteTokenizerClass) }),
  };
}
