// Rules between settings: each one is right alone, together they make no model. One row a rule, with what to say.
import { CheckpointError } from '../errors.ts';
import type { ModelConfig } from './config.ts';

interface Rule {
  readonly keys: readonly (keyof ModelConfig)[];
  readonly broken: (config: ModelConfig) => boolean;
  readonly sentence: (config: ModelConfig) => string;
}

const uses = ({ mixer, attn_layer_idx }: ModelConfig, kind: string): boolean =>
  mixer === kind || mixer.includes(kind as never) || (kind === 'attention' && attn_layer_idx.length > 0);

const rules: readonly Rule[] = [
  {
    keys: ['mixer', 'n_layer'],
    broken: ({ mixer, n_layer }) => typeof mixer !== 'string' && mixer.length !== n_layer,
    sentence: ({ mixer, n_layer }) => `a list in "mixer" must name n_layer = ${n_layer} layers; got ${mixer.length}`,
  },
  {
    keys: ['mixer', 'attn_layer_idx'],
    broken: ({ mixer, attn_layer_idx }) => typeof mixer !== 'string' && attn_layer_idx.length > 0,
    sentence: () =>
      'a list in "mixer" already says which layers are attention, so "attn_layer_idx" must be empty; got both',
  },
  {
    keys: ['attn_layer_idx', 'n_layer'],
    broken: ({ attn_layer_idx, n_layer }) =>
      attn_layer_idx.some((layer) => layer >= n_layer) || new Set(attn_layer_idx).size < attn_layer_idx.length,
    sentence: ({ attn_layer_idx, n_layer }) =>
      `"attn_layer_idx" must name different layers from 0 to ${n_layer - 1}; got [${attn_layer_idx.join(', ')}]`,
  },
  {
    keys: ['d_model', 'num_heads'],
    broken: (config) => uses(config, 'attention') && config.d_model % config.num_heads !== 0,
    sentence: ({ d_model, num_heads }) =>
      `"d_model" must be a multiple of "num_heads"; got ${d_model} and ${num_heads}`,
  },
  {
    keys: ['rotary_emb_dim', 'd_model', 'num_heads'],
    broken: (config) =>
      uses(config, 'attention') &&
      (config.rotary_emb_dim % 2 !== 0 || config.rotary_emb_dim > config.d_model / config.num_heads),
    sentence: ({ rotary_emb_dim, d_model, num_heads }) =>
      `"rotary_emb_dim" must be even and at most d_model/num_heads = ${d_model / num_heads}; got ${rotary_emb_dim}`,
  },
  {
    keys: ['rotary_emb_dim', 'mixer', 'attn_layer_idx'],
    broken: (config) => config.rotary_emb_dim > 0 && !uses(config, 'attention'),
    sentence: ({ rotary_emb_dim }) =>
      `"rotary_emb_dim" needs attention layers to turn; got ${rotary_emb_dim} and no attention layer`,
  },
  {
    keys: ['d_model', 'head_dim'],
    broken: (config) => uses(config, 'h3') && config.d_model % config.head_dim !== 0,
    sentence: ({ d_model, head_dim }) => `"d_model" must be a multiple of "head_dim"; got ${d_model} and ${head_dim}`,
  },
  {
    keys: ['h3_without', 'mixer'],
    broken: (config) => config.h3_without !== 'none' && !uses(config, 'h3'),
    sentence: ({ h3_without }) =>
      `"h3_without" needs H3 layers to take an SSM from; got "${h3_without}" and no H3 layer`,
  },
  {
    keys: ['d_model', 'mixer'],
    broken: (config) => uses(config, 'gss') && config.d_model % 4 !== 0,
    sentence: ({ d_model }) => `"d_model" must be a multiple of 4 for GSS layers; got ${d_model}`,
  },
  {
    keys: ['d_state'],
    broken: ({ d_state }) => d_state % 2 !== 0,
    sentence: ({ d_state }) =>
      `"d_state" counts real numbers, two for each complex state, and must be even; got ${d_state}`,
  },
  {
    keys: ['dt_min', 'dt_max'],
    broken: ({ dt_min, dt_max }) => dt_min >= dt_max,
    sentence: ({ dt_min, dt_max }) => `"dt_min" must be below "dt_max"; got ${dt_min} and ${dt_max}`,
  },
  {
    keys: ['measure', 'd_model', 'head_dim'],
    broken: (config) =>
      config.measure === 'diag' && (uses(config, 's4d') || (config.d_model / config.head_dim) % 2 !== 0),
    sentence: () =>
      '"measure" = "diag" gives half the heads diag-inv and half diag-lin, so it needs H3 layers with an even number of heads and no S4D layer; got another model',
  },
];

/** @throws CheckpointError `config-contradiction` for the first rule that does not hold. */
export function checkAgreement(config: ModelConfig): void {
  for (const { keys, broken, sentence } of rules) {
    if (broken(config)) {
      const facts = Object.fromEntries(keys.map((key) => [key, config[key]]));
      throw new CheckpointError(
        'config-contradiction',
        `config: ${sentence(config)}. Change ${keys.map((key) => `"${key}"`).join(' or ')}.`,
        facts,
      );
    }
  }
}
