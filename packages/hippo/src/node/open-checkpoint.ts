// Opens any checkpoint: our model and run folders, folders of the common library, and bare files of safetensors or PyTorch. What
// comes out is always the same: a checked configuration, the weights by our names, and a description of where all of it is from.
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TensorSource } from '../checkpoint/safetensors.ts';
import { type AdaptedCheckpoint, adaptCheckpoint } from '../models/adapt-checkpoint.ts';
import type { ConfigOverrides } from '../models/complete-config.ts';
import type { ModelConfig } from '../models/config.ts';
import type { LanguageModel } from '../models/language-model.ts';
import type { StorageDType } from '../tensor/dtype.ts';
import { resolveModelPath } from './hub/resolve-model-path.ts';
import { readFolderConfig, resolveModelFolder } from './resolve-model-folder.ts';
import { openWeightFile, type WeightFormat, weightPath } from './weight-files.ts';

/** Where a checkpoint is from, and what was done and assumed to read it. */
export interface CheckpointOrigin extends Pick<AdaptedCheckpoint, 'naming' | 'settings' | 'ignored'> {
  /** The file with the weights, or the index of its shards. */
  readonly file: string;
  /** The folder around them, with config.json and tokenizer; undefined for a bare file. */
  readonly folder: string | undefined;
  readonly format: WeightFormat;
  /** Where the configuration is from. */
  readonly config: 'config.json' | 'tensors';
  /** Element types in the file and how many parameters are stored as each. */
  readonly dtypes: Readonly<Partial<Record<StorageDType, number>>>;
}

export interface Checkpoint extends AsyncDisposable {
  readonly config: ModelConfig;
  /** The model of that configuration, declared and not allocated. */
  readonly model: LanguageModel;
  /** Exactly the model's parameters, by our names, read when asked for. */
  readonly weights: TensorSource;
  readonly origin: CheckpointOrigin;
}

export interface OpenCheckpointOptions {
  /** What the file cannot tell, or a check of what it does. */
  readonly overrides?: ConfigOverrides | undefined;
  /** Reads headers and no weights: a stored head is then taken for the embedding table. Default false. */
  readonly headersOnly?: boolean | undefined;
}

/**
 * Opens a checkpoint at a path: a folder, a file of weights, or an index of shards; or by the name of a repository that was pulled
 * from a hub. It stays open until it is disposed of.
 * @throws CheckpointError when something is missing, damaged, of another kind of model, or disagrees; `unknown-heads` where only the
 * user can know. UsageError `override-contradicts`.
 */
export async function openCheckpoint(path: string, options: OpenCheckpointOptions = {}): Promise<Checkpoint> {
  const { file, folder } = await placeOf(await resolveModelPath(path));
  const config = folder === undefined ? undefined : await readFolderConfig(folder);
  const opened = await openWeightFile(file);
  const close = (): PromiseLike<void> => opened[Symbol.asyncDispose]();
  try {
    const { overrides, headersOnly } = options;
    const { model, weights, naming, settings, ignored } = await adaptCheckpoint(opened, {
      file,
      config,
      overrides,
      headersOnly,
    });
    const origin: CheckpointOrigin = {
      file,
      folder,
      format: opened.format,
      config: config ? 'config.json' : 'tensors',
      naming,
      settings,
      ignored,
      dtypes: dtypesOf(weights),
    };
    return { config: model.config, model, weights, origin, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What a path means: a bare file, or the weights of a folder. */
async function placeOf(path: string): Promise<Pick<CheckpointOrigin, 'file' | 'folder'>> {
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  // An index is a file about the folder around it, whose config.json belongs to the same weights.
  if (isFile) return { file: path, folder: path.endsWith('.index.json') ? dirname(path) : undefined };
  const folder = await resolveModelFolder(path);
  return { file: await weightPath(folder), folder };
}

function dtypesOf({ tensors }: TensorSource): CheckpointOrigin['dtypes'] {
  const counts: Partial<Record<StorageDType, number>> = {};
  for (const { dtype, shape } of tensors.values())
    counts[dtype] = (counts[dtype] ?? 0) + shape.reduce((product, size) => product * size, 1);
  return counts;
}
