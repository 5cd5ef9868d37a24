// A configuration for tensors that came without one: what they tell (infer-config.ts), and for the rest, in this order, what the
// user gives, what the file's metadata says, a released model of these sizes, and last a rule. The number of heads has no rule: there
// the user is asked. Every value keeps where it is from, so that nothing is assumed in silence.
import { CheckpointError, UsageError } from '../errors.ts';
import { layerKinds, type ModelConfig, paddedVocabularySize } from './config.ts';
import type { ToldConfig } from './infer-config.ts';
import { parseModelConfig } from './parse-config.ts';
import { gpt2Rows, gpt2Vocabulary, recogniseModel } from './released-models.ts';

/** Settings that the user gives for a checkpoint: what its tensors cannot tell, or a check of what they do. */
export type ConfigOverrides = Readonly<
  Partial<Omit<ModelConfig, 'model_type' | 'tie_embeddings' | 'pad_vocab_size_multiple'>>
>;

export interface Setting {
  readonly key: keyof ModelConfig;
  readonly value: unknown;
  /** `given`, `the file's metadata`, `h3-125m, which has these sizes`, or the rule. */
  readonly from: string;
}

export interface CompletedConfig {
  readonly config: ModelConfig;
  /** Where the settings that tensors cannot tell are from. */
  readonly settings: readonly Setting[];
}

/** What the file tells besides shapes. */
export interface FileFacts {
  /** For sentences. */
  readonly file: string;
  /** Settings the file carries itself. */
  readonly metadata: Partial<ModelConfig>;
  /** The head is the embedding table. */
  readonly tied: boolean;
}

/** How the command line spells a setting. */
const flags: Readonly<Partial<Record<keyof ModelConfig, string>>> = {
  d_model: '--dmodel',
  n_layer: '--nlayer',
  attn_layer_idx: '--attn-layer-idx',
  num_heads: '--nheads',
  rotary_emb_dim: '--rotary-emb-dim',
  vocab_size: '--vocab-size',
};

/** Settings that no tensor tells and that have a default: how the model was started and trained. */
const freeKeys = [
  'measure',
  'disc',
  'dt_min',
  'dt_max',
  'embed_dropout',
  'resid_dropout',
  'attn_dropout',
  'ssm_dropout',
  'initializer_range',
] as const satisfies readonly (keyof ModelConfig)[];

/** Multiples that embedding tables are commonly padded to, the likeliest first. */
const paddings = [8, 1, 16, 64, 128];

/**
 * @throws UsageError `override-contradicts` for a setting given that the tensors contradict; CheckpointError `metadata-contradicts` for
 * one of the metadata, `unknown-heads` and `unknown-head-dim` where only the user can know; and what `parseModelConfig` throws.
 */
export function completeConfig(told: ToldConfig, facts: FileFacts, overrides: ConfigOverrides): CompletedConfig {
  const { file, metadata, tied } = facts;
  refuseOverrides(contradiction(told, overrides), file);
  const stale = contradiction(told, metadata);
  if (stale)
    throw new CheckpointError(
      'metadata-contradicts',
      `${file}: the metadata must be that of the tensors; ${stale}. Load the file with the program that wrote it.`,
      { file },
    );
  const { settle, settings } = settler(metadata, overrides);
  const released = recogniseModel({ width: told.config.d_model, kinds: told.kinds, rows: told.rows });
  const byName = released ? `${released.name}, which has these sizes` : '';
  const vocabulary = settle('vocab_size', [
    [released?.config.vocab_size, byName],
    [gpt2Rows.includes(told.rows) ? gpt2Vocabulary : undefined, `GPT-2's tokens, padded to ${told.rows} rows`],
    [told.rows, 'every row of the embedding table, of which some may be padding'],
  ]);
  const config: Record<string, unknown> = {
    ...pickFree(metadata),
    ...defined(overrides),
    ...told.config,
    vocab_size: vocabulary,
    pad_vocab_size_multiple: paddingOf(Number(vocabulary), told.rows, metadata.pad_vocab_size_multiple),
    tie_embeddings: tied,
  };
  if (told.kinds.includes('attention')) {
    config.num_heads = settle('num_heads', [[released?.config.num_heads, byName]]) ?? askForHeads(told, file);
    config.rotary_emb_dim =
      told.config.rotary_emb_dim ??
      settle('rotary_emb_dim', [
        [released?.config.rotary_emb_dim, byName],
        [0, 'none unless it is given, as in the official script'],
      ]);
  }
  if (told.config.h3_without === 'diagonal') config.head_dim = settle('head_dim', []) ?? askForHeadDim(file);
  return { config: parseModelConfig(config), settings };
}

function refuseOverrides(wrong: string | undefined, file: string): void {
  if (wrong === undefined) return;
  throw new UsageError(
    'override-contradicts',
    `${file}: ${wrong}. Leave the setting out, or give the checkpoint it belongs to.`,
    { file },
  );
}

