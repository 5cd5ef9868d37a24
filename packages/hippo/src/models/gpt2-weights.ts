// GPT-2 (Radford et al. 2019) as our Transformer: the common library's names → ours, and its config.json → our configuration. That
// library keeps each projection as a "Conv1D", [inputs, outputs], the transpose of ours; other programs keep the same names over
// ordinary [outputs, inputs] matrices, and the shape of c_attn, which is not square, tells the two apart.
import type { StoredTensor } from '../checkpoint/adapted-source.ts';
import type { TensorSource } from '../checkpoint/safetensors.ts';
import { CheckpointError } from '../errors.ts';
import type { ModelConfigInput } from './config.ts';
import { addName, type ParameterNames, type UnwrappedNames } from './parameter-names.ts';

const outside = new Map([
  ['wte.weight', 'backbone.embeddings.word_embeddings.weight'],
  ['wpe.weight', 'backbone.embeddings.position_embeddings.weight'],
  ['ln_f.weight', 'backbone.ln_f.weight'],
  ['ln_f.bias', 'backbone.ln_f.bias'],
  ['lm_head.weight', 'lm_head.weight'],
]);

const inside: Readonly<Record<string, string>> = {
  ln_1: 'norm1',
  'attn.c_attn': 'mixer.Wqkv',
  'attn.c_proj': 'mixer.out_proj',
  ln_2: 'norm2',
  'mlp.c_fc': 'mlp.fc1',
  'mlp.c_proj': 'mlp.fc2',
};

const inLayer = /^h\.(\d+)\.(ln_1|ln_2|attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj)\.(weight|bias)$/;
/** Causal masks, which older versions of the library saved as if they were parameters. */
const mask = /^h\.\d+\.attn\.(?:bias|masked_bias)$/;
/** There in every GPT-2, in no other model, and not square. */
const tellingName = 'h.0.attn.c_attn.weight';
const bareName = (name: string): string => name.replace(/^transformer\./, '');

/** Whether these names, wrappers taken off, are GPT-2's. */
export function isGpt2(names: Iterable<string>): boolean {
  return [...names].some((name) => bareName(name) === tellingName);
}

/** Maps the names of a GPT-2 file; one that is not known keeps its own name, which no model has, and so is named in an error later. */
export function gpt2ParameterNames(
  { names, ignored, file }: UnwrappedNames,
  { tensors }: Pick<TensorSource, 'tensors'>,
): ParameterNames {
  const telling = [...names].find(([name]) => bareName(name) === tellingName)?.[1];
  const [rows = 0, columns = 0] = (telling !== undefined && tensors.get(telling)?.shape) || [];
  const convolutional = columns === 3 * rows;
  const stored = new Map<string, StoredTensor>();
  const left = [...ignored];
  for (const [name, from] of names) {
    const bare = bareName(name);
    if (mask.test(bare)) {
      left.push({ name: from, reason: 'the causal mask' });
      continue;
    }
    const [, layer, part = '', kind] = inLayer.exec(bare) ?? [];
    const ours = layer === undefined ? (outside.get(bare) ?? name) : `backbone.layers.${layer}.${inside[part]}.${kind}`;
    const transposed = convolutional && kind === 'weight' && part.includes('.');
    const value: StoredTensor = { stored: from, ...(transposed && { transposed }) };
    addName(stored, { name: ours, value, from: (place) => place.stored }, file);
  }
  return { naming: 'GPT-2', stored, ignored: left };
}

/** What our Transformer is, by the library's settings: where a file says otherwise it is another model. */
const fixed: readonly (readonly [key: string, allowed: readonly unknown[]])[] = [
  // Three names of the library for GELU by tanh.
  ['activation_function', ['gelu_new', 'gelu_pytorch_tanh', 'gelu_fast']],
  ['layer_norm_epsilon', [1e-5]],
  ['scale_attn_weights', [true]],
  ['scale_attn_by_inverse_layer_idx', [false]],
  ['add_cross_attention', [false]],
];

/**
 * Our configuration from GPT-2's config.json.
 * @throws CheckpointError `gpt2-config` for a missing size, or a setting our Transformer does not have.
 */
export function gpt2Config(given: Readonly<Record<string, unknown>>, file: string): ModelConfigInput {
  for (const [key, allowed] of fixed) {
    if (given[key] !== undefined && given[key] !== null && !allowed.includes(given[key]))
      throw new CheckpointError(
        'gpt2-config',
        `${file}: "${key}" must be ${allowed.map((value) => JSON.stringify(value)).join(' or ')}, which is what this Transformer computes; got ${JSON.stringify(given[key])}. The model is another one.`,
        { file, key },
      );
  }
  const size = (key: string): number => {
    const value = given[key];
    if (typeof value === 'number') return value;
    throw new CheckpointError(
      'gpt2-config',
      `${file}: "${key}" must be a number; got ${JSON.stringify(value)}. Restore the file that belongs to the weights.`,
      { file, key },
    );
  };
  const rate = (key: string): number => (given[key] === undefined ? 0 : size(key));
  return {
    vocab_size: size('vocab_size'),
    pad_vocab_size_multiple: 1,
    d_model: size('n_embd'),
    n_layer: size('n_layer'),
    mixer: 'attention',
    num_heads: size('n_head'),
    max_position_embeddings: size('n_positions'),
    ...(typeof given.n_inner === 'number' && { d_inner: given.n_inner }),
    embed_dropout: rate('embd_pdrop'),
    resid_dropout: rate('resid_pdrop'),
    attn_dropout: rate('attn_pdrop'),
    ...(given.tie_word_embeddings === false && { tie_embeddings: false }),
  };
}
