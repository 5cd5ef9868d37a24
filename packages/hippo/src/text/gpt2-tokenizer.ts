// GPT-2's tokenizer (Radford et al. 2019). The ranks come from the package gpt-tokenizer, loaded on first use; ids are those of
// GPT-2: 50,256 ranks, then end of text.
import { bytePairFiles } from './byte-pair-files.ts';
import { type BytePairTable, bytePairTable, bytePairTokenizer } from './byte-pair-tokenizer.ts';
import { type DocumentOptions, endOfTextMark, type Tokenizer } from './tokenizer.ts';

/** `tokenizer_class` of a GPT-2 tokenizer's folder. */
export const gpt2TokenizerClass = 'GPT2Tokenizer';

let table: Promise<BytePairTable> | undefined;
let files: Readonly<Record<string, string>> | undefined;

async function loadTable(): Promise<BytePairTable> {
  const { default: entries } = await import('gpt-tokenizer/bpeRanks/r50k_base');
  const utf8 = new TextEncoder();
  const tokens = entries.map((entry) => (typeof entry === 'string' ? utf8.encode(entry) : Uint8Array.from(entry)));
  return bytePairTable(tokens, [endOfTextMark]);
}

/** GPT-2's tokens. */
export function gpt2Table(): Promise<BytePairTable> {
  table ??= loadTable();
  return table;
}

/** GPT-2's tokenizer, 50,257 tokens. Half a surrogate pair is encoded as U+FFFD. */
export async function gpt2Tokenizer(options: DocumentOptions = {}): Promise<Tokenizer> {
  const loaded = await gpt2Table();
  return bytePairTokenizer(loaded, {
    ...options,
    kind: 'gpt2',
    // Kept: every checkpoint of a run writes them.
    files: () => {
      files ??= bytePairFiles(loaded, { tokenizerClass: gpt2TokenizerClass });
      return files;
    },
  });
}
