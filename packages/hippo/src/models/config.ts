// The model's configuration: what `config.json` holds, plain JSON with the names that the released checkpoints use, and the two
// things worked out from it everywhere. parse-config.ts reads and checks it.
import type { Discretisation } from '../nn/ssm/discretise.ts';
import type { H3Without } from '../nn/ssm/h3-mixing.ts';
import type { Measure } from '../nn/ssm/measures.ts';
import type { QuantizedBits } from '../tensor/quantization.ts';

export type MixerKind = 'h3' | 's4d' | 'gss' | 'attention';

export const mixerKinds: readonly MixerKind[] = ['h3', 's4d', 'gss', 'attention'];

/** How the matrices of linear layers, embeddings and the head are stored (tensor/quantization.ts). */
export interface QuantizationConfig {
  readonly bits: QuantizedBits;
  /** Inputs that share a scale at 4 bits: 32. Absent at 8 bits, where a row has one scale. */
  readonly group_size?: number;
}

export interface ModelConfig {
  readonly model_type: 'hippo';
  /** Tokens the model knows. */
  readonly vocab_size: number;
  /** The embedding table's rows are rounded up to a multiple of this; default 8. */
  readonly pad_vocab_size_multiple: number;
  /** Width of the residual stream. */
  readonly d_model: number;
  readonly n_layer: number;
  /** Inner width of the MLPs; default 4·d_model. */
  readonly d_inner: number;
  /** The kind of every layer, or a list of n_layer kinds; default `h3`. */
  readonly mixer: MixerKind | readonly MixerKind[];
  /** Layers (from 0) that are attention instead of `mixer`; must be empty when `mixer` is a list. */
  readonly attn_layer_idx: readonly number[];
  /** Attention heads; default d_model/64, or 1 where that is no whole number. */
  readonly num_heads: number;
  /** Entries of each attention head that turn with position; 0 = none. */
  readonly rotary_emb_dim: number;
  /** Real size of the state of H3 and S4D; default 64. */
  readonly d_state: number;
  /** Complex states of GSS; default 512. */
  readonly gss_states: number;
  /** Head dimension of H3; default 1. */
  readonly head_dim: number;
  /** The SSM that H3 layers lack, for ablations; default `none`. */
  readonly h3_without: H3Without;
  /** Initial A; default `diag-lin`, for S4D `diag-inv`. */
  readonly measure: Measure;
  /** Discretisation; default `bilinear`, for S4D `zoh`. */
  readonly disc: Discretisation;
  /** Range of the initial steps Δ; default 0.001 to 0.1. */
  readonly dt_min: number;
  readonly dt_max: number;
  /** S4D's output layer with a gate; default false. */
  readonly s4d_gated: boolean;
  /** Longest sequence with learned positions; 0 = no learned positions. */
  readonly max_position_embeddings: number;
  /** Dropout while training, on the embeddings, on what blocks add to the residual, on attention weights, inside S4D. */
  readonly embed_dropout: number;
  readonly resid_dropout: number;
  readonly attn_dropout: number;
  readonly ssm_dropout: number;
  /** Standard deviation of initial weights; default 0.02. */
  readonly initializer_range: number;
  /** The output head is the embedding table; default true. */
  readonly tie_embeddings: boolean;
  /** Absent: weights in f32, as training needs them. */
  readonly quantization?: QuantizationConfig | undefined;
}

/** What is needed at least; every other key has a default. */
export type ModelConfigInput = Pick<ModelConfig, 'vocab_size' | 'd_model' | 'n_layer'> & Partial<ModelConfig>;

/** The kind of each layer. */
export function layerKinds({
  mixer,
  attn_layer_idx,
  n_layer,
}: Pick<ModelConfig, 'mixer' | 'attn_layer_idx' | 'n_layer'>): readonly MixerKind[] {
  return Array.from({ length: n_layer }, (_, layer) => {
    if (typeof mixer !== 'string') return mixer[layer] ?? 'h3';
    return attn_layer_idx.includes(layer) ? 'attention' : mixer;
  });
}

/** The vocabulary rounded up to a multiple of pad_vocab_size_multiple: rows of the embedding table, columns of the logits. */
export function paddedVocabularySize({
  vocab_size,
  pad_vocab_size_multiple,
}: Pick<ModelConfig, 'vocab_size' | 'pad_vocab_size_multiple'>): number {
  return Math.ceil(vocab_size / pad_vocab_size_multiple) * pad_vocab_size_multiple;
}
