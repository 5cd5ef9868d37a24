// Quantised models: the same as an f32 model with the weights made f32 again, near the one they were made from, and not trainable.
import { describe, expect, it } from 'vitest';
import { quantizationReport } from '../evaluate/quantization-report.ts';
import { createDecoder } from '../generate/decoder.ts';
import { quantizeModel } from '../generate/quantize-model.ts';
import { openGolden } from '../nn/golden.test-support.ts';
import { backends, evaluate, inputOf, openStore, relativeError } from '../nn/layer.test-support.ts';
import type { BackendName } from '../session/device.ts';
import type { Store } from '../session/store.ts';
import { type HostTensor, tensor } from '../tensor/host-tensor.ts';
import { dequantizeRows } from '../tensor/quantization.ts';
import { adamWDefaults } from '../train/adamw.ts';
import { compileTrainStep } from '../train/train-step.ts';
import type { ModelConfigInput } from './config.ts';
import { type LanguageModel, languageModel } from './language-model.ts';
import { parseModelConfig } from './parse-config.ts';
import { quantizedTwin, quantizeTensor } from './quantize-model.ts';

const golden = ['h3-lm-tiny', 'h3-lm-tiny-rotary', 'h3-lm-pure'] as const;
const bitsOf = [8, 4] as const;

async function openModel(backend: BackendName, name: string) {
  const [io, parameters] = [await openGolden(`${name}.io`), await openGolden(name)];
  const known = Object.keys(parseModelConfig({ vocab_size: 8, d_model: 8, n_layer: 1 }));
  const config = Object.fromEntries(Object.entries(io.config).filter(([key]) => known.includes(key)));
  const model = languageModel(config as unknown as ModelConfigInput);
  const store = await openStore(backend, model.variables);
  for (const variable of model.variables) store.write(variable, parameters.get(variable.name));
  return { io, model, store };
}

/** The quantised twin, and the f32 model with its weights made f32 again. */
async function twins(backend: BackendName, { model, store }: { model: LanguageModel; store: Store }, bits: 4 | 8) {
  const twin = quantizedTwin(model.config, { bits });
  const [packed, float] = [await openStore(backend, []), await openStore(backend, [])];
  for (const [i, variable] of model.variables.entries()) {
    const [given, own] = [await store.read(variable), twin.variables[i]!];
    expect(own.name).toBe(variable.name);
    const words = quantizeTensor(own, given, { bits });
    packed.write(own, words);
    const back =
      words.data instanceof Int32Array ? dequantizeRows(words.data, { bits, inputs: given.shape[1]! }) : given.data;
    float.write(variable, { ...given, data: back });
  }
  return { twin, packed, float };
}

const logitsOf = async (model: LanguageModel, store: Store, tokens: HostTensor): Promise<HostTensor> => {
  const { logits } = await evaluate(store, { tokens }, (values) => ({
    logits: model.apply(inputOf(values, 'tokens')).logits,
  }));
  return logits!;
};

describe.each(backends)('quantised models on %s', (backend) => {
  describe.each(bitsOf)('%i bits', (bits) => {
    it.each(golden)('%s has the logits and losses of its weights made f32 again', async (name) => {
      const opened = await openModel(backend, name);
      const { twin, packed, float } = await twins(backend, opened, bits);
      const tokens = opened.io.get('input_ids');
      // More than 16 rows: the weights become f32 again, so nothing else is rounded.
      const [got, want] = [await logitsOf(twin, packed, tokens), await logitsOf(opened.model, float, tokens)];
      expect(relativeError(got.data, want.data)).toBeLessThan(1e-5);
      const lossOf = async (model: LanguageModel, store: Store) =>
        (await evaluate(store, { tokens }, (values) => ({ loss: model.tokenLosses(inputOf(values, 'tokens')) }))).loss!;
      const [loss, floatLoss] = [await lossOf(twin, packed), await lossOf(opened.model, float)];
      expect(relativeError(loss.data, floatLoss.data)).toBeLessThan(1e-5);
    });
  });

  it.each(golden)('%s keeps its greedy tokens at 8 bits', async (name) => {
    const opened = await openModel(backend, name);
    const { twin, packed } = await twins(backend, opened, 8);
    const [prompt, expected, logits] = ['greedy_prompt', 'greedy_tokens', 'greedy_logits'].map(opened.io.get) as [
      HostTensor,
      HostTensor,
      HostTensor,
    ];
    const [batch = 1, length = 1] = prompt.shape;
    const steps = expected.shape[1] ?? 1;
    await using decoder = createDecoder(twin, { store: packed, batch, capacity: length + steps });
    let scores = await decoder.feed(prompt.data);
    const { vocab_size: vocabulary } = twin.config;
    for (let at = 0; at < steps; at++) {
      const columns = twin.paddedVocabularySize;
      const next = Array.from({ length: batch }, (_, row) => {
        const own = scores.subarray(row * columns, row * columns + vocabulary);
        const official = logits.data.subarray((row * steps + at) * columns, (row * steps + at) * columns + vocabulary);
        // Measured: at most 0.031 of the largest logit (rotary, step 4 on), the same on both backends.
        expect(relativeError(own, official), `step ${at}`).toBeLessThan(0.04);
        return own.indexOf(Math.max(...own));
      });
      expect(next, `step ${at}`).toEqual(next.map((_, row) => expected.data[row * steps + at]));
      scores = await decoder.feed(next);
    }
  });

  it('step by step is the whole, up to the rounding of activations', async () => {
    const opened = await openModel(backend, 'h3-lm-tiny-rotary');
    for (const [bits, bound] of [
      [8, 2e-4],
      [4, 0.03],
    ] as const) {
      const { twin, packed } = await twins(backend, opened, bits);
      const ids = [...opened.io.get('input_ids').data.slice(0, 80)];
      const whole = await logitsOf(twin, packed, tensor(Int32Array.from(ids), [1, ids.length]));
      await using decoder = createDecoder(twin, { store: packed, capacity: ids.length, chunks: [1] });
      const last = await decoder.feed(ids);
      expect(relativeError(last, whole.data.slice(-last.length))).toBeLessThan(backend === 'reference' ? 1e-5 : bound);
    }
  });
});

