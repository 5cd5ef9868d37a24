// Reading a configuration: every key is checked and every default filled in, so that a typing error or two settings that contradict
// each other are a sentence here and not a wrong model later. One row of the table a key.
import { CheckpointError } from '../errors.ts';
import { discretisations } from '../nn/ssm/discretise.ts';
import { h3Withouts } from '../nn/ssm/h3-mixing.ts';
import { measures } from '../nn/ssm/measures.ts';
import { nearest } from '../suggest.ts';
import { groupSize } from '../tensor/quantization.ts';
import { type ModelConfig, mixerKinds, type QuantizationConfig } from './config.ts';
import { checkAgreement } from './config-agreement.ts';

interface Field<T> {
  /** The value, or undefined when it breaks the rule. */
  readonly read: (value: unknown) => T | undefined;
  /** `a whole number of at least 1` */
  readonly rule: string;
  /** Absent: the key is required. Sees the keys before it in the table. */
  readonly fallback?: (before: Readonly<Partial<ModelConfig>>) => T;
}

const number = (
  rule: string,
  holds: (x: number) => boolean,
  fallback?: number | Field<number>['fallback'],
): Field<number> => ({
  read: (value) => (typeof value === 'number' && holds(value) ? value : undefined),
  rule,
  ...(fallback !== undefined && { fallback: typeof fallback === 'number' ? () => fallback : fallback }),
});
const count = (least: number, fallback?: number | Field<number>['fallback']): Field<number> =>
  number(`a whole number of at least ${least}`, (x) => Number.isSafeInteger(x) && x >= least, fallback);
const rate = (fallback: number): Field<number> =>
  number('a number of at least 0 and below 1', (x) => x >= 0 && x < 1, fallback);
const positive = (fallback: number): Field<number> =>
  number('a number above 0', (x) => x > 0 && Number.isFinite(x), fallback);
const flag = (fallback: boolean): Field<boolean> => ({
  read: (value) => (typeof value === 'boolean' ? value : undefined),
  rule: 'true or false',
  fallback: () => fallback,
});
const choice = <T extends string>(choices: readonly T[], fallback: Field<T>['fallback'] & object): Field<T> => ({
  read: (value) => choices.find((one) => one === value),
  rule: `one of ${choices.join(', ')}`,
  fallback,
});
const listOf = <T>(read: Field<T>['read'], value: unknown): readonly T[] | undefined => {
  if (!Array.isArray(value)) return undefined;
  const items = value.map(read);
  return items.every((item) => item !== undefined) ? items : undefined;
};

const kind = choice(mixerKinds, () => 'h3');
const layerIndex = count(0);
const onlyS4d = ({ mixer }: Partial<ModelConfig>): boolean => mixer === 's4d';

/** `{ bits: 8 }`, or `{ bits: 4, group_size: 32 }`, the size of the groups being optional. */
function readQuantization(value: unknown): QuantizationConfig | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { bits, group_size, ...unknown } = value as Record<string, unknown>;
  if (Object.keys(unknown).length > 0) return undefined;
  if (bits === 8) return group_size === undefined ? { bits } : undefined;
  return bits === 4 && (group_size ?? groupSize) === groupSize ? { bits, group_size: groupSize } : undefined;
}

const fields: { readonly [K in keyof Required<ModelConfig>]: Field<ModelConfig[K]> } = {
  model_type: choice(['hippo'], () => 'hippo'),
  vocab_size: count(1),
  pad_vocab_size_multiple: count(1, 8),
  d_model: count(1),
  n_layer: count(1),
  d_inner: count(1, ({ d_model = 1 }) => 4 * d_model),
  mixer: {
    read: (value) => kind.read(value) ?? listOf(kind.read, value),
    rule: `${kind.rule}, or a list of them`,
    fallback: () => 'h3',
  },
  attn_layer_idx: {
    read: (value) => listOf(layerIndex.read, value),
    rule: 'a list of whole numbers of at least 0',
    fallback: () => [],
  },
  num_heads: count(1, ({ d_model = 1 }) => (d_model % 64 === 0 ? d_model / 64 : 1)),
  rotary_emb_dim: count(0, 0),
  d_state: count(2, 64),
  gss_states: count(1, 512),
  head_dim: count(1, 1),
  h3_without: choice(h3Withouts, () => 'none'),
  measure: choice(measures, (before) => (onlyS4d(before) ? 'diag-inv' : 'diag-lin')),
  disc: choice(discretisations, (before) => (onlyS4d(before) ? 'zoh' : 'bilinear')),
  dt_min: positive(1e-3),
  dt_max: positive(0.1),
  s4d_gated: flag(false),
  max_position_embeddings: count(0, 0),
  embed_dropout: rate(0),
  resid_dropout: rate(0),
  attn_dropout: rate(0),
  ssm_dropout: rate(0),
  initializer_range: positive(0.02),
  tie_embeddings: flag(true),
  quantization: {
    read: readQuantization,
    rule: `{ "bits": 8 } or { "bits": 4, "group_size": ${groupSize} }`,
    fallback: () => undefined,
  },
};

const keys = Object.keys(fields) as readonly (keyof ModelConfig)[];

/**
 * Checks a configuration and fills in the defaults. Parsing the result again gives the same.
 * @throws CheckpointError `config-not-object`, `config-unknown-key` (with the nearest name), `config-missing-key`,
 * `config-value`, and `config-contradiction` for settings that do not go together.
 */
export function parseModelConfig(given: unknown): ModelConfig {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new CheckpointError(
      'config-not-object',
      `config: must be an object of settings; got ${Array.isArray(given) ? 'a list' : String(given)}.`,
    );
  }
  for (const key of Object.keys(given)) if (!(key in fields)) throw unknownKey(key);
  const config: Partial<Record<keyof ModelConfig, unknown>> = {};
  for (const key of keys)
    config[key] = readField(key, (given as Record<string, unknown>)[key], config as Partial<ModelConfig>);
  // Every key of the table has been read by the field of its own type.
  const complete = config as unknown as ModelConfig;
  checkAgreement(complete);
  return complete;
}

function readField<K extends keyof ModelConfig>(key: K, value: unknown, before: Partial<ModelConfig>): ModelConfig[K] {
  const { read, rule, fallback }: Field<ModelConfig[K]> = fields[key];
  if (value === undefined) {
    if (fallback) return fallback(before);
    throw new CheckpointError('config-missing-key', `config: "${key}" is missing. Give ${rule}.`, { key });
  }
  const result = read(value);
  if (result !== undefined) return result;
  throw new CheckpointError('config-value', `config: "${key}" must be ${rule}; got ${JSON.stringify(value)}.`, {
    key,
    value,
  });
}

function unknownKey(key: string): CheckpointError {
  const suggestion = nearest(key, keys);
  const advice = suggestion ? `Did you mean "${suggestion}"?` : 'Remove it.';
  return new CheckpointError('config-unknown-key', `config: there is no setting "${key}". ${advice}`, {
    key,
    suggestion,
  });
}
