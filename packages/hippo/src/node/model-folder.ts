// A model folder in the ecosystem's layout: config.json, model.safetensors (or shards with an index), generation_config.json and
// tokenizer files. Written as a whole or not at all; weights are read by range, one tensor at a time.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkAgainst } from '../checkpoint/check-against.ts';
import { openSafetensors, type TensorSource } from '../checkpoint/safetensors.ts';
import {
  type FloatStorage,
  safetensorsPieces,
  storedBytes,
  type TensorToWrite,
} from '../checkpoint/safetensors-writer.ts';
import { CheckpointError } from '../errors.ts';
import type { SamplingOptions } from '../generate/sampler.ts';
import type { ModelConfig } from '../models/config.ts';
import { type LanguageModel, languageModel } from '../models/language-model.ts';
import { parseModelConfig } from '../models/parse-config.ts';
import type { Device } from '../session/device.ts';
import { createStore, type Store } from '../session/store.ts';
import { loadTokenizer, tokenizerFileNames } from '../text/load-tokenizer.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { exists, foldersIn, openFileSource, recoverFolder, replaceFolder, writeDurably } from './files.ts';
import { generationConfigName, readGenerationConfig } from './generation-config.ts';
import { readJson } from './read-json.ts';

const weightsName = 'model.safetensors';
const indexName = 'model.safetensors.index.json';
/** Shards hold at most this many bytes, as in the common library. */
const defaultShardBytes = 5e9;

export interface ModelToSave {
  readonly config: ModelConfig;
  readonly tensors: readonly TensorToWrite[];
  readonly tokenizer?: Tokenizer;
  /** Content of generation_config.json. */
  readonly generation?: Readonly<Record<string, unknown>>;
  /** More files, by name; they are written and replaced together with the model. */
  readonly extra?: (folder: string) => Promise<void>;
  readonly floats?: FloatStorage;
  readonly shardBytes?: number;
}

const json = (value: unknown): string[] => [`${JSON.stringify(value, undefined, 2)}\n`];

/**
 * Saves a model; a model folder of that name is replaced in one step.
 * @throws CheckpointError `not-a-model-folder` when the folder holds anything but a model, `write-failed`.
 */
export async function saveModel(folder: string, model: ModelToSave): Promise<void> {
  await checkReplaceable(folder);
  await replaceFolder(folder, async (temporary) => {
    await writeDurably(
      join(temporary, 'config.json'),
      json({ architectures: ['HippoForCausalLM'], torch_dtype: 'float32', ...model.config }),
    );
    await writeDurably(
      join(temporary, generationConfigName),
      json(model.generation ?? { do_sample: true, temperature: 0.8 }),
    );
    for (const [name, text] of Object.entries(model.tokenizer?.files() ?? {}))
      await writeDurably(join(temporary, name), [text]);
    await writeWeights(temporary, model);
    await model.extra?.(temporary);
  });
}

/** Names that a model folder can have, of ours and of the ecosystem. */
const modelFile =
  /^((generation_|tokenizer_)?config|tokenizer|vocab|special_tokens_map|added_tokens|trainer_state)\.json$|^merges\.txt$|^[\w-]+\.safetensors(\.index\.json)?$/;

/** Replacing a folder removes all that is in it, and a folder named by mistake can hold a user's work. */
async function checkReplaceable(folder: string): Promise<void> {
  const foreign = (await exists(folder)) ? (await readdir(folder)).find((name) => !modelFile.test(name)) : undefined;
  if (foreign === undefined) return;
  throw new CheckpointError(
    'not-a-model-folder',
    `${folder}: saving a model replaces the whole folder, which must hold nothing but a model; got "${foreign}". Save to another folder, or move this away.`,
    { folder, foreign },
  );
}

async function writeWeights(
  folder: string,
  { tensors, floats = 'f32', shardBytes = defaultShardBytes }: ModelToSave,
): Promise<void> {
  const shards: TensorToWrite[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = storedBytes(tensor, floats);
    if (bytes > 0 && bytes + size > shardBytes) {
      shards.push([]);
      bytes = 0;
    }
    shards[shards.length - 1]?.push(tensor);
    bytes += size;
  }
  if (shards.length === 1) return writeDurably(join(folder, weightsName), safetensorsPieces(tensors, { floats }));
  const map: Record<string, string> = {};
  for (const [index, shard] of shards.entries()) {
    const number = (value: number): string => String(value).padStart(5, '0');
    const name = `model-${number(index + 1)}-of-${number(shards.length)}.safetensors`;
    await writeDurably(join(folder, name), safetensorsPieces(shard, { floats }));
    for (const tensor of shard) map[tensor.name] = name;
  }
  const total = tensors.reduce((sum, tensor) => sum + storedBytes(tensor, floats), 0);
  await writeDurably(join(folder, indexName), json({ metadata: { total_size: total }, weight_map: map }));
}

