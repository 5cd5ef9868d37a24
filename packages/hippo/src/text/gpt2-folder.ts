// A folder whose class is GPT2Tokenizer: GPT-2's own vocabulary, or another one under its name, as models of other languages have.
// The first is ours; the others are read from their `tokenizer.json`, or from `vocab.json` and `merges.txt`.
import { toLetters } from './byte-letters.ts';
import { gpt2Table, gpt2Tokenizer } from './gpt2-tokenizer.ts';
import { jsonTokenizer } from './json-tokenizer.ts';
import { type DocumentOptions, endOfTextMark, type Tokenizer } from './tokenizer.ts';
import {
  badVocabulary,
  isJsonObject,
  type JsonObject,
  jsonObject,
  optionalJsonObject,
  type TokenizerFiles,
  tokenContent,
} from './tokenizer-files.ts';
import { type AddedToken, tokenizerJson } from './tokenizer-json.ts';

/** @throws CheckpointError `tokenizer-json`, `tokenizer-vocabulary`. */
export async function gpt2FolderTokenizer(files: TokenizerFiles, options: DocumentOptions): Promise<Tokenizer> {
  const difference = await differenceFromGpt2(files);
  if (difference === undefined) return gpt2Tokenizer(options);
  if (files['tokenizer.json'] !== undefined) return jsonTokenizer(files, options);
  if (files['merges.txt'] !== undefined) return jsonTokenizer(withTokenizerJson(files), options);
  throw badVocabulary(`${difference}. Another model's vocabulary needs its merges.txt or tokenizer.json beside it.`);
}

/** What in the folder is not GPT-2's; undefined when nothing is. */
async function differenceFromGpt2(files: TokenizerFiles): Promise<string | undefined> {
  if (jsonObject(files, 'tokenizer_config.json').add_prefix_space === true) return 'GPT-2 adds no space before a text';
  const json = files['tokenizer.json'] === undefined ? undefined : jsonObject(files, 'tokenizer.json');
  if (json !== undefined) {
    const added = Array.isArray(json.added_tokens) ? json.added_tokens.map(tokenContent) : [];
    const further = added.find((content) => content !== endOfTextMark);
    if (further !== undefined) return `GPT-2 has no added token ${JSON.stringify(further)}`;
    const vocabulary = isJsonObject(json.model) ? json.model.vocab : undefined;
    return vocabularyDifference(isJsonObject(vocabulary) ? vocabulary : {});
  }
  const [further] = Object.keys(optionalJsonObject(files, 'added_tokens.json')).filter((key) => key !== endOfTextMark);
  if (further !== undefined) return `GPT-2 has no added token ${JSON.stringify(further)}`;
  return files['vocab.json'] === undefined ? undefined : vocabularyDifference(jsonObject(files, 'vocab.json'));
}

async function vocabularyDifference(given: JsonObject): Promise<string | undefined> {
  const { tokens, specialTokens } = await gpt2Table();
  const [size, expected] = [Object.keys(given).length, tokens.length + specialTokens.length];
  if (size !== expected) return `GPT-2's has ${expected} tokens; got ${size}`;
  for (let id = 0; id < expected; id++) {
    const bytes = tokens[id];
    const token = bytes ? toLetters(bytes) : endOfTextMark;
    if (given[token] !== id)
      return `GPT-2's has ${JSON.stringify(token)} as id ${id}; got ${JSON.stringify(given[token])}`;
  }
  return undefined;
}

/** The folder's files with the `tokenizer.json` that its `vocab.json` and `merges.txt` amount to. */
function withTokenizerJson(files: TokenizerFiles): TokenizerFiles {
  const vocabulary: Record<string, number> = {};
  const ids = new Set<number>();
  for (const [token, id] of Object.entries(jsonObject(files, 'vocab.json'))) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || ids.has(id))
      throw badVocabulary(
        `ids must be distinct whole numbers; got ${JSON.stringify(id)} for ${JSON.stringify(token)}.`,
      );
    ids.add(id);
    vocabulary[token] = id;
  }
  const lines = (files['merges.txt'] ?? '')
    .split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('#version'));
  const wrong = lines.find((line) => !/^\S+ \S+$/.test(line));
  if (wrong !== undefined)
    throw badVocabulary(`lines must be two tokens with a space between; got ${JSON.stringify(wrong)}.`, 'merges.txt');
  const config = jsonObject(files, 'tokenizer_config.json');
  const json = tokenizerJson({
    vocabulary,
    merges: lines,
    added: addedTokens(files, config, vocabulary),
    addPrefixSpace: config.add_prefix_space === true,
  });
  return { ...files, 'tokenizer.json': JSON.stringify(json) };
}

/** Tokens beside the joins: those of `added_tokens.json`, and the special ones that the configuration names. */
function addedTokens(
  files: TokenizerFiles,
  config: JsonObject,
  vocabulary: Readonly<Record<string, number>>,
): AddedToken[] {
  const further = Object.entries(optionalJsonObject(files, 'added_tokens.json'));
  const idOf = new Map<string, unknown>([...Object.entries(vocabulary), ...further]);
  const map = optionalJsonObject(files, 'special_tokens_map.json');
  const named = ['bos_token', 'eos_token', 'unk_token', 'pad_token'].flatMap((key) => [config[key], map[key]]);
  const special = new Set([...named, endOfTextMark].flatMap((value) => tokenContent(value) ?? []));
  const added = new Map<string, AddedToken>();
  for (const content of [...special, ...further.map(([token]) => token)]) {
    const id = idOf.get(content);
    if (typeof id === 'number') added.set(content, { id, content, special: special.has(content) });
  }
  return [...added.values()];
}