describe('quantised models', () => {
  const config = { vocab_size: 50, d_model: 32, n_layer: 4, mixer: ['h3', 'attention', 's4d', 'gss'] } as const;

  it.each([
    [{ ...config, head_dim: 2 }, 8],
    [{ ...config, tie_embeddings: false, max_position_embeddings: 40, s4d_gated: true }, 4],
  ] as const)('of every mixer run: %o at %i bits', async (settings, bits) => {
    const model = languageModel({ ...settings, gss_states: 8, num_heads: 2 });
    const store = await openStore('wasm', model.variables);
    const { twin, packed, float } = await twins('wasm', { model, store }, bits);
    const tokens = tensor(
      Int32Array.from({ length: 80 }, (_, i) => (i * 7) % 50),
      [2, 40],
    );
    const [got, want] = [await logitsOf(twin, packed, tokens), await logitsOf(model, float, tokens)];
    expect(relativeError(got.data, want.data)).toBeLessThan(1e-5);
  });

  it('initialise to the rounded weights of the f32 model of the same seed', async () => {
    const model = languageModel(config);
    const [twin, store] = [quantizedTwin(model.config, { bits: 8 }), await openStore('reference', model.variables, 3)];
    const packed = await openStore('reference', twin.variables, 3);
    for (const [i, variable] of model.variables.entries()) {
      const [given, own] = [await store.read(variable), twin.variables[i]!];
      expect(await packed.read(own), own.name).toEqual(quantizeTensor(own, given, { bits: 8 }));
    }
  });

  it('are made of a model in memory, whose weights stay', async () => {
    const model = languageModel(config);
    const store = await openStore('wasm', model.variables, 3);
    const small = await quantizeModel(model, store, { bits: 4 });
    for (const [i, variable] of model.variables.entries()) {
      const own = small.model.variables[i]!;
      expect(await small.store.read(own)).toEqual(quantizeTensor(own, await store.read(variable), { bits: 4 }));
    }
    small.store.dispose();
    const [first] = model.variables;
    const { data, shape } = await store.read(first!);
    store.write(first!, { shape, dtype: 'f32', data: Float32Array.from(data, (x, i) => (i === 7 ? Number.NaN : x)) });
    await expect(quantizeModel(model, store, { bits: 4 })).rejects.toThrow(
      'quantize: tensor "backbone.embeddings.word_embeddings.weight" must hold finite numbers; got NaN at element 7.',
    );
  });

  it('are not trained, and not quantised again', async () => {
    const twin = quantizedTwin(parseModelConfig(config), { bits: 4 });
    const store = await openStore('reference', []);
    const options = { store, batch: 1, length: 4, optimizer: adamWDefaults, clip: 1, accumulation: 1, seed: 0 };
    await expect(compileTrainStep(twin, options)).rejects.toThrow(
      'train: parameters must be f32; got "backbone.embeddings.word_embeddings.weight" in i32, as quantised models have them. Train the f32 model and quantise the result.',
    );
    expect(() => quantizedTwin(twin.config, { bits: 8 })).toThrow(
      'quantize: the model must have f32 weights; got one with 4 bits. Quantise the model it was made from.',
    );
  });

  it.each([{ bits: 2 }, { bits: 8, group_size: 32 }, { bits: 4, group_size: 64 }, { bits: 4, groups: 32 }, 4])(
    'refuse the setting %j',
    (quantization) => {
      expect(() => parseModelConfig({ ...config, quantization })).toThrow(
        `config: "quantization" must be { "bits": 8 } or { "bits": 4, "group_size": 32 }; got ${JSON.stringify(quantization)}.`,
      );
    },
  );

  it('report what quantisation costs', async () => {
    const opened = await openModel('wasm', 'h3-lm-tiny');
    const tokens = opened.io.get('input_ids').data;
    const reports = [];
    for (const bits of bitsOf) {
      const { twin, packed } = await twins('wasm', opened, bits);
      reports.push(await quantizationReport(opened, { model: twin, store: packed }, tokens, { window: 32 }));
    }
    const [eight, four] = reports;
    const same = await quantizationReport(opened, opened, tokens, { window: 32 });
    expect(same).toMatchObject({ logits: { largest: 0, rms: 0 }, perplexityDifference: 0 });
    expect(eight!.logits.rms).toBeGreaterThan(0);
    expect(eight!.logits.rms).toBeLessThan(0.02 * eight!.logits.spread);
    expect(four!.logits.rms).toBeGreaterThan(4 * eight!.logits.rms);
    expect(four!.logits.largest).toBeGreaterThanOrEqual(four!.logits.rms);
    expect(eight!.perplexityDifference).toBeCloseTo(eight!.quantized.perplexity - eight!.float.perplexity, 10);
    await expect(quantizationReport(opened, opened, [1])).rejects.toThrow(
      'quantisation report: needs at least 2 tokens',
    );
  });
});
