// A tokenizer from the files of a model folder. `tokenizer_config.json` names the class; ours are read here, and every other one
// through its `tokenizer.json`. What it cannot be read from is an error, since a wrong tokenizer would still give ids, only wrong ones.
import { CheckpointError } from '../errors.ts';
import { byteTokenizer, byteTokenizerClass } from './byte-tokenizer.ts';
import { characterTokenizer, characterTokenizerClass } from './character-tokenizer.ts';
import { gpt2FolderTokenizer } from './gpt2-folder.ts';
import { gpt2TokenizerClass } from './gpt2-tokenizer.ts';
import { jsonTokenizer } from './json-tokenizer.ts';
import { readBytePairs } from './read-byte-pairs.ts';
import type { DocumentOptions, Tokenizer } from './tokenizer.ts';
import { badVocabulary, jsonObject, type TokenizerFiles } from './tokenizer-files.ts';

/**
 * Reads what `Tokenizer.files` gave, GPT-2's own folder layout, and any `tokenizer.json`. The last one needs the package
 * `@huggingface/tokenizers`, which is loaded when it is needed.
 * @param files file name to content
 * @param options `documents`: see `DocumentOptions`; a character tokenizer has no mark between documents and takes none.
 * @throws CheckpointError `tokenizer-missing`, `tokenizer-json`, `tokenizer-class`, `tokenizer-vocabulary`.
 */
export async function loadTokenizer(files: TokenizerFiles, options: DocumentOptions = {}): Promise<Tokenizer> {
  const onlyJson = files['tokenizer_config.json'] === undefined && files['tokenizer.json'] !== undefined;
  const config = onlyJson ? {} : jsonObject(files, 'tokenizer_config.json');
  switch (config.tokenizer_class) {
    case byteTokenizerClass:
      return byteTokenizer(options);
    case characterTokenizerClass:
      return characterTokenizer(readAlphabet(files));
    case gpt2TokenizerClass:
    case `${gpt2TokenizerClass}Fast`:
      return gpt2FolderTokenizer(files, options);
    default:
      if (files['tokenizer.json'] !== undefined) return readBytePairs(files, options) ?? jsonTokenizer(files, options);
      throw new CheckpointError(
        'tokenizer-class',
        `tokenizer_config.json: tokenizer_class must be ${gpt2TokenizerClass}, ${characterTokenizerClass} or ${byteTokenizerClass}, or there must be a tokenizer.json; got ${JSON.stringify(config.tokenizer_class)} without one. Copy tokenizer.json into the folder, or give token ids instead of text.`,
        { tokenizerClass: config.tokenizer_class },
      );
  }
}

/** The characters of `vocab.json`, whose ids must be their places in code point order. */
function readAlphabet(files: TokenizerFiles): string {
  const entries = Object.entries(jsonObject(files, 'vocab.json'));
  if (entries.length === 0) throw badVocabulary('must hold at least one character; it is empty.');
  const codePoint = ([character]: [string, unknown]): number => character.codePointAt(0) ?? -1;
  entries.sort((a, b) => codePoint(a) - codePoint(b));
  for (const [place, [character, id]] of entries.entries()) {
    if ([...character].length !== 1)
      throw badVocabulary(`keys must be single characters; got ${JSON.stringify(character)}.`);
    if (id !== place)
      throw badVocabulary(
        `ids count up from 0 in the order of code points; got id ${JSON.stringify(id)} for ${JSON.stringify(character)}, which is number ${place}.`,
      );
  }
  return entries.map(([character]) => character).join('');
}
