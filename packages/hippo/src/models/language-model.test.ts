// Language models of every kind: chunks = whole, learned positions, what training turns on, causality, names and refusals.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { input, traceGraph } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import {
  backends,
  evaluate,
  inputOf,
  openStore,
  outputOf,
  perturb,
  relativeError,
  tolerances,
} from '../nn/layer.test-support.ts';
import type { State } from '../nn/mixer.ts';
import { concat, full, iota, reshape, sliceAxis } from '../ops/index.ts';
import { scalarOf, tensor } from '../tensor/host-tensor.ts';
import { checkCausality } from '../testing/causality.ts';
import type { ModelConfigInput } from './config.ts';
import { languageModel } from './language-model.ts';

const base = { vocab_size: 13, d_model: 8, n_layer: 2, d_state: 6, gss_states: 5, initializer_range: 0.4 } as const;
const models: Readonly<Record<string, ModelConfigInput>> = {
  h3: base,
  'h3, head dim 4': { ...base, head_dim: 4 },
  'h3 without its shift SSM': { ...base, h3_without: 'shift' },
  'hybrid without its diagonal SSM': {
    ...base,
    h3_without: 'diagonal',
    head_dim: 2,
    attn_layer_idx: [1],
    num_heads: 2,
  },
  hybrid: { ...base, attn_layer_idx: [1], num_heads: 2, rotary_emb_dim: 2 },
  transformer: { ...base, mixer: 'attention', num_heads: 2, max_position_embeddings: 16 },
  s4d: { ...base, mixer: 's4d' },
  gss: { ...base, mixer: 'gss' },
  mixed: { ...base, n_layer: 4, mixer: ['gss', 'attention', 's4d', 'h3'], tie_embeddings: false },
};
const [batch, length] = [2, 11];
const tokens = tensor(
  Int32Array.from({ length: batch * length }, (_, i) => (i * 7 + 3) % 13),
  [batch, length],
);
const random = { key: tensor(Uint32Array.of(5, 0), [2]), counter: tensor([0], [], 'i32') };

