// Published models, recognised by their sizes, for what their tensors cannot tell: attention heads, rotary dimension, vocabulary.
// H3: examples/README.md of the official repository, and presets.ts (paper.md 3.2, 3.4). GPT-2: Radford et al. 2019, heads of 64 in
// every size, 1,024 positions, 50,257 tokens.
import { layerKinds, type MixerKind, type ModelConfig } from './config.ts';
import { preset } from './presets.ts';

export interface ReleasedModel {
  readonly name: string;
  readonly config: Pick<
    ModelConfig,
    'd_model' | 'n_layer' | 'mixer' | 'attn_layer_idx' | 'num_heads' | 'rotary_emb_dim' | 'vocab_size'
  >;
  /** Rows of the embedding table. */
  readonly rows: number;
}

/** GPT-2's tokens, which every one of these models has. */
export const gpt2Vocabulary = 50_257;
/** Rows of a table of GPT-2's tokens: as they are, or rounded up to a multiple of 8, 64 or 128. */
export const gpt2Rows: readonly number[] = [gpt2Vocabulary, 50_264, 50_304];

const h3Names = ['h3-125m', 'h3-355m', 'h3-1.3b', 'h3-2.7b', 'h3-2.7b-3attn'] as const;

const gpt2Sizes = [
  ['GPT-2', 768, 12],
  ['GPT-2 medium', 1024, 24],
  ['GPT-2 large', 1280, 36],
  ['GPT-2 XL', 1600, 48],
] as const;

export const releasedModels: readonly ReleasedModel[] = [
  ...h3Names.map((name) => ({ name, config: preset(name), rows: 50_264 })),
  ...gpt2Sizes.map(([name, d_model, n_layer]) => ({
    name,
    config: {
      d_model,
      n_layer,
      mixer: 'attention' as const,
      attn_layer_idx: [],
      num_heads: d_model / 64,
      rotary_emb_dim: 0,
      vocab_size: gpt2Vocabulary,
    },
    rows: gpt2Vocabulary,
  })),
];

/** The released model with these layers, width and rows. */
export function recogniseModel(found: {
  readonly width: number;
  readonly kinds: readonly MixerKind[];
  readonly rows: number;
}): ReleasedModel | undefined {
  return releasedModels.find(
    ({ config, rows }) =>
      config.d_model === found.width &&
      rows === found.rows &&
      config.n_layer === found.kinds.length &&
      layerKinds(config).every((kind, layer) => kind === found.kinds[layer]),
  );
}
