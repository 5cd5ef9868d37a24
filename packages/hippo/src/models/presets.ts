// The configurations of the released models, and Transformers of the same sizes (paper.md 1.7, 3.2 and 3.4). Vocabulary and
// padding are GPT-2's: 50,257 tokens, 50,264 rows.
import { UsageError } from '../errors.ts';
import { nearest } from '../suggest.ts';
import type { ModelConfig, ModelConfigInput } from './config.ts';
import { parseModelConfig } from './parse-config.ts';

const sizes = {
  '125m': { d_model: 768, n_layer: 12, num_heads: 12 },
  '355m': { d_model: 1024, n_layer: 24, num_heads: 16 },
  '1.3b': { d_model: 2048, n_layer: 24, num_heads: 16 },
  '2.7b': { d_model: 2560, n_layer: 32, num_heads: 20, initializer_range: 0.0125 },
} as const;

type Size = keyof typeof sizes;

const common = { vocab_size: 50_257, embed_dropout: 0.1, attn_dropout: 0.1 } as const;

const hybrid = (size: Size, attn_layer_idx: readonly number[], rest: Partial<ModelConfig> = {}): ModelConfigInput => ({
  ...common,
  ...sizes[size],
  attn_layer_idx,
  ...rest,
});
// Trained with a context of 2,048 tokens, as the H3 models.
const transformer = (size: Size): ModelConfigInput => ({
  ...common,
  ...sizes[size],
  mixer: 'attention',
  max_position_embeddings: 2048,
});

const presets = {
  'h3-125m': hybrid('125m', [6]),
  'h3-355m': hybrid('355m', [8, 16]),
  'h3-1.3b': hybrid('1.3b', [8, 16]),
  'h3-2.7b': hybrid('2.7b', [10, 21], { rotary_emb_dim: 64 }),
  'h3-2.7b-3attn': hybrid('2.7b', [8, 16, 24]),
  'transformer-125m': transformer('125m'),
  'transformer-355m': transformer('355m'),
  'transformer-1.3b': transformer('1.3b'),
  'transformer-2.7b': transformer('2.7b'),
} as const satisfies Record<string, ModelConfigInput>;

export type PresetName = keyof typeof presets;

export const presetNames = Object.keys(presets) as readonly PresetName[];

/**
 * The configuration of a named model.
 * @throws UsageError `unknown-preset`, with the nearest name.
 */
export function preset(name: PresetName | (string & {})): ModelConfig {
  const found = presetNames.find((one) => one === name);
  if (found) return parseModelConfig(presets[found]);
  const suggestion = nearest(name, presetNames);
  throw new UsageError(
    'unknown-preset',
    `preset: the names are ${presetNames.join(', ')}; got "${name}".${suggestion ? ` Did you mean "${suggestion}"?` : ''}`,
    { name, suggestion },
  );
}