/**
 * A configuration that came with the tensors, with the settings that they cannot tell replaced.
 * @throws UsageError `override-contradicts` for the others.
 */
export function overrideConfig(config: ModelConfig, overrides: ConfigOverrides, file: string): CompletedConfig {
  const known: ToldConfig = {
    config,
    rows: paddedVocabularySize(config),
    kinds: layerKinds(config),
    evidence: Object.fromEntries(Object.keys(config).map((key) => [key, 'config.json'])),
  };
  const { num_heads, rotary_emb_dim, vocab_size } = overrides;
  const replaced = defined({ num_heads, rotary_emb_dim, vocab_size, ...pickFree(overrides) });
  const kept = Object.entries(overrides).filter(([key]) => !(key in replaced));
  refuseOverrides(contradiction(known, Object.fromEntries(kept)), file);
  refuseOverrides(contradiction(known, vocab_size === undefined ? {} : { vocab_size }), file);
  const padding = paddingOf(vocab_size ?? config.vocab_size, known.rows, config.pad_vocab_size_multiple);
  return {
    config: parseModelConfig({ ...config, ...replaced, pad_vocab_size_multiple: padding }),
    settings: Object.entries(replaced).map(([key, value]) => ({ key: key as keyof ModelConfig, value, from: 'given' })),
  };
}

function pickFree(given: Partial<ModelConfig>): Partial<ModelConfig> {
  return Object.fromEntries(freeKeys.map((key) => [key, given[key]]));
}

function defined(settings: { readonly [K in keyof ModelConfig]?: ModelConfig[K] | undefined }): Partial<ModelConfig> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

type Candidate = readonly [value: unknown, from: string];

/** Takes the first of given, metadata and the further candidates that is there, and notes it. */
function settler(metadata: Partial<ModelConfig>, overrides: ConfigOverrides) {
  const settings: Setting[] = [];
  const settle = (key: keyof ConfigOverrides, more: readonly Candidate[]): unknown => {
    const candidates: readonly Candidate[] = [
      [overrides[key], 'given'],
      [metadata[key], "the file's metadata"],
      ...more,
    ];
    const found = candidates.find(([value]) => value !== undefined);
    if (found) settings.push({ key, value: found[0], from: found[1] });
    return found?.[0];
  };
  return { settle, settings };
}

function askForHeads({ kinds, config }: ToldConfig, file: string): never {
  const layers = kinds.flatMap((kind, layer) => (kind === 'attention' ? [layer] : []));
  throw new CheckpointError(
    'unknown-heads',
    `${file}: how many heads do the attention layers (${layers.join(', ')}) have? The tensors do not tell, only that the number divides the width ${config.d_model}; got none. Give num_heads (--nheads on the command line).`,
    { file, layers, width: config.d_model },
  );
}

function askForHeadDim(file: string): never {
  throw new CheckpointError(
    'unknown-head-dim',
    `${file}: what is the head dimension of the H3 layers? They have no diagonal SSM, whose tensors would tell; got none. Give head_dim.`,
    { file },
  );
}

/** `d_model (--dmodel) is 32 by "…" [104, 32]; got 64`, for the first setting that the tensors contradict. */
function contradiction(told: ToldConfig, given: Partial<ModelConfig>): string | undefined {
  const say = (key: keyof ModelConfig, is: unknown, got: unknown): string =>
    `${key}${flags[key] ? ` (${flags[key]})` : ''} is ${show(is)} by ${told.evidence[key] ?? 'the tensors'}; got ${show(got)}`;
  const { mixer, attn_layer_idx, vocab_size, ...sizes } = given;
  for (const [key, value] of Object.entries(sizes) as [keyof ModelConfig, unknown][]) {
    const is = told.config[key];
    if (value !== undefined && is !== undefined && is !== value) return say(key, is, value);
  }
  const attention = told.kinds.flatMap((kind, layer) => (kind === 'attention' ? [layer] : []));
  if (mixer !== undefined) {
    const kinds = layerKinds({ mixer, attn_layer_idx: attn_layer_idx ?? [], n_layer: told.kinds.length });
    if (String(kinds) !== String(told.kinds)) return say('mixer', told.kinds, kinds);
  } else if (attn_layer_idx !== undefined) {
    const sorted = [...attn_layer_idx].sort((a, b) => a - b);
    if (String(sorted) !== String(attention)) return say('attn_layer_idx', attention, attn_layer_idx);
  }
  if (vocab_size !== undefined && vocab_size > told.rows)
    return `vocab_size (--vocab-size) is at most the ${told.rows} rows of the embedding table; got ${vocab_size}`;
  return undefined;
}

function show(value: unknown): string {
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
}

/** A multiple that rounds the vocabulary up to exactly these rows; the rows themselves always do. */
function paddingOf(vocabulary: number, rows: number, first = 8): number {
  const fits = (multiple: number): boolean =>
    paddedVocabularySize({ vocab_size: vocabulary, pad_vocab_size_multiple: multiple }) === rows;
  return [first, ...paddings].find(fits) ?? rows;
}
