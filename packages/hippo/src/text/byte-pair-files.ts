// The files of a byte-pair tokenizer of ours, for `loadTokenizer` and for other tools: `tokenizer.json` and `tokenizer_config.json`.
import { toLetters } from './byte-letters.ts';
import { type BytePairTable, byteString } from './byte-pair-tokenizer.ts';
import { lastJoin } from './byte-pairs.ts';
import { tokenizerConfig } from './tokenizer.ts';
import { tokenizerJson } from './tokenizer-json.ts';

/** The joins of a table in order, as lines of `merges.txt`. A table holds only their results, so that each is worked out again. */
export function mergesOf({ tokens, ranks }: BytePairTable): string[] {
  const letters = tokens.map(toLetters);
  return tokens
    .filter((token) => token.length > 1)
    .map((token) => {
      const [first, second] = lastJoin(byteString(token), ranks);
      return `${letters[first]} ${letters[second]}`;
    });
}

/** Ids by letters, special tokens as they are. */
export function vocabularyOf({ tokens, specialTokens }: BytePairTable): Record<string, number> {
  return Object.fromEntries([...tokens.map(toLetters), ...specialTokens].map((token, id) => [token, id]));
}

/** @param tokenizerClass the class that other tools read the folder with. */
export function bytePairFiles(
  table: BytePairTable,
  {
    tokenizerClass,
    merges = mergesOf(table),
  }: { readonly tokenizerClass: string; readonly merges?: readonly string[] },
): Record<string, string> {
  const [endOfText] = table.specialTokens;
  const added = table.specialTokens.map((content, place) => ({
    id: table.tokens.length + place,
    content,
    special: true,
  }));
  return {
    'tokenizer.json': `${JSON.stringify(tokenizerJson({ vocabulary: vocabularyOf(table), merges, added }))}\n`,
    'tokenizer_config.json': tokenizerConfig(tokenizerClass, {
      ...(endOfText !== undefined && { bos_token: endOfText, eos_token: endOfText, unk_token: endOfText }),
      add_prefix_space: false,
      clean_up_tokenization_spaces: false,
    }),
  };
}
