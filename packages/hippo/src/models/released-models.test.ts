// Every released model is recognised by its tensors' names and shapes alone, with heads, rotary dimension and vocabulary.
import { describe, expect, it } from 'vitest';
import type { TensorSource } from '../checkpoint/safetensors.ts';
import { elementCount } from '../tensor/shape.ts';
import { adaptCheckpoint } from './adapt-checkpoint.ts';
import type { ModelConfigInput } from './config.ts';
import { languageModel } from './language-model.ts';
import { preset } from './presets.ts';
import { releasedModels } from './released-models.ts';

/** The header of a file with this model's tensors; nothing can be read from it, but that an untied head is another one. */
function headerOf(config: ModelConfigInput, metadata: Record<string, string> = {}): TensorSource {
  const names = languageModel(config).variables.map(({ name, shape }) => {
    return [name, { name, shape, dtype: 'f32' as const, bytes: 4 * elementCount(shape) }] as const;
  });
  const read = async (): Promise<never> => {
    throw new Error('a tensor was read');
  };
  const readRange = async (name: string, begin: number, end: number) =>
    config.tie_embeddings === false ? new Float32Array(end - begin).fill(name.length) : read();
  return { tensors: new Map(names), metadata, read, readRange };
}

const open = (config: ModelConfigInput, { metadata = {}, overrides = {} } = {}) =>
  adaptCheckpoint(headerOf(config, metadata), { file: 'model.pt', overrides });

describe('released models', () => {
  it.each(['h3-125m', 'h3-355m', 'h3-1.3b', 'h3-2.7b', 'h3-2.7b-3attn'])('%s needs no flag', async (name) => {
    const { config, settings } = await open(preset(name));
    const { embed_dropout: _e, attn_dropout: _a, initializer_range: _i, ...expected } = preset(name);
    expect(config).toMatchObject(expected);
    expect(settings.map(({ from }) => from)).toEqual(Array(3).fill(`${name}, which has these sizes`));
  });

  it.each(
    releasedModels.filter(({ name }) => name.startsWith('GPT-2')).map(({ name, config }) => [name, config] as const),
  )('%s needs no flag', async (_, { d_model, n_layer, num_heads }) => {
    const { config } = await open({
      vocab_size: 50_257,
      pad_vocab_size_multiple: 1,
      d_model,
      n_layer,
      mixer: 'attention',
      max_position_embeddings: 1024,
    });
    expect(config).toMatchObject({ num_heads, vocab_size: 50_257, pad_vocab_size_multiple: 1, rotary_emb_dim: 0 });
  });

  it('with other attention layers is not taken for a released one', async () => {
    const other = { ...preset('h3-125m'), attn_layer_idx: [1, 7] };
    await expect(open(other)).rejects.toMatchObject({ code: 'unknown-heads' });
    await expect(open(other)).rejects.toThrow('attention layers (1, 7)');
    const { config, settings } = await open(other, { overrides: { num_heads: 12 } });
    expect(config).toMatchObject({ num_heads: 12, rotary_emb_dim: 0, vocab_size: 50_257 });
    expect(settings.find(({ key }) => key === 'vocab_size')?.from).toBe("GPT-2's tokens, padded to 50264 rows");
  });

  it('what the user gives wins over the table', async () => {
    const { config, settings } = await open(preset('h3-2.7b'), { overrides: { rotary_emb_dim: 0, num_heads: 40 } });
    expect(config).toMatchObject({ rotary_emb_dim: 0, num_heads: 40 });
    expect(settings.map(({ key, from }) => [key, from])).toEqual([
      ['vocab_size', 'h3-2.7b, which has these sizes'],
      ['num_heads', 'given'],
      ['rotary_emb_dim', 'given'],
    ]);
  });
});

const base = { vocab_size: 13, d_model: 8, n_layer: 2 } as const;
const own = { ...base, d_state: 6, attn_layer_idx: [1], num_heads: 2 } as const;

describe('metadata', () => {
  it.each([
    [{ 'hyper_parameters.n_heads': '4' }, { num_heads: 4 }],
    [
      { 'model_args.n_head': '2', 'config.attn_cfg.num_heads': '2', 'a.rotary_emb_dim': '4' },
      { num_heads: 2, rotary_emb_dim: 4 },
    ],
    [
      { config: JSON.stringify({ ...own, model_type: 'hippo', measure: 'diag-inv' }) },
      { num_heads: 2, measure: 'diag-inv', vocab_size: 13 },
    ],
  ])('%j tells what tensors cannot', async (metadata, expected) => {
    expect((await open(own, { metadata })).config).toMatchObject(expected);
  });

  it.each([
    [{ 'a.num_heads': '4', 'b.num_heads': '2' }, 'unknown-heads'],
    [{ config: '{"num_heads": 2}' }, 'unknown-heads'],
    [{ config: JSON.stringify({ ...own, model_type: 'hippo', n_layer: 3 }) }, 'metadata-contradicts'],
    [{ config: '{' }, 'metadata'],
  ])('%j does not', async (metadata, code) => {
    await expect(open(own, { metadata })).rejects.toMatchObject({ name: 'CheckpointError', code });
  });
});

describe('every kind of model', () => {
  it.each<ModelConfigInput>([
    { ...base, d_state: 6, mixer: 's4d', s4d_gated: true },
    { ...base, gss_states: 5, mixer: 'gss' },
    { ...base, mixer: 'attention', num_heads: 2, max_position_embeddings: 20, d_inner: 12 },
    { ...base, n_layer: 4, mixer: ['gss', 'attention', 's4d', 'h3'], d_state: 6, gss_states: 5, tie_embeddings: false },
    { ...own, head_dim: 4 },
  ])('%j is inferred', async (config) => {
    const { model } = await open(config, { overrides: { num_heads: 2, vocab_size: 13 } });
    expect(model.config).toMatchObject({ ...config });
    expect(model.variables.map(({ name, shape }) => [name, shape])).toEqual(
      languageModel(config).variables.map(({ name, shape }) => [name, shape]),
    );
  });

  it('keeps what is given and no tensor tells', async () => {
    const overrides = { num_heads: 4, embed_dropout: 0.1, measure: 'diag-inv' as const };
    expect((await open({ ...base, d_state: 6 }, { overrides })).config).toMatchObject(overrides);
    await expect(open(base, { overrides: { rotary_emb_dim: 2 } })).rejects.toThrow('needs attention layers to turn');
  });
});
