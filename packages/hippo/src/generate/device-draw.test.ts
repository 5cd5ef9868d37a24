// Tokens drawn where the scores are: which options allow it, the same tokens as on the host, and their frequencies.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { languageModel } from '../models/language-model.ts';
import { parseModelConfig } from '../models/parse-config.ts';
import { openGolden } from '../nn/golden.test-support.ts';
import { sampleTokens } from '../ops/index.ts';
import { compile } from '../session/compile.ts';
import { type Device, type DeviceOptions, openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { uniforms } from '../tensor/philox.ts';
import { webGpuDevices, webGpuTested } from '../testing/webgpu.test-support.ts';
import { continuationOf, rowSpace } from './continuation.ts';
import { createDecoder } from './decoder.ts';
import { deviceDraw, samplingPlace } from './device-draw.ts';
import { generate } from './generate.ts';
import { generateTexts } from './generate-texts.ts';
import { byteModel } from './generation.test-support.ts';
import { randomWords, sampleToken } from './sampler.ts';
import type { SamplingOptions } from './sampling-options.ts';

let wasm: Device;
beforeAll(async () => {
  wasm = await openDevice({ backend: 'wasm', threads: 1 });
});
afterAll(() => wasm.dispose());

/** The wasm device as if its memory were far away, so that tokens are drawn on it. */
function far(): Device {
  const backend = Object.create(wasm.backend, { separateMemory: { value: true } }) as Device['backend'];
  return { ...wasm, backend };
}

const settings: readonly SamplingOptions[] = [
  { greedy: true },
  { temperature: 0 },
  { topK: 1 },
  { seed: 3 },
  { seed: 4, temperature: 0.7, topK: 5 },
  { seed: 5, topP: 0.8 },
  { seed: 6, temperature: 1.5, topK: 30, topP: 0.9, minP: 0.02 },
];

/** Rows of scores, and the tokens drawn from them at positions 0, 1, …. */
async function drawRows(device: Device, scores: Float32Array, classes: number, options: SamplingOptions) {
  const rows = scores.length / classes;
  const draw = deviceDraw({ ...device, backend: far().backend }, { ...options, maxTokens: 1 });
  if (!draw) throw new Error('the host would draw');
  using store = createStore(device);
  using run = await compile<'scores' | 'random', 'token' | 'logProbability'>(
    (values) => ({ ...sampleTokens(values.scores, values.random, { ...draw.cuts, classes }) }),
    {
      store,
      inputs: { scores: { shape: [rows, classes], dtype: 'f32' }, random: { shape: [rows, 2], dtype: 'u32' } },
    },
  );
  const random = Array.from({ length: rows }, (_, position) => draw.words({ position })).flat();
  return (await run({ scores, random: Uint32Array.from(random) })).token.data;
}

describe('samplingPlace', () => {
  it('is the host where the scores are there, or where something else needs them', () => {
    expect(samplingPlace(wasm, {})).toEqual({ where: 'host', reason: 'scores lie in the memory of the host' });
    expect(samplingPlace(far(), { temperature: 0.5, stopTokens: [1] }).where).toBe('device');
    const others = [{ logprobs: 2 }, { logitBias: { 3: 1 } }, { repetitionPenalty: 1.1 }, { presencePenalty: 1 }];
    for (const options of [...others, { minTokens: 2, stopTokens: [1] }, { session: {} }])
      expect(samplingPlace(far(), options).where, JSON.stringify(options)).toBe('host');
  });
});

describe.each(Object.entries<DeviceOptions>({ wasm: { backend: 'wasm', threads: 2 }, ...webGpuDevices }))(
  'sampleTokens on %s',
  (_name, options) => {
    let device: Device;
    beforeAll(async () => {
      device = await openDevice(options);
    });
    afterAll(() => device.dispose());

    it.each(settings)('draws the tokens of the host with %j', async (cuts) => {
      const [rows, classes] = [60, 300];
      const noise = uniforms(rows * classes, { key: [1, 2], stream: 3, counter: 4 });
      const scores = noise.map((u) => 12 * (u - 0.5));
      const expected = Array.from({ length: rows }, (_, position) =>
        sampleToken(scores.subarray(position * classes, (position + 1) * classes), cuts, { position }),
      );
      expect([...(await drawRows(device, scores, classes, cuts))]).toEqual(expected);
    });

    it('draws as often as the scores say', async () => {
      const [draws, row] = [1000, [0, 1, 2, Number.NEGATIVE_INFINITY, 1.5, -1]];
      const scores = Float32Array.from({ length: draws * row.length }, (_, i) => row[i % row.length] ?? 0);
      const counts = new Array<number>(row.length).fill(0);
      for (const token of await drawRows(device, scores, row.length, { seed: 11 })) counts[token]!++;
      const total = row.reduce((sum, score) => sum + Math.exp(score), 0);
      let chiSquared = 0;
      for (const [token, score] of row.entries()) {
        const due = (draws * Math.exp(score)) / total;
        if (due === 0) expect(counts[token]).toBe(0);
        else chiSquared += (counts[token]! - due) ** 2 / due;
      }
      expect(chiSquared).toBeLessThan(18.5); // the 0.1 % point for 4 degrees of freedom
    });
  },
);

describe('generation that draws on the device', () => {
  it.each(settings)('gives the tokens of the host, with their log-probabilities, for %j', async (cuts) => {
    const results = [];
    for (const device of [wasm, far()]) {
      const { model, store } = byteModel(device);
      const tokens = [];
      for await (const drawn of generate(model, { store, prompt: [72, 105], maxTokens: 24, ...cuts }))
        tokens.push(drawn);
      results.push(tokens);
    }
    const [host = [], drawn = []] = results;
    expect(drawn.map(({ token }) => token)).toEqual(host.map(({ token }) => token));
    for (const [i, { logProbability }] of drawn.entries())
      expect(logProbability).toBeCloseTo(host[i]?.logProbability ?? Number.NaN, 4);
  });

  it('gives each of several samples in a batch what the host gives it', async () => {
    const results = [];
    for (const device of [wasm, far()]) {
      const { model, store, tokenizer } = byteModel(device);
      const texts: Record<string, number[]> = {};
      const options = { store, tokenizer, prompts: ['one', 'another prompt'], samples: 3, batch: 4, seed: 9 };
      for await (const { prompt, sample, token } of generateTexts(model, { ...options, maxTokens: 12 }))
        if (token) texts[`${prompt} ${sample}`] = [...(texts[`${prompt} ${sample}`] ?? []), token.token];
      results.push(texts);
    }
    expect(Object.keys(results[0] ?? {}).length).toBe(6);
    expect(results[1]).toEqual(results[0]);
  });

  it('brings no scores to the host: a state then has none, and the next read has them again', async () => {
    const { model, store } = byteModel(wasm);
    await using decoder = createDecoder(model, { store, capacity: 20 });
    await using other = createDecoder(model, { store, capacity: 20 });
    const cuts = { temperature: 1, topK: 50, topP: 1, minP: 0 };
    const scores = await other.feed([1, 2, 3]);
    const [drawn] = await decoder.feedAndDraw([1, 2, 3], { cuts, words: [randomWords(7, { position: 3 })] });
    expect(drawn?.token).toBe(sampleToken(scores.subarray(0, 257), { ...cuts, seed: 7 }, { position: 3 }));
    expect(decoder.position).toBe(3);
    expect((await decoder.state()).scores).toBeUndefined();
    expect(await decoder.feed([4])).toEqual(await other.feed([4]));
  });

  it('refuses scores that are no numbers, as the host does', async () => {
    const { model, store } = byteModel(wasm);
    const table = model.variables[0]!;
    const { data, ...type } = await store.read(table);
    store.write(table, { ...type, data: new Float32Array(data.length).fill(Number.NaN) });
    await using decoder = createDecoder(model, { store, capacity: 4 });
    const cuts = { temperature: 0, topK: 1, topP: 1, minP: 0 };
    const [drawn] = await decoder.feedAndDraw([1], { cuts, words: [[0, 0]] });
    expect(drawn).toEqual({ token: -1, logProbability: Number.NaN });
    const continuation = continuationOf([1], { maxTokens: 3 }, { space: rowSpace(257) });
    expect(() => continuation.draw({ token: -1, logProbability: Number.NaN })).toThrow(
      'sampling: the scores of the next token must be numbers',
    );
  });
});

describe.runIf(webGpuTested)('on WebGPU', () => {
  it('draws the official greedy tokens of a small model', async () => {
    await using device = await openDevice({ backend: 'webgpu' });
    const [weights, io] = [await openGolden('h3-lm-tiny'), await openGolden('h3-lm-tiny.io')];
    const model = languageModel(parseModelConfig(configOf(io.config)));
    using store = createStore(device);
    for (const variable of model.variables) store.write(variable, weights.get(variable.name));
    const [prompts, expected] = [io.get('greedy_prompt'), io.get('greedy_tokens')];
    const [length = 1, count = 0] = [prompts.shape[1], expected.shape[1]];
    expect(samplingPlace(device, { greedy: true }).where).toBe('device');
    const tokens: number[] = [];
    const prompt = prompts.data.subarray(0, length);
    for await (const { token } of generate(model, { store, prompt, maxTokens: count, greedy: true }))
      tokens.push(token);
    expect(tokens).toEqual([...expected.data.subarray(0, count)]);
  }, 240_000);
});

function configOf(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const shape = ['d_model', 'n_layer', 'd_inner', 'vocab_size', 'pad_vocab_size_multiple', 'd_state', 'head_dim'];
  const attention = ['attn_layer_idx', 'num_heads', 'rotary_emb_dim'];
  return Object.fromEntries([...shape, ...attention].map((key) => [key, config[key]]));
}
