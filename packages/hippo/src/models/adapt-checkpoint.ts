// From the tensors of any file to a model: its names become ours, its configuration is read, inferred and completed, and every shape
// is compared with what the configuration makes. Reads headers only, but for the head, which is compared with the embedding table
// where the file has both: a tied head may be stored twice.
import { adaptSource, type StoredTensor } from '../checkpoint/adapted-source.ts';
import { checkAgainst } from '../checkpoint/check-against.ts';
import type { TensorSource } from '../checkpoint/safetensors.ts';
import { sameNumbers } from '../checkpoint/tensor-pieces.ts';
import { CheckpointError } from '../errors.ts';
import { type Shape, sameShape } from '../tensor/shape.ts';
import { type ConfigOverrides, completeConfig, overrideConfig, type Setting } from './complete-config.ts';
import type { ModelConfig } from './config.ts';
import { gpt2ParameterNames, isGpt2 } from './gpt2-weights.ts';
import { inferConfig, type ToldConfig } from './infer-config.ts';
import { type LanguageModel, languageModel } from './language-model.ts';
import { metadataConfig } from './metadata-config.ts';
import { h3ParameterNames, type ParameterNames, unwrapNames } from './parameter-names.ts';

export interface AdaptOptions {
  /** For sentences. */
  readonly file: string;
  /** The configuration that came with the tensors; absent: it is inferred. */
  readonly config?: ModelConfig | undefined;
  readonly overrides?: ConfigOverrides | undefined;
  /** Reads no number: a stored head is taken for the embedding table, rotary frequencies for the usual ones. Default false. */
  readonly headersOnly?: boolean | undefined;
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
const rotaryBase = 10_000;

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
  const rotary = await rotaryOf(source, names.ignored, options);
  const { config, settings } = options.config
    ? overrideConfig(options.config, overrides, file)
    : completeConfig(
        withRotary(inferConfig(new Map([...weights.tensors].map(([name, { shape }]) => [name, shape])), file), rotary),
        { file, metadata: metadataConfig(source, file), tied },
        overrides,
      );
  const model = languageModel(config);
  checkAgainst(weights, new Map(model.variables.map(({ name, shape }) => [name, shape])), file);
  return { config, model, weights, naming: names.naming, ignored: [...names.ignored, ...note], settings };
}

/** Whether the head is the embedding table; a file without a head of its own says so by that. */
async function headOf(
  source: TensorSource,
  stored: ReadonlyMap<string, StoredTensor>,
  { config, headersOnly = false }: AdaptOptions,
): Promise<{ readonly tied: boolean; readonly note: ParameterNames['ignored'] }> {
  const [own, table] = [stored.get(head)?.stored, stored.get(words)?.stored];
  if (own === undefined || table === undefined) return { tied: true, note: [] };
  if (config && !config.tie_embeddings) return { tied: false, note: [] };
  const shapes = [own, table].map((name) => source.tensors.get(name)?.shape ?? []) as [Shape, Shape];
  if (!sameShape(...shapes)) return { tied: false, note: [] };
  if (headersOnly)
    return {
      tied: true,
      note: [{ name: own, reason: 'taken for the embedding table; compared when weights are read' }],
    };
  const tied = await sameNumbers(source, own, table);
  return { tied, note: tied ? [{ name: own, reason: 'the same numbers as the embedding table' }] : [] };
}

interface StoredRotary {
  readonly name: string;
  /** Twice the number of frequencies. */
  readonly dim: number;
}

/**
 * The rotary dimension that a buffer of frequencies tells: base^(−2i/dim), i from 0 to dim/2 − 1.
 * @throws CheckpointError `rotary-base` for other frequencies than those of base 10,000, which every layer here computes.
 */
async function rotaryOf(
  source: TensorSource,
  ignored: ParameterNames['ignored'],
  { file, headersOnly = false }: AdaptOptions,
): Promise<StoredRotary | undefined> {
  const name = ignored.find((one) => one.name.endsWith('rotary_emb.inv_freq'))?.name;
  const [pairs = 0] = (name !== undefined && source.tensors.get(name)?.shape) || [];
  if (name === undefined || pairs === 0) return undefined;
  if (!headersOnly) {
    const { data } = await source.read(name);
    // Half precision keeps three digits of them.
    const wrong = data.findIndex((value, i) => Math.abs(value * rotaryBase ** (i / pairs) - 1) > 0.01);
    if (wrong >= 0)
      throw new CheckpointError(
        'rotary-base',
        `${file}: "${name}" must hold the rotary frequencies of base ${rotaryBase}; got ${data[wrong]} as number ${wrong}. The model is another one.`,
        { file },
      );
  }
  return { name, dim: 2 * pairs };
}

function withRotary(told: ToldConfig, rotary: StoredRotary | undefined): ToldConfig {
  if (!rotary) return told;
  return {
    ...told,
    config: { ...told.config, rotary_emb_dim: rotary.dim },
    evidence: { ...told.evidence, rotary_emb_dim: `"${rotary.name}" [${rotary.dim / 2}]` },
  };
}
