// The five models of the paper's synthetic experiment (paper.md 2.2; baselines.md): 2 layers, width 32, MLP 128, state 64, head
// dimension 1, dropout 0.1 on the embeddings and on attention weights, one attention head, the vocabulary not padded. Only attention
// has positions. GSS keeps 64 complex states, and its layer brings its own expansion in place of the MLP.
import type { ModelConfigInput } from '../models/config.ts';
import { exampleWidth, type SyntheticLanguage } from './language.ts';

export const syntheticModelNames = ['s4d', 'gss', 'h3', 'hybrid', 'attention'] as const;
export type SyntheticModelName = (typeof syntheticModelNames)[number];

const kinds: Readonly<Record<SyntheticModelName, Partial<ModelConfigInput>>> = {
  s4d: { mixer: 's4d' },
  gss: { mixer: 'gss', gss_states: 64 },
  h3: { mixer: 'h3' },
  // The second of the two layers is attention, as in the paper's larger hybrids (paper.md 3.2).
  hybrid: { mixer: 'h3', attn_layer_idx: [1], attn_dropout: 0.1 },
  attention: { mixer: 'attention', attn_dropout: 0.1 },
};

/** The configuration of a model for a language; `changes` replace settings of the paper. */
export function syntheticModel(
  name: SyntheticModelName,
  language: SyntheticLanguage,
  changes: Partial<ModelConfigInput> = {},
): ModelConfigInput {
  return {
    vocab_size: language.vocabulary,
    pad_vocab_size_multiple: 1,
    d_model: 32,
    n_layer: 2,
    d_inner: 128,
    num_heads: 1,
    d_state: 64,
    head_dim: 1,
    embed_dropout: 0.1,
    ...(name === 'attention' && { max_position_embeddings: exampleWidth(language) - 1 }),
    ...kinds[name],
    ...changes,
  };
}