describe.each(backends)('language models on %s', (backend) => {
  const open = async (config: ModelConfigInput) => {
    const model = languageModel(config);
    const store = await openStore(backend, model.variables);
    await perturb(store, model.variables);
    return { model, store };
  };

  describe.each(Object.entries(models))('%s', (_, config) => {
    it('in chunks is the whole, and `last` is the last row', async () => {
      const { model, store } = await open(config);
      const outputs = await evaluate(store, { tokens }, (values) => {
        const ids = inputOf(values, 'tokens');
        let state: State = Object.fromEntries(
          model.stateShapes(batch, length).map(({ name, shape }) => [name, full(shape, 0)]),
        );
        const parts: Value[] = [];
        for (const [from, to] of [
          [0, 5],
          [5, 6],
          [6, 11],
        ] as const) {
          const result = model.apply(sliceAxis(ids, 1, from, to), { state, position: full([], from, 'i32') });
          parts.push(result.logits);
          state = result.state;
        }
        return {
          whole: model.apply(ids).logits,
          chunks: concat(parts, 1),
          last: model.apply(ids, { logits: 'last' }).logits,
        };
      });
      const whole = outputOf(outputs, 'whole');
      expect(whole.shape).toEqual([batch, length, 16]);
      expect(relativeError(outputOf(outputs, 'chunks').data, whole.data)).toBeLessThan(tolerances.equivalence);
      const last = [
        ...whole.data.subarray((length - 1) * 16, length * 16),
        ...whole.data.subarray((2 * length - 1) * 16),
      ];
      expect(outputOf(outputs, 'last').shape).toEqual([batch, 1, 16]);
      expect(relativeError(outputOf(outputs, 'last').data, last)).toBeLessThan(tolerances.equivalence);
    });

    it('returns the state it declares', async () => {
      const { model, store } = await open(config);
      await evaluate(store, { tokens }, (values) => {
        const { state } = model.apply(inputOf(values, 'tokens'));
        expect(Object.entries(state).map(([name, { shape, dtype }]) => ({ name, shape, dtype }))).toEqual(
          model.stateShapes(batch, length).map(({ name, shape, dtype }) => ({ name, shape, dtype })),
        );
        return {};
      });
    });

    it('is causal', async () => {
      const { model, store } = await open(config);
      const report = await checkCausality((ids) => model.apply(ids).logits, {
        store,
        vocabularySize: 13,
        length: 12,
        batch: 2,
      });
      expect(report).toMatchObject({ causal: true });
      expect(report.influence).toBeGreaterThan(1e-3);
    });

    it('loss is the mean of the token losses, each from the logits over the padded vocabulary', async () => {
      const { model, store } = await open(config);
      const outputs = await evaluate(store, { tokens }, (values) => {
        const ids = inputOf(values, 'tokens');
        return {
          loss: model.loss(ids),
          rows: model.tokenLosses(ids),
          logits: model.apply(sliceAxis(ids, 1, 0, length - 1)).logits,
        };
      });
      const [rows, logits] = [outputOf(outputs, 'rows'), outputOf(outputs, 'logits')];
      expect(rows.shape).toEqual([batch, length - 1]);
      const expected = Array.from(rows.data, (__, i) => {
        const row = logits.data.subarray(i * 16, (i + 1) * 16);
        const target = tokens.data[Math.floor(i / (length - 1)) * length + (i % (length - 1)) + 1] ?? 0;
        return Math.log([...row].reduce((sum, x) => sum + Math.exp(x), 0)) - (row[target] ?? Number.NaN);
      });
      expect(relativeError(rows.data, expected)).toBeLessThan(tolerances.equivalence);
      expect(scalarOf(outputOf(outputs, 'loss'))).toBeCloseTo(expected.reduce((a, b) => a + b, 0) / expected.length, 4);
    });
  });

  it.each(['embed_dropout', 'resid_dropout', 'attn_dropout', 'ssm_dropout'] as const)(
    '%s acts only while training',
    async (key) => {
      const { model, store } = await open({ ...base, mixer: ['s4d', 'attention'], num_heads: 2, [key]: 0.5 });
      const outputs = await evaluate(store, { tokens, ...random }, (values) => {
        const ids = inputOf(values, 'tokens');
        const source = { key: inputOf(values, 'key'), counter: inputOf(values, 'counter') };
        return { plain: model.apply(ids).logits, training: model.apply(ids, { random: source }).logits };
      });
      expect(relativeError(outputOf(outputs, 'training').data, outputOf(outputs, 'plain').data)).toBeGreaterThan(0.01);
      const without = await open({ ...base, mixer: ['s4d', 'attention'], num_heads: 2 });
      const { logits } = await evaluate(without.store, { tokens }, (values) => ({
        logits: without.model.apply(inputOf(values, 'tokens')).logits,
      }));
      expect(relativeError(outputOf(outputs, 'plain').data, logits?.data ?? [])).toBeLessThan(tolerances.equivalence);
    },
  );

  it('drops in every place once: embeddings, both halves of each block, attention weights, inside S4D', () => {
    const rates = { embed_dropout: 0.1, resid_dropout: 0.2, attn_dropout: 0.3, ssm_dropout: 0.4 };
    const model = languageModel({ ...base, n_layer: 3, mixer: ['s4d', 'attention', 'gss'], ...rates });
    const { nodes } = traceGraph(() => {
      const key = input('key', { shape: [2], dtype: 'u32' });
      const source = { key, counter: input('counter', { shape: [], dtype: 'i32' }) };
      const ids = input('tokens', { shape: [1, 5], dtype: 'i32' });
      return { logits: model.apply(ids, { random: source }).logits };
    });
    const places = nodes.filter(({ operation }) => operation.name === 'randomUniform').map(({ origin }) => origin.path);
    expect(places).toEqual([
      'backbone',
      'backbone.layers.0.mixer',
      'backbone.layers.0',
      'backbone.layers.0',
      'backbone.layers.1.mixer',
      'backbone.layers.1',
      'backbone.layers.1',
      'backbone.layers.2',
    ]);
  });

  it('learned positions tell equal tokens apart', async () => {
    const { model, store } = await open({ ...base, mixer: 'attention', max_position_embeddings: 4 });
    const same = tensor(Int32Array.of(3, 3, 3, 3), [1, 4]);
    const { logits } = await evaluate(store, { same }, (values) => ({
      logits: model.apply(inputOf(values, 'same')).logits,
    }));
    expect(relativeError(logits?.data.subarray(16, 32), logits?.data.subarray(0, 16) ?? [])).toBeGreaterThan(0.01);
  });

  it('a length of 1 works', async () => {
    const { model, store } = await open(models.hybrid ?? base);
    const { logits } = await evaluate(store, { one: tensor(Int32Array.of(4), [1, 1]) }, (values) => ({
      logits: model.apply(inputOf(values, 'one')).logits,
    }));
    expect(logits?.data.every(Number.isFinite)).toBe(true);
  });

  it('says what it does not take', async () => {
    const { model, store } = await open({ ...base, mixer: 'attention', max_position_embeddings: 4 });
    await evaluate(store, { tokens }, (values) => {
      const ids = inputOf(values, 'tokens');
      expect(() => model.apply(ids)).toThrow(/learned positions end at 4 .*; got a sequence of 11/);
      expect(() => model.apply(sliceAxis(ids, 1, 0, 2), { state: {} })).toThrow(/needs `position`/);
      expect(() => model.apply(reshape(ids, [-1]))).toThrow(/tokens must be i32 \[batch, length\]; got i32\[22\]/);
      expect(() => model.apply(full([1, 2], 0))).toThrow(UsageError);
      expect(() => model.loss(sliceAxis(ids, 1, 0, 1))).toThrow(/a loss needs at least 2 tokens.*got 1/);
      expect(() => model.apply(full([1, 0], 0, 'i32'))).toThrow(/at least 1 token; got 0/);
      expect(() => model.apply(sliceAxis(ids, 1, 0, 2), { state: {}, position: iota(3, 'i32') })).toThrow(
        /i32 scalar or i32 \[2\], one for each sequence; got i32\[3\]/,
      );
      return {};
    });
  });
});

