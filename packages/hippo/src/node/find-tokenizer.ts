// Which tokenizer a checkpoint has: the one the user names, the one of its folder, GPT-2's for GPT-2's 50,257 tokens, or none yet.
import { stat } from 'node:fs/promises';
import { CheckpointError, UsageError } from '../errors.ts';
import { gpt2Vocabulary } from '../models/released-models.ts';
import { byteTokenizer } from '../text/byte-tokenizer.ts';
import { gpt2Tokenizer } from '../text/gpt2-tokenizer.ts';
import { loadTokenizer } from '../text/load-tokenizer.ts';
import { noTokenizer } from '../text/no-tokenizer.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { loadTokenizerFolder, readTokenizerFiles } from './tokenizer-folder.ts';

export interface TokenizerQuestion {
  /** `gpt2`, `byte`, or a folder with tokenizer files; undefined: the checkpoint's own. */
  readonly chosen?: string | undefined;
  /** The checkpoint's folder. */
  readonly folder: string | undefined;
  /** What the checkpoint is called in sentences. */
  readonly file: string;
  readonly vocabularySize: number;
}

/**
 * @throws CheckpointError `vocabulary` when the tokenizer has ids that the model has not, and for damaged tokenizer files; UsageError
 * `unknown-tokenizer`. A tokenizer that is missing or of a kind that cannot be read is refused only when text is needed.
 */
export async function findTokenizer(question: TokenizerQuestion): Promise<Tokenizer> {
  const { file, vocabularySize } = question;
  const tokenizer = await (question.chosen === undefined ? ownTokenizer(question) : namedTokenizer(question.chosen));
  if (tokenizer.vocabularySize <= vocabularySize) return tokenizer;
  throw new CheckpointError(
    'vocabulary',
    `${file}: the tokenizer has ${tokenizer.vocabularySize} ids and the model's vocab_size is ${vocabularySize}. They belong to different models.`,
    { file },
  );
}

async function namedTokenizer(chosen: string): Promise<Tokenizer> {
  if (chosen === 'gpt2') return gpt2Tokenizer();
  if (chosen === 'byte') return byteTokenizer();
  const isFolder = await stat(chosen).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) return loadTokenizerFolder(chosen);
  throw new UsageError(
    'unknown-tokenizer',
    `tokenizer: must be gpt2, byte, or a folder with tokenizer files; got ${JSON.stringify(chosen)}. Give one of these.`,
    { chosen },
  );
}

async function ownTokenizer({ folder, file, vocabularySize }: TokenizerQuestion): Promise<Tokenizer> {
  const files = folder === undefined ? {} : await readTokenizerFiles(folder);
  try {
    return await loadTokenizer(files);
  } catch (error) {
    const codes = ['tokenizer-missing', 'tokenizer-class'];
    if (!(error instanceof CheckpointError && codes.includes(error.code))) throw error;
    const namesAnother = error.code === 'tokenizer-class' && error.facts.tokenizerClass !== undefined;
    if (vocabularySize === gpt2Vocabulary && !namesAnother)
      return loadTokenizer({ ...files, 'tokenizer_config.json': '{"tokenizer_class":"GPT2Tokenizer"}' });
    const reason = new CheckpointError(
      error.code,
      `${folder ?? file}: ${error.message} Or name one with --tokenizer.`,
      { file, folder },
      { cause: error },
    );
    return noTokenizer(vocabularySize, reason);
  }
}
