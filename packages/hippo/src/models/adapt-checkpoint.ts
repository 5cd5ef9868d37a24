// From the tensors of any file to a model: its names become ours, its configuration is read, inferred and completed, and every shape
// is compared with what the configuration makes. Reads headers only, but for the head, which is compared with the embedding table
// where the file has both: a tied head may be stored twice.
import { adaptSource, type StoredTensor } from '../checkpoint/adapted-source.ts';
import { checkAgainst } from '../checkpoint/check-against.ts';
import type { TensorSource } from '../checkpoint/safetensors.ts';
import { sameNumbers } from '../checkpoint/tensor-pieces.ts';
import { CheckpointError } from '../errors.ts';
import { type Shape, sameShape } from '../tensor/shape.ts';
import {
  type CompletedConfig,
  type ConfigOverrides,
  completeConfig,
  overrideConfig,
  type Setting,
} from './complete-config.ts';
import type { ModelConfig } from './config.ts';
import { gpt2ParameterNames, isGpt2 } from './gpt2-weights.ts';
import { inferConfig } from './infer-config.ts';
import { type LanguageModel, languageModel } from './language-model.ts';
import { h3ParameterNames, type ParameterNames, unwrapNames } from './parameter-names.ts';

export interface AdaptOptions {
  /** For sentences. */
  readonly file: string;
  /** The configuration that came with the tensors; absent: it is inferred. */
  readonly config?: ModelConfig | undefined;
  readonly overrides?: ConfigOverrides | undefined;
  /** False: a stored head is taken for the embedding table without reading either. Default true. */
  readonly compareHead?: boolean | undefined;
}

export interface AdaptedCheckpoint {
  readonly config: ModelConfig;
  readonly model: LanguageModel;
  /** Exactly the model's parameters, by our names. */
  readonly weights: TensorSource;
  readonly naming: ParameterNames['naming'];
  readonly ignored: ParameterNames['ignored'];
  /** Where the settings are from that tensors cannot tell. */
  readonly settings: readonly Setting[];
}

const head = 'lm_head.weight';
const words = 'backbone.embeddings.word_embeddings.weight';

/**
 * @throws CheckpointError `unknown-heads`, `weights-disagree` and others of `inferConfig`, `completeConfig`, `checkAgainst`;
 * UsageError `override-contradicts`.
 */
export async function adaptCheckpoint(source: TensorSource, options: AdaptOptions): Promise<AdaptedCheckpoint> {
  const { file, overrides = {} } = options;
  const unwrapped = unwrapNames(source.tensors.keys(), file);
  const names = isGpt2(unwrapped.names.keys()) ? gpt2ParameterNames(unwrapped, source) : h3ParameterNames(unwrapped);
  const { tied, note } = await headOf(source, names.stored, options);
  const stored = new Map(names.stored);
  if (tied) stored.delete(head);
  const weights = adaptSource(source, stored);
  const { config, settings } = options.config
    ? overrideConfig(options.config, overrides, file)
    : inferred(weights, source, { file, overrides, tied, ignored: names.ignored });
  const model = languageModel(config);
  checkAgainst(weights, new Map(model.variables.map(({ name, shape }) => [name, shape])), file);
  return { config, model, weights, naming: names.naming, ignored: [...names.ignored, ...note], settings };
}

/** Whether the head is the embedding table; a file without a head of its own says so by that. */
async function headOf(
  source: TensorSource,
  stored: ReadonlyMap<string, StoredTensor>,
  { config, compareHead = true }: AdaptOptions,
): Promise<{ readonly tied: boolean; readonly note: ParameterNames['ignored'] }> {
  const [own, table] = [stored.get(head)?.stored, stored.get(words)?.stored];
  if (own === undefined || table === undefined) return { tied: true, note: [] };
  if (config && !config.tie_embeddings) return { tied: false, note: [] };
  const shapes = [own, table].map((name) => source.tensors.get(name)?.shape ?? []) as [Shape, Shape];
  if (!sameShape(...shapes)) return { tied: false, note: [] };
  if (!compareHead)
    return {
      tied: true,
      note: [{ name: own, reason: 'taken for the embedding table; compared when weights are read' }],
    };
  const tied = await sameNumbers(source, own, table);
  return { tied, note: tied ? [{ name: own, reason: 'the same numbers as the embedding table' }] : [] };
}

function inferred(
  weights: TensorSource,
  source: TensorSource,
  given: {
    readonly file: string;
    readonly overrides: ConfigOverrides;
    readonly tied: boolean;
    readonly ignored: ParameterNames['ignored'];
  },
): CompletedConfig {
  const { file, overrides, tied, ignored } = given;
  const told = inferConfig(new Map([...weights.tensors].map(([name, { shape }]) => [name, shape])), file);
  const frequencies = ignored.find(({ name }) => name.endsWith('rotary_emb.inv_freq'));
  const [pairs] = (frequencies && source.tensors.get(frequencies.name)?.shape) ?? [];
  const rotaryDim = pairs === undefined ? undefined : 2 * pairs;
  return completeConfig(told, { file, metadata: metadataConfig(source, file), rotaryDim, tied }, overrides);
}

/** The configuration that `saveModel` puts into a safetensors file, so that the file alone can be loaded. */
function metadataConfig({ metadata }: TensorSource, file: string): Partial<ModelConfig> {
  if (metadata.config === undefined) return {};
  try {
    const config: unknown = JSON.parse(metadata.config);
    if (typeof config === 'object' && config !== null && 'model_type' in config && config.model_type === 'hippo')
      return config as Partial<ModelConfig>;
  } catch (cause) {
    throw new CheckpointError(
      'metadata',
      `${file}: the metadata "config" must be JSON; got ${(cause as Error).message}. Load the folder with its config.json instead.`,
      { file },
      { cause },
    );
  }
  return {};
}
