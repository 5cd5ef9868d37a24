// Reading back a tokenizer that was trained here. Its files are in the common format, and the library that reads any such file reads
// them too; but a tokenizer of ours encodes some twenty times as fast, so that it is taken where the file is what we would write.
import { fromLetters } from './byte-letters.ts';
import { bytePairFiles } from './byte-pair-files.ts';
import { bytePairTable, bytePairTokenizer } from './byte-pair-tokenizer.ts';
import type { DocumentOptions, Tokenizer } from './tokenizer.ts';
import { isJsonObject, jsonObject, optionalJsonObject, type TokenizerFiles, tokenContent } from './tokenizer-files.ts';
import { jsonTokenizerClass } from './train-byte-pairs.ts';

/** The tokenizer of these files; undefined unless they are to the letter what `trainBytePairs` gives for this vocabulary. */
export function readBytePairs(files: TokenizerFiles, { documents = false }: DocumentOptions): Tokenizer | undefined {
  const { model, added_tokens: added } = jsonObject(files, 'tokenizer.json');
  if (!isJsonObject(model) || !isJsonObject(model.vocab) || !Array.isArray(added)) return undefined;
  const specialTokens = added.flatMap((token) => tokenContent(token) ?? []);
  if (tokenContent(optionalJsonObject(files, 'tokenizer_config.json').eos_token) !== specialTokens[0]) return undefined;
  const special = new Set(specialTokens);
  const tokens: Uint8Array[] = [];
  for (const [token, id] of Object.entries(model.vocab)) {
    if (special.has(token)) continue;
    const bytes = fromLetters(token);
    if (bytes === undefined || typeof id !== 'number') return undefined;
    tokens[id] = bytes;
  }
  // Ids that are not 0, 1, 2, … leave holes.
  if (tokens.length + special.size !== Object.keys(model.vocab).length) return undefined;
  const table = bytePairTable(tokens, specialTokens);
  const written = tryFiles(table);
  if (written === undefined || written['tokenizer.json'] !== files['tokenizer.json']) return undefined;
  return bytePairTokenizer(table, { documents, kind: 'byte-pairs', files: () => written });
}

/** What would be written of this table; undefined where a token is no join of earlier ones. */
function tryFiles(table: ReturnType<typeof bytePairTable>): Readonly<Record<string, string>> | undefined {
  try {
    return bytePairFiles(table, { tokenizerClass: jsonTokenizerClass });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
