// Loads any checkpoint onto a device: the weights go there one tensor at a time.
import { dirname } from 'node:path';
import type { SamplingOptions } from '../generate/sampling-options.ts';
import type { ConfigOverrides } from '../models/complete-config.ts';
import type { LanguageModel } from '../models/language-model.ts';
import type { Device } from '../session/device.ts';
import { createStore, type Store } from '../session/store.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { findTokenizer } from './find-tokenizer.ts';
import { type GenerationDefaults, readGenerationDefaults } from './generation-config.ts';
import { type CheckpointOrigin, openCheckpoint } from './open-checkpoint.ts';

export interface LoadModelOptions {
  readonly device: Device;
  /** What the checkpoint cannot tell, such as the number of heads, or a check of what it does. */
  readonly overrides?: ConfigOverrides | undefined;
  /** `gpt2`, `byte` or a folder with tokenizer files. Default: the checkpoint's own. */
  readonly tokenizer?: string | undefined;
}

export interface LoadedModel {
  /** The model's folder, or the one that a bare file lies in. */
  readonly folder: string;
  readonly model: LanguageModel;
  /** Holds the weights on the device. */
  readonly store: Store;
  /** Of kind `none` where the checkpoint has none and none was named: it throws when text is needed, token ids work. */
  readonly tokenizer: Tokenizer;
  /** What generation_config.json says about sampling. */
  readonly sampling: SamplingOptions;
  /** All that generation_config.json says. */
  readonly generation: GenerationDefaults;
  readonly origin: CheckpointOrigin;
}

const noDefaults: GenerationDefaults = { sampling: {}, notices: [] };

/**
 * Loads a model onto a device: from a model or run folder, a folder of the common library, or a file of weights.
 * @throws CheckpointError when config, weights or tokenizer are missing, damaged or disagree; and as `openCheckpoint`.
 */
export async function loadModel(path: string, options: LoadModelOptions): Promise<LoadedModel> {
  const { device, overrides, tokenizer: chosen } = options;
  await using checkpoint = await openCheckpoint(path, { overrides });
  const { model, weights, origin } = checkpoint;
  const store = createStore(device);
  try {
    for (const variable of model.variables) store.write(variable, await weights.read(variable.name));
    const { folder, file } = origin;
    const vocabularySize = model.config.vocab_size;
    const tokenizer = await findTokenizer({ chosen, folder, file: folder ?? file, vocabularySize });
    const generation = folder === undefined ? noDefaults : await readGenerationDefaults(folder);
    const { sampling } = generation;
    return { folder: folder ?? dirname(file), model, store, tokenizer, sampling, generation, origin };
  } catch (error) {
    store.dispose();
    throw error;
  }
}
