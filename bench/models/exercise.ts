// The exercise that every rival does: one model, its initial weights, one batch of tokens and the optimiser's settings, in one
// safetensors file whose metadata holds what is not a tensor. Our own store makes the weights; the rivals only read.
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  adamWDefaults,
  createStore,
  languageModel,
  type ModelConfig,
  type ModelConfigInput,
  memorySource,
  openDevice,
  openSafetensors,
  safetensorsPieces,
} from 'hippo';

export const batch = 4;
export const length = 1024;

export const optimizer = { ...adamWDefaults, learningRate: 1e-4, clip: 1 } as const;
export type OptimizerSettings = typeof optimizer;

/** The hybrid H3 model of the whole-step benchmark: width 256, 6 layers, attention at 1 and 4, no dropout. */
export function exerciseConfig(vocabulary: number): ModelConfigInput {
  return {
    vocab_size: vocabulary,
    d_model: 256,
    n_layer: 6,
    attn_layer_idx: [1, 4],
    num_heads: 4,
    d_inner: 1024,
    embed_dropout: 0,
    resid_dropout: 0,
    attn_dropout: 0,
  };
}

/** [batch, length + 1] token ids, the same every time, spread over the vocabulary. */
export function exerciseTokens(vocabulary: number): Int32Array {
  let state = 1;
  return Int32Array.from({ length: batch * (length + 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * vocabulary);
  });
}

/** Writes the exercise for a vocabulary. */
export async function writeExercise(path: string, vocabulary: number): Promise<void> {
  await using device = await openDevice({ threads: 1 });
  const store = createStore(device);
  const model = languageModel(exerciseConfig(vocabulary));
  store.initialize(model.variables, { seed: 0 });
  const decaying = model.variables.filter(({ shape, group }) => shape.length >= 2 && group?.decay !== false);
  const metadata = {
    config: JSON.stringify(model.config),
    optimizer: JSON.stringify(optimizer),
    decaying: JSON.stringify(decaying.map(({ name }) => name)),
  };
  const weights = model.variables.map((variable) => ({
    name: variable.name,
    shape: variable.shape,
    dtype: variable.dtype,
    read: () => store.read(variable),
  }));
  const ids = { shape: [batch, length + 1], dtype: 'i32', data: exerciseTokens(vocabulary) } as const;
  const tokens = { name: 'tokens', shape: ids.shape, dtype: ids.dtype, read: async () => ids };
  await pipeline(Readable.from(safetensorsPieces([...weights, tokens], { metadata })), createWriteStream(path));
}

export interface Exercise {
  readonly config: ModelConfig;
  readonly optimizer: OptimizerSettings;
  /** Names of the parameters with weight decay. */
  readonly decaying: ReadonlySet<string>;
  readonly weights: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: Float32Array;
  }[];
  /** [batch, length + 1] */
  readonly tokens: Int32Array;
  readonly batch: number;
  readonly length: number;
}

/** Reads what `writeExercise` wrote. */
export async function readExercise(path: string): Promise<Exercise> {
  const file = await openSafetensors(memorySource(await readFile(path)));
  const json = (name: string): unknown => JSON.parse(file.metadata[name] ?? 'null');
  const tensors = await Promise.all(
    [...file.tensors.keys()].map(async (name) => ({ name, ...(await file.read(name)) })),
  );
  const weights = tensors.flatMap(({ name, shape, data }) =>
    data instanceof Float32Array ? [{ name, shape, data }] : [],
  );
  const ids = tensors.find(({ name }) => name === 'tokens')?.data;
  if (!(ids instanceof Int32Array)) throw new Error(`${path}: the exercise has no tokens.`);
  // The three entries are JSON of these types: writeExercise wrote them.
  const decaying = new Set(json('decaying') as string[]);
  return {
    config: json('config') as ModelConfig,
    optimizer: json('optimizer') as OptimizerSettings,
    decaying,
    weights,
    tokens: ids,
    batch,
    length,
  };
}
