// The released models' sizes, to the number (paper.md 1.7). Counting declares every variable and allocates none.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { languageModel } from './language-model.ts';
import { parameterCount } from './parameter-count.ts';
import { preset, presetNames } from './presets.ts';

const total = (name: string, changes: object = {}): number =>
  parameterCount(languageModel({ ...preset(name), ...changes })).total;

/** GPT-2 of width d: table, positions, 12d² + 13d a layer, last norm. */
const transformer = (width: number, layers: number): number =>
  50_264 * width + 2048 * width + layers * (12 * width ** 2 + 13 * width) + 2 * width;

describe('presets', () => {
  it.each([
    ['h3-125m', 126_387_456],
    ['h3-355m', 361_058_304],
    ['h3-1.3b', 1_326_096_384],
    ['h3-2.7b', 2_671_134_720],
    ['h3-2.7b-3attn', 2_670_307_840],
    ['transformer-125m', transformer(768, 12)],
    ['transformer-355m', transformer(1024, 24)],
    ['transformer-1.3b', transformer(2048, 24)],
    ['transformer-2.7b', transformer(2560, 32)],
  ])('%s has %i parameters', (name, expected) => {
    expect(total(name)).toBe(expected);
  });

  it('125M with a second attention layer has 126,139,392', () => {
    expect(total('h3-125m', { attn_layer_idx: [1, 7] })).toBe(126_139_392);
  });

  it('count their parts', () => {
    const { total: all, embeddings, mixers, mlps, rest } = parameterCount(languageModel(preset('h3-125m')));
    expect(embeddings).toBe(50_264 * 768);
    expect(mlps).toBe(12 * (8 * 768 ** 2 + 5 * 768));
    expect(rest).toBe(25 * 2 * 768);
    expect(mixers).toBe(all - embeddings - mlps - rest);
  });

  it('the models of the synthetic tasks, vocabulary not padded, have 46.8k and 46.5k parameters (paper.md 2.2)', () => {
    const task = { d_model: 32, n_layer: 2, pad_vocab_size_multiple: 1 };
    expect(parameterCount(languageModel({ ...task, vocab_size: 20 })).total).toBe(46_784);
    expect(parameterCount(languageModel({ ...task, vocab_size: 10 })).total).toBe(46_464);
  });

  it('are configurations that read themselves', () => {
    for (const name of presetNames) expect(preset(name).vocab_size, name).toBe(50_257);
    expect(preset('h3-2.7b')).toMatchObject({
      attn_layer_idx: [10, 21],
      rotary_emb_dim: 64,
      num_heads: 20,
      initializer_range: 0.0125,
    });
    expect(preset('transformer-1.3b')).toMatchObject({ mixer: 'attention', max_position_embeddings: 2048 });
  });

  it('an unknown name is refused with the nearest', () => {
    expect(() => preset('h3-125')).toThrow(UsageError);
    expect(() => preset('h3-125')).toThrow(/got "h3-125"\. Did you mean "h3-125m"\?/);
  });
});
