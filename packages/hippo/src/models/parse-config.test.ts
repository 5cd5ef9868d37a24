import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError, type HippoError } from '../errors.ts';
import { layerKinds, type ModelConfig, type ModelConfigInput, paddedVocabularySize } from './config.ts';
import { parseModelConfig } from './parse-config.ts';

const small: ModelConfigInput = { vocab_size: 97, d_model: 32, n_layer: 4 };

function failure(given: unknown): HippoError {
  try {
    parseModelConfig(given);
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
  throw new Error(`test: ${JSON.stringify(given)} was accepted.`);
}

describe('model configuration', () => {
  it('fills in the defaults', () => {
    expect(parseModelConfig(small)).toEqual({
      model_type: 'hippo',
      vocab_size: 97,
      pad_vocab_size_multiple: 8,
      d_model: 32,
      n_layer: 4,
      d_inner: 128,
      mixer: 'h3',
      attn_layer_idx: [],
      num_heads: 1,
      rotary_emb_dim: 0,
      d_state: 64,
      gss_states: 512,
      head_dim: 1,
      h3_without: 'none',
      measure: 'diag-lin',
      disc: 'bilinear',
      dt_min: 0.001,
      dt_max: 0.1,
      s4d_gated: false,
      max_position_embeddings: 0,
      embed_dropout: 0,
      resid_dropout: 0,
      attn_dropout: 0,
      ssm_dropout: 0,
      initializer_range: 0.02,
      tie_embeddings: true,
    } satisfies ModelConfig);
    expect(parseModelConfig({ ...small, d_model: 768 }).num_heads).toBe(12);
    expect(parseModelConfig({ ...small, mixer: 's4d' })).toMatchObject({ measure: 'diag-inv', disc: 'zoh' });
  });

  it('survives JSON and a second reading', () => {
    const config = parseModelConfig({
      ...small,
      mixer: ['h3', 'attention', 'gss', 's4d'],
      num_heads: 4,
      rotary_emb_dim: 8,
    });
    expect(parseModelConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it('knows the kind of each layer', () => {
    expect(layerKinds(parseModelConfig({ ...small, attn_layer_idx: [1, 3] }))).toEqual([
      'h3',
      'attention',
      'h3',
      'attention',
    ]);
    expect(layerKinds(parseModelConfig({ ...small, mixer: 'gss' }))).toEqual(['gss', 'gss', 'gss', 'gss']);
    expect(layerKinds(parseModelConfig({ ...small, mixer: ['s4d', 'h3', 'gss', 'attention'] }))).toEqual([
      's4d',
      'h3',
      'gss',
      'attention',
    ]);
  });

  it.each([
    [97, 8, 104],
    [96, 8, 96],
    [1, 8, 8],
    [50257, 8, 50264],
    [97, 1, 97],
  ])('pads %i tokens to a multiple of %i: %i', (vocab_size, pad_vocab_size_multiple, expected) => {
    expect(paddedVocabularySize({ vocab_size, pad_vocab_size_multiple })).toBe(expected);
  });

  it.each<[unknown, string, RegExp]>([
    [{ ...small, d_modle: 3 }, 'config-unknown-key', /no setting "d_modle"\. Did you mean "d_model"\?/],
    [{ ...small, zzzzzzzzzzzzz: 3 }, 'config-unknown-key', /no setting "zzzzzzzzzzzzz"\. Remove it\./],
    [{ d_model: 32, n_layer: 1 }, 'config-missing-key', /"vocab_size" is missing\. Give a whole number of at least 1/],
    [null, 'config-not-object', /must be an object of settings; got null/],
    [[1], 'config-not-object', /got a list/],
    ['{}', 'config-not-object', /must be an object/],
    [{ ...small, n_layer: 0 }, 'config-value', /"n_layer" must be a whole number of at least 1; got 0/],
    [{ ...small, d_model: '32' }, 'config-value', /"d_model" must be a whole number of at least 1; got "32"/],
    [{ ...small, d_model: 1e300 }, 'config-value', /"d_model"/],
    [
      { ...small, embed_dropout: 1 },
      'config-value',
      /"embed_dropout" must be a number of at least 0 and below 1; got 1/,
    ],
    [{ ...small, tie_embeddings: 1 }, 'config-value', /"tie_embeddings" must be true or false; got 1/],
    [{ ...small, measure: 'diag-lim' }, 'config-value', /"measure" must be one of diag, diag-lin.*got "diag-lim"/],
    [{ ...small, disc: 'dss' }, 'config-value', /one of bilinear, zoh; got "dss"/],
    [
      { ...small, mixer: ['h3', 'mamba'] },
      'config-value',
      /"mixer" must be one of h3, s4d, gss, attention, or a list of them/,
    ],
    [{ ...small, attn_layer_idx: [-1] }, 'config-value', /"attn_layer_idx" must be a list of whole numbers/],
    [{ ...small, attn_layer_idx: 1 }, 'config-value', /"attn_layer_idx" must be a list/],
    [{ ...small, model_type: 'gpt2' }, 'config-value', /"model_type" must be one of hippo; got "gpt2"/],
    [{ ...small, attn_layer_idx: null }, 'config-value', /got null/],
    [
      { ...small, mixer: ['h3'] },
      'config-contradiction',
      /must name n_layer = 4 layers; got 1\. Change "mixer" or "n_layer"/,
    ],
    [{ ...small, mixer: ['h3', 'h3', 'h3', 'h3'], attn_layer_idx: [1] }, 'config-contradiction', /got both/],
    [{ ...small, attn_layer_idx: [4] }, 'config-contradiction', /different layers from 0 to 3; got \[4\]/],
    [{ ...small, attn_layer_idx: [1, 1] }, 'config-contradiction', /different layers/],
    [
      { ...small, attn_layer_idx: [1], num_heads: 3 },
      'config-contradiction',
      /"d_model" must be a multiple of "num_heads"; got 32 and 3/,
    ],
    [
      { ...small, attn_layer_idx: [1], num_heads: 4, rotary_emb_dim: 3 },
      'config-contradiction',
      /even and at most d_model\/num_heads = 8; got 3/,
    ],
    [
      { ...small, attn_layer_idx: [1], num_heads: 4, rotary_emb_dim: 10 },
      'config-contradiction',
      /at most d_model\/num_heads = 8; got 10/,
    ],
    [{ ...small, rotary_emb_dim: 8 }, 'config-contradiction', /needs attention layers/],
    [{ ...small, head_dim: 5 }, 'config-contradiction', /multiple of "head_dim"; got 32 and 5/],
    [{ ...small, h3_without: 'both' }, 'config-value', /"h3_without" must be one of none, shift, diagonal; got "both"/],
    [{ ...small, mixer: 's4d', h3_without: 'shift' }, 'config-contradiction', /needs H3 layers.*no H3 layer/],
    [{ ...small, d_model: 30, mixer: 'gss' }, 'config-contradiction', /multiple of 4 for GSS/],
    [{ ...small, d_state: 5 }, 'config-contradiction', /"d_state".*even; got 5/],
    [{ ...small, dt_min: 0.2 }, 'config-contradiction', /"dt_min" must be below "dt_max"; got 0\.2 and 0\.1/],
    [{ ...small, measure: 'diag', head_dim: 32 }, 'config-contradiction', /even number of heads/],
    [{ ...small, measure: 'diag', mixer: 's4d' }, 'config-contradiction', /no S4D layer/],
  ])('refuses %j', (given, code, sentence) => {
    const error = failure(given);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(sentence);
  });

  it('a rule about attention or H3 does not bind models without them', () => {
    expect(parseModelConfig({ ...small, num_heads: 5 }).num_heads).toBe(5);
    expect(parseModelConfig({ ...small, mixer: 'gss', head_dim: 5 }).head_dim).toBe(5);
  });

  it('any JSON is either read or refused with a sentence', () => {
    const value = fc.jsonValue();
    const object = fc.dictionary(
      fc.constantFrom(...Object.keys(parseModelConfig(small)), '__proto__', 'constructor', 'x'),
      value,
    );
    fc.assert(
      fc.property(
        fc.oneof(
          value,
          object.map((given) => ({ ...small, ...given })),
        ),
        (given) => {
          try {
            expect(parseModelConfig(parseModelConfig(given))).toEqual(parseModelConfig(given));
          } catch (error) {
            if (!(error instanceof CheckpointError)) throw error;
            expect(error.message).toMatch(/^config: .*\.|\?$/);
          }
        },
      ),
      { seed: 1, numRuns: 400 },
    );
  });
});
