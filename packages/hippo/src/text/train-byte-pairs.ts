// Learning byte pairs from text (Sennrich et al. 2016, on bytes as in GPT-2): begin with the 256 bytes, and again and again make the
// commonest pair of neighbours inside a word a token. Pairs are counted once; a join only changes the counts beside it, and a heap
// finds the next pair, so that the cost is that of the places that change. Equal counts are decided by the pair's bytes: the result
// depends on the text alone.
import { DataError, UsageError } from '../errors.ts';
import { bytePairFiles } from './byte-pair-files.ts';
import { bytePairTable, bytePairTokenizer, byteString } from './byte-pair-tokenizer.ts';
import { PairCounts } from './pair-counts.ts';
import { type DocumentOptions, endOfTextMark, type Tokenizer } from './tokenizer.ts';
import { matchWords } from './words.ts';

/** `tokenizer_class` of a trained tokenizer's folder: the class of other tools that reads any `tokenizer.json`. */
export const jsonTokenizerClass = 'PreTrainedTokenizerFast';

export interface TrainBytePairsOptions extends DocumentOptions {
  /** Tokens in the end: 256 bytes, the joins, and the special tokens. Fewer when no pair is common enough. */
  readonly vocabularySize: number;
  /** Tokens that no text is encoded as; the first stands between documents. Default: `<|endoftext|>`. */
  readonly specialTokens?: readonly string[];
  /** A pair that stands in the texts less often is not joined. Default 2. */
  readonly minimumFrequency?: number;
  /** Called after every join with the tokens so far. */
  readonly onToken?: (tokens: number) => void;
}

const byteCount = 256;

/**
 * Learns a byte-level byte-pair tokenizer. Special tokens that stand in the texts divide them and are not learnt from.
 * Ids: bytes 0–255, joins in the order learnt, special tokens.
 * @throws UsageError `vocabulary-size`, `minimum-frequency`, `special-tokens`; DataError `empty-text`.
 */
export function trainBytePairs(texts: Iterable<string>, options: TrainBytePairsOptions): Tokenizer {
  const { vocabularySize, specialTokens = [endOfTextMark], minimumFrequency = 2, documents = false, onToken } = options;
  checkOptions(vocabularySize, specialTokens, minimumFrequency);
  const words = countWords(texts, specialTokens);
  if (words.size === 0) {
    throw new DataError('empty-text', 'trainBytePairs: the texts hold no word to learn from. Give some text.');
  }
  const tokens = Array.from({ length: byteCount }, (_, byte) => String.fromCharCode(byte));
  const counts = new PairCounts(words, tokens);
  while (tokens.length + specialTokens.length < vocabularySize) {
    const pair = counts.commonest();
    if (pair === undefined || pair.count < minimumFrequency) break;
    counts.join(pair);
    onToken?.(tokens.length + specialTokens.length);
  }
  const bytes = tokens.map((token) => Uint8Array.from(token, (letter) => letter.charCodeAt(0)));
  const table = bytePairTable(bytes, specialTokens);
  return bytePairTokenizer(table, {
    documents,
    kind: 'byte-pairs',
    files: () => bytePairFiles(table, { tokenizerClass: jsonTokenizerClass }),
  });
}

/** How often each word stands in the texts, as strings of one character a byte. */
function countWords(texts: Iterable<string>, specialTokens: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const part of splitAt(text, specialTokens)) {
      for (const [word = ''] of matchWords(part)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  const utf8 = new TextEncoder();
  // Words that differ only in half a surrogate pair have the same bytes.
  const result = new Map<string, number>();
  for (const [word, count] of counts) {
    const bytes = byteString(utf8.encode(word));
    result.set(bytes, (result.get(bytes) ?? 0) + count);
  }
  return result;
}

function splitAt(text: string, marks: readonly string[]): string[] {
  let parts = [text];
  for (const mark of marks) parts = parts.flatMap((part) => part.split(mark));
  return parts;
}

function checkOptions(vocabularySize: number, specialTokens: readonly string[], minimumFrequency: number): void {
  const least = byteCount + specialTokens.length;
  // Two ids have to fit into one exact number, see pair-counts.ts.
  if (!Number.isInteger(vocabularySize) || vocabularySize < least || vocabularySize > 2 ** 24) {
    throw new UsageError(
      'vocabulary-size',
      `trainBytePairs: vocabularySize must be a whole number from ${least} (256 bytes and ${specialTokens.length} special tokens) to ${2 ** 24}; got ${vocabularySize}.`,
      { vocabularySize, least },
    );
  }
  if (!Number.isInteger(minimumFrequency) || minimumFrequency < 1) {
    throw new UsageError(
      'minimum-frequency',
      `trainBytePairs: minimumFrequency must be a whole number of at least 1; got ${minimumFrequency}.`,
      { minimumFrequency },
    );
  }
  const wrong = specialTokens.find((token, place) => token === '' || specialTokens.indexOf(token) !== place);
  if (wrong === undefined) return;
  throw new UsageError(
    'special-tokens',
    `trainBytePairs: special tokens must be distinct and not empty; got ${JSON.stringify(wrong)}.`,
    { token: wrong },
  );
}
