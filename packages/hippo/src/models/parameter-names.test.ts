// Older names and the older order of norms, each norm with numbers of its own so that none can be taken for another.
import { describe, expect, it } from 'vitest';
import { h3ParameterNames, unwrapNames } from './parameter-names.ts';

const norms = ['weight', 'bias'];
const layers = [0, 1, 2];
const mapped = (stored: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    [...h3ParameterNames(unwrapNames(stored, 'file')).stored].map(([ours, { stored: from }]) => [ours, from]),
  );

describe('names of H3 files', () => {
  it.each(['s4seq.encoder.norm', 'backbone.norm', 'backbone.ln_0'])(
    'in the older order, first norm %s: a norm that stood after a part belongs to the part it feeds',
    (first) => {
      const prefix = first.replace(/\.[^.]*$/, '');
      const stored = norms.flatMap((kind) => [
        `${first}.${kind}`,
        ...layers.flatMap((layer) => [
          `${prefix}.layers.${layer}.norm1.${kind}`,
          `${prefix}.layers.${layer}.norm2.${kind}`,
        ]),
      ]);
      const expected = norms.flatMap((kind) => [
        [`backbone.layers.0.norm1.${kind}`, `${first}.${kind}`],
        [`backbone.layers.0.norm2.${kind}`, `${prefix}.layers.0.norm1.${kind}`],
        [`backbone.layers.1.norm1.${kind}`, `${prefix}.layers.0.norm2.${kind}`],
        [`backbone.layers.1.norm2.${kind}`, `${prefix}.layers.1.norm1.${kind}`],
        [`backbone.layers.2.norm1.${kind}`, `${prefix}.layers.1.norm2.${kind}`],
        [`backbone.layers.2.norm2.${kind}`, `${prefix}.layers.2.norm1.${kind}`],
        [`backbone.ln_f.${kind}`, `${prefix}.layers.2.norm2.${kind}`],
      ]);
      expect(mapped(stored)).toEqual(Object.fromEntries(expected));
    },
  );

  it('of today pass unchanged, older ones are renamed', () => {
    const today = ['backbone.ln_f.weight', 'backbone.layers.0.norm2.bias', 'lm_head.weight'];
    expect(mapped(today)).toEqual(Object.fromEntries(today.map((name) => [name, name])));
    expect(mapped(['model.embedding.weight', 'model.s4seq.encoder.layers.11.mixer.D'])).toEqual({
      'backbone.embeddings.word_embeddings.weight': 'model.embedding.weight',
      'backbone.layers.11.mixer.D': 'model.s4seq.encoder.layers.11.mixer.D',
    });
  });

  it('leave out buffers and what a trainer keeps beside the network, and say so', () => {
    const { stored, ignored, naming } = h3ParameterNames(
      unwrapNames(
        ['model.backbone.ln_f.bias', 'model.backbone.layers.1.mixer.rotary_emb.inv_freq', 'train_loss.value'],
        'file',
      ),
    );
    expect([...stored.keys()]).toEqual(['backbone.ln_f.bias']);
    expect(naming).toBe('H3');
    expect(ignored.map(({ name }) => name)).toEqual([
      'train_loss.value',
      'model.backbone.layers.1.mixer.rotary_emb.inv_freq',
    ]);
  });

  it('that are the same under two wrappers are refused', () => {
    expect(() => unwrapNames(['model.backbone.ln_f.bias', '_orig_mod.model.backbone.ln_f.bias'], 'file')).toThrow(
      'file: one tensor a parameter; got both "model.backbone.ln_f.bias" and "_orig_mod.model.backbone.ln_f.bias"',
    );
  });

  it.each([
    [['embedding.weight', 'backbone.embeddings.word_embeddings.weight']],
    [['s4seq.encoder.layers.0.mixer.D', 'backbone.layers.0.mixer.D']],
    [['backbone.norm.weight', 'backbone.ln_0.weight']],
    [['backbone.norm.weight', 'backbone.layers.0.norm2.weight', 'backbone.ln_f.weight']],
  ])('that mean the same parameter are refused: %j', (stored) => {
    expect(() => mapped(stored)).toThrow('file: one tensor a parameter; got both "');
  });
});
