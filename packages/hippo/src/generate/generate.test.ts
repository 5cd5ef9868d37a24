// Decoding as users call it: the official greedy tokens, any chunk sizes, constant memory, seeds, and errors in sentences.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../errors.ts';
import { type LanguageModel, languageModel } from '../models/language-model.ts';
import { parseModelConfig } from '../models/parse-config.ts';
import { openGolden } from '../nn/golden.test-support.ts';
import { type Device, openDevice } from '../session/device.ts';
import { createStore, type Store } from '../session/store.ts';
import { createDecoder } from './decoder.ts';
import { type GenerateOptions, generate } from './generate.ts';
import { sampleToken } from './sampler.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ backend: 'wasm', threads: 2 });
});
afterAll(() => device.dispose());

const collect = async (model: LanguageModel, options: GenerateOptions): Promise<number[]> => {
  const tokens: number[] = [];
  for await (const { token } of generate(model, options)) tokens.push(token);
  return tokens;
};

async function goldenModel(name: string): Promise<{ model: LanguageModel; store: Store }> {
  const [weights, io] = [await openGolden(name), await openGolden(`${name}.io`)];
  const keys = [
    'd_model',
    'n_layer',
    'd_inner',
    'vocab_size',
    'pad_vocab_size_multiple',
    'attn_layer_idx',
    'num_heads',
    'rotary_emb_dim',
    'd_state',
    'head_dim',
  ];
  const model = languageModel(parseModelConfig(Object.fromEntries(keys.map((key) => [key, io.config[key]]))));
  const store = createStore(device);
  for (const variable of model.variables) store.write(variable, weights.get(variable.name));
  return { model, store };
}

describe.each(['h3-lm-tiny', 'h3-lm-tiny-rotary', 'h3-lm-pure'])('%s', (name) => {
  it('draws the official greedy tokens, whatever the chunks the prompt is read in', async () => {
    const { model, store } = await goldenModel(name);
    const io = await openGolden(`${name}.io`);
    const [prompts, expected] = [io.get('greedy_prompt'), io.get('greedy_tokens')];
    const [rows = 1, length = 1] = prompts.shape;
    const count = expected.shape[1] ?? 0;
    for (let row = 0; row < rows; row++) {
      const prompt = prompts.data.subarray(row * length, (row + 1) * length);
      expect(await collect(model, { store, prompt, maxTokens: count, greedy: true })).toEqual([
        ...expected.data.subarray(row * count, (row + 1) * count),
      ]);
    }
    const prompt = prompts.data.subarray(0, length);
    const scores = await Promise.all(
      [[1], [5, 3], [16], [length]].map(async (chunks) => {
        await using decoder = createDecoder(model, { store, capacity: length, chunks });
        return await decoder.feed(prompt);
      }),
    );
    for (const other of scores.slice(1))
      for (const [i, score] of other.entries()) expect(score).toBeCloseTo(scores[0]?.[i] ?? Number.NaN, 4);
  });
});

