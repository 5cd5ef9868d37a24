// Any `tokenizer.json`, through the ecosystem's own library, which is loaded here and only when such a file is read. Ids and text
// are those of the text alone: the library's extra tokens around it, and its clean-up of spaces before punctuation, are left out,
// since a language model continues text and must give back what it was given.
import type { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { CheckpointError, DataError } from '../errors.ts';
import { fromLetters } from './byte-letters.ts';
import { byteStreamDecoder, checkTokens, decodeAll } from './stream-decoder.ts';
import {
  type DocumentOptions,
  encodeDocuments,
  endOfTextMark,
  type StreamDecoder,
  type Tokenizer,
} from './tokenizer.ts';
import {
  isJsonObject,
  type JsonObject,
  jsonObject,
  optionalJsonObject,
  type TokenizerFiles,
  tokenContent,
  tokenizerFileNames,
} from './tokenizer-files.ts';
import type { AddedToken } from './tokenizer-json.ts';
import { windowDecoder } from './window-decoder.ts';

const fileName = 'tokenizer.json';

const modelTypes: ReadonlySet<unknown> = new Set(['BPE', 'WordPiece', 'Unigram', 'WordLevel']);

/**
 * The tokenizer that `tokenizer.json` describes. Special tokens in a text are text like any other, unless `documents` is set, and
 * then only the mark `<|endoftext|>` is more than text. Ids without a token are U+FFFD. Byte pairs over characters without a token for
 * the unknown leave out what they do not know: the format has it so.
 * @throws CheckpointError `tokenizer-missing`, `tokenizer-json`; encoding: DataError `unknown-character`.
 */
export async function jsonTokenizer(
  files: TokenizerFiles,
  { documents = false }: DocumentOptions = {},
): Promise<Tokenizer> {
  const json = jsonObject(files, fileName);
  const config = optionalJsonObject(files, 'tokenizer_config.json');
  const added = addedTokens(json);
  const library = await openLibrary(
    { ...json, added_tokens: added.filter(({ special }) => !special).map(({ raw }) => raw) },
    config,
  );
  const vocabularySize = 1 + largest([...added.map(({ id }) => id), ...library.get_vocab().values()]);
  const endOfText = endOfTextId(files, config, added, library);
  const encodePart = (text: string): number[] => checkKnown(library.encode(text, { add_special_tokens: false }).ids);
  const decoder = decoderOf(json, added, library, vocabularySize);
  return {
    kind: 'json',
    vocabularySize,
    ...(endOfText !== undefined && { endOfText }),
    encode: (text) =>
      Int32Array.from(
        documents && endOfText !== undefined ? encodeDocuments(text, endOfText, encodePart) : encodePart(text),
      ),
    decode: (ids) => decodeAll(ids, decoder()),
    decoder,
    files: () =>
      Object.fromEntries(
        tokenizerFileNames.flatMap((name) => {
          const text = files[name];
          return text === undefined ? [] : [[name, text] as const];
        }),
      ),
  };
}

async function openLibrary(json: JsonObject, config: JsonObject): Promise<LibraryTokenizer> {
  const { Tokenizer: Library } = await import('@huggingface/tokenizers');
  try {
    const type = isJsonObject(json.model) ? json.model.type : undefined;
    // The library takes any other for a list of words.
    if (type !== undefined && !modelTypes.has(type)) throw new Error(`there is no model type ${JSON.stringify(type)}`);
    return new Library(json, config);
  } catch (cause) {
    throw new CheckpointError(
      'tokenizer-json',
      `${fileName}: must be a tokenizer that @huggingface/tokenizers can read; it says: ${cause instanceof Error ? cause.message : String(cause)}. Copy the file again, or give token ids instead of text.`,
      { file: fileName },
      { cause },
    );
  }
}

/** @returns the added tokens, each with the entry that it was read from. */
function addedTokens(json: JsonObject): (AddedToken & { readonly raw: unknown })[] {
  const list: readonly unknown[] = Array.isArray(json.added_tokens) ? json.added_tokens : [];
  return list.map((raw) => {
    const content = tokenContent(raw);
    if (isJsonObject(raw) && content !== undefined && typeof raw.id === 'number' && Number.isInteger(raw.id))
      return { id: raw.id, content, special: raw.special === true, raw };
    throw new CheckpointError(
      'tokenizer-json',
      `${fileName}: added_tokens must have an id and a content each; got ${JSON.stringify(raw)}. Copy the file again.`,
      { file: fileName },
    );
  });
}

/** A call cannot take as many arguments as there are ids. */
const largest = (ids: readonly number[]): number => ids.reduce((a, b) => Math.max(a, b), -1);

/** The end of text: `eos_token` of the configuration, else a special token `<|endoftext|>`. */
function endOfTextId(
  files: TokenizerFiles,
  config: JsonObject,
  added: readonly AddedToken[],
  library: LibraryTokenizer,
): number | undefined {
  const map = optionalJsonObject(files, 'special_tokens_map.json');
  const content = tokenContent(config.eos_token) ?? tokenContent(map.eos_token) ?? endOfTextMark;
  return added.find((token) => token.content === content)?.id ?? library.token_to_id(content);
}

function checkKnown(ids: readonly (number | undefined)[]): number[] {
  return ids.map((id, position) => {
    if (id !== undefined) return id;
    throw new DataError(
      'unknown-character',
      `${fileName}: token ${position} of the text is not in the vocabulary, which has no token for the unknown either. Remove what it stands for from the text, or use another tokenizer.`,
      { position },
    );
  });
}

function decoderOf(
  json: JsonObject,
  added: readonly AddedToken[],
  library: LibraryTokenizer,
  vocabularySize: number,
): () => StreamDecoder {
  const contents = new Map(added.map(({ id, content }) => [id, content]));
  const tokenOf = (id: number): string | undefined => {
    checkTokens([id], vocabularySize, 'decode');
    return contents.get(id) ?? library.id_to_token(id);
  };
  if (isJsonObject(json.decoder) && json.decoder.type === 'ByteLevel') {
    const utf8 = new TextEncoder();
    return () =>
      byteStreamDecoder((id) => {
        const token = tokenOf(id) ?? '\uFFFD';
        // Added tokens stand for themselves, all others for bytes.
        return (contents.has(id) ? undefined : fromLetters(token)) ?? utf8.encode(token);
      });
  }
  const decodeWindow = (ids: readonly number[]): string =>
    library.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  const special = new Map(added.filter((token) => token.special).map(({ id, content }) => [id, content]));
  const literal = (id: number): string | undefined =>
    special.get(id) ?? (tokenOf(id) === undefined ? '\uFFFD' : undefined);
  return () => windowDecoder(decodeWindow, literal);
}
