// A model folder in the ecosystem's layout: config.json, model.safetensors (or shards with an index), generation_config.json and
// tokenizer files. Written as a whole or not at all, one tensor at a time.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type FloatStorage,
  safetensorsPieces,
  storedBytes,
  type TensorToWrite,
} from '../checkpoint/safetensors-writer.ts';
import { CheckpointError } from '../errors.ts';
import type { ModelConfig } from '../models/config.ts';
import type { LanguageModel } from '../models/language-model.ts';
import type { Store } from '../session/store.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { exists, replaceFolder, writeDurably } from './files.ts';
import { generationConfigName } from './generation-config.ts';
import { indexName, weightsName } from './weight-files.ts';

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

const torchNames: Readonly<Record<FloatStorage, string>> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' };
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
      json({ architectures: ['HippoForCausalLM'], torch_dtype: torchNames[model.floats ?? 'f32'], ...model.config }),
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
  { config, tensors, floats = 'f32', shardBytes = defaultShardBytes }: ModelToSave,
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
  if (shards.length === 1) {
    // The configuration also stands in the file itself, so that it can be loaded without its folder.
    const metadata = { config: JSON.stringify(config) };
    return writeDurably(join(folder, weightsName), safetensorsPieces(tensors, { floats, metadata }));
  }
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

/** A model's variables as tensors to save, read from the store one at a time. */
export function tensorsOf(variables: LanguageModel['variables'], store: Store): TensorToWrite[] {
  return variables.map((variable) => ({
    name: variable.name,
    shape: variable.shape,
    dtype: variable.dtype,
    read: () => store.read(variable),
  }));
}