describe('decoding', () => {
  const config = { vocab_size: 23, d_model: 16, n_layer: 2, d_state: 8 };
  const make = (extra: Partial<Parameters<typeof languageModel>[0]> = {}) => {
    const model = languageModel({ ...config, ...extra });
    const store = createStore(device);
    store.initialize(model.variables, { seed: 1 });
    return { model, store };
  };

  it('reads the prompt by convolution to the same scores as by recurrence', async () => {
    const { model, store } = make();
    const prompt = Array.from({ length: 100 }, (_, i) => (i * 7) % 23);
    const read = async (form: 'scan' | 'convolution'): Promise<Float32Array> => {
      await using decoder = createDecoder(model, { store, capacity: 100, form, chunks: [100] });
      return await decoder.feed(prompt);
    };
    const [scan, convolution] = [await read('scan'), await read('convolution')];
    for (const [i, score] of convolution.entries()) expect(score).toBeCloseTo(scan[i] ?? Number.NaN, 4);
  });

  it('takes no more memory after 500 tokens than after 5', async () => {
    const { model, store } = make();
    await using decoder = createDecoder(model, { store, capacity: 1 });
    for (let i = 0; i < 5; i++) await decoder.feed([i]);
    const before = [device.backend.allocatedBytes, decoder.stateBytes, decoder.bytes, store.bytes];
    for (let i = 0; i < 500; i++) await decoder.feed([i % 23]);
    expect([device.backend.allocatedBytes, decoder.stateBytes, decoder.bytes, store.bytes]).toEqual(before);
    expect(decoder.position).toBe(505);
  });

  it('holds what its plans say, to 5%, and says it', async () => {
    const { model, store } = make({ d_model: 64, vocab_size: 500 });
    const before = device.backend.allocatedBytes;
    await using decoder = createDecoder(model, { store, capacity: 1, chunks: [64, 8] });
    await decoder.feed(Array.from({ length: 73 }, (_, i) => i));
    const held = device.backend.allocatedBytes - before;
    expect(decoder.bytes / held).toBeGreaterThan(0.95);
    expect(decoder.bytes).toBeLessThanOrEqual(held);
  });

  it('gives each sequence of a batch what it gives alone', async () => {
    const { model, store } = make({ attn_layer_idx: [1], num_heads: 2 });
    const rows = [
      [1, 2, 3, 4],
      [9, 8, 7, 6],
    ];
    await using both = createDecoder(model, { store, capacity: 4, batch: 2 });
    const together = await both.feed(rows.flat());
    for (const [row, tokens] of rows.entries()) {
      await using alone = createDecoder(model, { store, capacity: 4 });
      const scores = await alone.feed(tokens);
      for (const [i, score] of scores.entries()) expect(together[row * both.columns + i]).toBeCloseTo(score, 5);
    }
  });

  it('starts afresh after reset', async () => {
    const { model, store } = make({ attn_layer_idx: [0], num_heads: 2 });
    await using decoder = createDecoder(model, { store, capacity: 8 });
    const first = await decoder.feed([1, 2, 3]);
    decoder.reset();
    expect(await decoder.feed([1, 2, 3])).toEqual(first);
  });

  it('draws the same text for the same seed and another for another', async () => {
    const { model, store } = make();
    const draw = (seed: number) =>
      collect(model, { store, prompt: [1, 2, 3], maxTokens: 30, seed, topP: 0.95, topK: 20 });
    expect(await draw(4)).toEqual(await draw(4));
    expect(await draw(4)).not.toEqual(await draw(5));
  });

  it('refuses what makes no sense, in sentences', async () => {
    const { model, store } = make({ attn_layer_idx: [1], num_heads: 2 });
    const attempt = (options: Partial<GenerateOptions>) =>
      collect(model, { store, prompt: [1], maxTokens: 2, ...options });
    await expect(attempt({ prompt: [] })).rejects.toThrow('the prompt has no tokens');
    await expect(attempt({ prompt: [1, 99] })).rejects.toThrow(
      'token 1 of the prompt has id 99, outside the vocabulary of 23',
    );
    await expect(attempt({ prompt: [1, 99] })).rejects.toBeInstanceOf(DataError);
    await expect(attempt({ maxTokens: 0 })).rejects.toThrow('maxTokens must be a whole number, 1 or more; got 0');
    await expect(attempt({ topP: 0 })).rejects.toThrow('topP must be above 0 and at most 1; got 0');
    await expect(attempt({ topK: 1.5 })).rejects.toThrow('topK must be a whole number');
    await expect(attempt({ temperature: -1 })).rejects.toBeInstanceOf(UsageError);
    await using decoder = createDecoder(model, { store, capacity: 2 });
    await expect(decoder.feed([1, 2, 3])).rejects.toThrow(
      'the attention cache holds 2 tokens; 0 are read and 3 more were given',
    );
  });
});

describe('sampleToken', () => {
  const scores = Float32Array.from([0, 3, 1, 2, -1]);
  const frequencies = (options: Parameters<typeof sampleToken>[1], draws = 4000): number[] => {
    const counts = new Array<number>(scores.length).fill(0);
    for (let position = 0; position < draws; position++) counts[sampleToken(scores, options, { position })]!++;
    return counts.map((count) => count / draws);
  };
  it('is greedy at temperature 0, with top-k 1, and when asked; ties go to the first', () => {
    for (const options of [{ temperature: 0 }, { topK: 1 }, { greedy: true }])
      expect(sampleToken(scores, options, { position: 3 })).toBe(1);
    expect(sampleToken(Float32Array.from([1, 5, 5]), { greedy: true }, { position: 0 })).toBe(1);
  });
  it('draws with the probabilities of the softmax at the temperature', () => {
    for (const temperature of [1, 0.5]) {
      const weights = Array.from(scores, (score) => Math.exp(score / temperature));
      const total = weights.reduce((a, b) => a + b);
      frequencies({ temperature }).forEach((found, i) => {
        expect(Math.abs(found - (weights[i] ?? 0) / total)).toBeLessThan(0.03);
      });
    }
  });
  it('keeps the k likeliest, and the fewest that reach p', () => {
    expect(frequencies({ topK: 2 }).map((f) => f > 0)).toEqual([false, true, false, true, false]);
    // Probabilities 0.64, 0.24, 0.09, …: 0.64 alone reaches 0.6; 0.7 needs a second, 0.9 a third.
    expect(frequencies({ topP: 0.6 }).filter((f) => f > 0)).toHaveLength(1);
    expect(frequencies({ topP: 0.7 }).filter((f) => f > 0)).toHaveLength(2);
    expect(frequencies({ topP: 0.9 }).filter((f) => f > 0)).toHaveLength(3);
  });
});