/** Opens the weights of a folder: one file, or the shards of an index. */
export async function openWeights(folder: string): Promise<TensorSource & AsyncDisposable> {
  const indexPath = join(folder, indexName);
  const single = join(folder, weightsName);
  if (!(await exists(indexPath)) || (await exists(single))) {
    return openTensorFile(single);
  }
  const index = (await readJson(indexPath)) as { weight_map?: unknown };
  const map = typeof index.weight_map === 'object' && index.weight_map !== null ? Object.entries(index.weight_map) : [];
  const fail = (rule: string): never => {
    throw new CheckpointError('shard-index', `${indexPath}: ${rule} Copy or download the folder again.`, {
      file: indexPath,
    });
  };
  if (map.length === 0) fail('weight_map must name the shard of each tensor.');
  const files = [...new Set(map.map(([, file]) => String(file)))];
  const escaped = files.find((file) => !/^[\w-][\w.-]*\.safetensors$/.test(file));
  if (escaped !== undefined) fail(`shards must be file names inside the folder; got ${JSON.stringify(escaped)}.`);
  const shards = new Map<string, TensorSource & AsyncDisposable>();
  const close = async (): Promise<void> => {
    for (const shard of shards.values()) await shard[Symbol.asyncDispose]();
  };
  try {
    for (const file of files) shards.set(file, await openTensorFile(join(folder, file)));
    const shardOf = new Map(map.map(([name, file]) => [name, shards.get(String(file))]));
    const fileOf = new Map(map);
    const missing = (name: string): never => fail(`tensor "${name}" is not in ${String(fileOf.get(name))}.`);
    return {
      tensors: new Map([...shardOf].map(([name, shard]) => [name, shard?.tensors.get(name) ?? missing(name)] as const)),
      metadata: {},
      read: async (name) => (shardOf.get(name) ?? missing(name)).read(name),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens a safetensors file; it stays open until it is disposed of, and is closed when its header is refused. */
export async function openTensorFile(path: string): Promise<TensorSource & AsyncDisposable> {
  const source = await openFileSource(path);
  const close = (): PromiseLike<void> => source[Symbol.asyncDispose]();
  try {
    return { ...(await openSafetensors(source)), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The model folder that a path means: the path itself, or in a run folder its best checkpoint, else its newest.
 * @throws CheckpointError `no-model` when there is none.
 */
export async function resolveModelFolder(path: string): Promise<string> {
  await recoverFolder(path);
  if (await exists(join(path, 'config.json'))) return path;
  for (const name of ['best', ...(await foldersIn(join(path, 'checkpoints'), /^step-\d+$/)).reverse()]) {
    const folder = join(path, 'checkpoints', name);
    await recoverFolder(folder);
    if (await exists(join(folder, 'config.json'))) return folder;
  }
  const found = await stat(path).then(
    () => 'a folder with neither',
    () => 'nothing',
  );
  throw new CheckpointError(
    'no-model',
    `${path}: a model folder has a config.json, and a run folder has checkpoints/; got ${found}. Give the folder that \`hippo train\` wrote.`,
    { path },
  );
}

/** The checked configuration of a model or run folder. */
export async function readModelConfig(path: string): Promise<ModelConfig> {
  const folder = await resolveModelFolder(path);
  return parseModelConfig(withoutEcosystemKeys(await readJson(join(folder, 'config.json'))));
}

/** Keys that other tools expect in a config.json and that say nothing about our model. */
function withoutEcosystemKeys(config: unknown): unknown {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return config;
  const {
    architectures: _a,
    torch_dtype: _t,
    dtype: _d,
    transformers_version: _v,
    ...rest
  } = config as Record<string, unknown>;
  return rest;
}

/** A model without its tokenizer. */
export interface LoadedWeights {
  readonly folder: string;
  readonly model: LanguageModel;
  /** Holds the weights on the device. */
  readonly store: Store;
}

export interface LoadedModel extends LoadedWeights {
  readonly tokenizer: Tokenizer;
  /** What generation_config.json says about sampling. */
  readonly sampling: SamplingOptions;
}

/**
 * Loads configuration and weights onto a device; a tokenizer is neither needed nor read.
 * @throws CheckpointError when the folder, its config or its weights are missing, damaged or disagree.
 */
export async function loadWeights(path: string, { device }: { readonly device: Device }): Promise<LoadedWeights> {
  const folder = await resolveModelFolder(path);
  const model = languageModel(await readModelConfig(folder));
  await using weights = await openWeights(folder);
  const expected = new Map(model.variables.map((variable) => [variable.name, variable.shape]));
  checkAgainst(weights, expected, join(folder, weightsName));
  const store = createStore(device);
  for (const variable of model.variables) store.write(variable, await weights.read(variable.name));
  return { folder, model, store };
}

/**
 * Loads a model onto a device.
 * @throws CheckpointError when the folder, its config, its weights or its tokenizer are missing, damaged or disagree.
 */
export async function loadModel(path: string, { device }: { readonly device: Device }): Promise<LoadedModel> {
  const { folder, model, store } = await loadWeights(path, { device });
  const tokenizer = await loadTokenizer(await readTokenizerFiles(folder));
  if (tokenizer.vocabularySize > model.config.vocab_size) {
    throw new CheckpointError(
      'vocabulary',
      `${folder}: the tokenizer has ${tokenizer.vocabularySize} ids and the model's vocab_size is ${model.config.vocab_size}. They belong to different models.`,
      { folder },
    );
  }
  return { folder, model, store, tokenizer, sampling: await readGenerationConfig(folder) };
}

async function readTokenizerFiles(folder: string): Promise<Record<string, string | undefined>> {
  const entries = tokenizerFileNames.map(async (name) => {
    const path = join(folder, name);
    return [name, (await exists(path)) ? await readFile(path, 'utf8') : undefined] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** A model's variables as tensors to save, read from the store one at a time. */
export function tensorsOf(variables: LanguageModel['variables'], store: Store): TensorToWrite[] {
  return variables.map((variable) => ({
    name: variable.name,
    shape: variable.shape,
    dtype: variable.dtype,
    read: () => store.read(variable),
  }));
}