describe('the parameters of a language model', () => {
  it('GPT-2 rescales only what attention and the MLP write to the residual stream', () => {
    const { variables } = languageModel({ ...base, n_layer: 8, d_model: 64, attn_layer_idx: [1] });
    const deviation = (name: string): number => {
      const variable = variables.find((one) => one.name === `backbone.layers.${name}.weight`);
      const content = Array.from(variable?.initialize({ name: variable.name, shape: variable.shape, seed: 0 }) ?? []);
      return Math.sqrt(content.reduce((sum, x) => sum + x * x, 0) / content.length);
    };
    for (const name of ['1.mixer.out_proj', '0.mlp.fc2', '1.mlp.fc2'])
      expect(deviation(name), name).toBeCloseTo(0.1, 2);
    for (const name of ['1.mixer.Wqkv', '0.mlp.fc1', '0.mixer.output_linear', '0.mixer.q_proj'])
      expect(deviation(name), name).toBeCloseTo(0.4, 1);
  });

  it('GSS blocks have no MLP, an untied head has its own table', () => {
    const names = languageModel({ ...base, mixer: 'gss', tie_embeddings: false }).variables.map(({ name }) => name);
    expect(names.some((name) => /mlp|norm2/.test(name))).toBe(false);
    expect(names).toContain('lm_head.weight');
    expect(languageModel(base).variables.some(({ name }) => name === 'lm_head.weight')).toBe(false);
  });

  it('values carry the path of the layer that made them', () => {
    const model = languageModel({ ...base, attn_layer_idx: [1] });
    const { nodes } = traceGraph(() => ({
      logits: model.apply(input('tokens', { shape: [1, 3], dtype: 'i32' })).logits,
    }));
    const paths = new Set(nodes.map(({ origin }) => origin.path));
    for (const path of [
      'embeddings.word_embeddings',
      'layers.0.mixer.q_proj',
      'layers.0.mixer.kernel.kernel',
      'layers.1.mixer.Wqkv',
      'layers.1.mlp.fc2',
      'ln_f',
    ]) {
      expect(paths).toContain(`backbone.${path}`);
    }
    expect(paths).toContain('lm_head');
  });

  it('a config that makes no model is refused', () => {
    expect(() => languageModel({ ...base, head_dim: 3 })).toThrow(/multiple of "head_dim"/);
  });
});
