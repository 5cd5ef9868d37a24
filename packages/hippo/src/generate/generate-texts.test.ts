// Texts: the same alone and beside others, stop strings and tokens, echoes, log-probabilities, aborts, refusals.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../session/compile.ts';
import { type Device, openDevice } from '../session/device.ts';
import { generate } from './generate.ts';
import { type GenerateTextsOptions, generateText, generateTexts } from './generate-texts.ts';
import { byteModel } from './generation.test-support.ts';
import { logProbabilitiesOf } from './log-probabilities.ts';
import type { TextPiece } from './text-writer.ts';

let device: Device;
let bytes: ReturnType<typeof byteModel>;
beforeAll(async () => {
  device = await openDevice({ backend: 'wasm', threads: 1 });
  bytes = byteModel(device);
});
afterAll(async () => device.dispose());

type Settings = Omit<GenerateTextsOptions, 'store' | 'tokenizer'>;
const prompts = ['To be', 'a', 'or not to be, that is the question: whether', '\n\nROMEO:'];

async function pieces(options: Settings): Promise<TextPiece[]> {
  const { model, store, tokenizer } = bytes;
  const found: TextPiece[] = [];
  for await (const piece of generateTexts(model, { store, tokenizer, ...options })) found.push(piece);
  return found;
}

/** Text, tokens, probabilities and ending of each prompt and sample. */
async function texts(options: Settings) {
  const all = await pieces(options);
  const keys = [...new Set(all.map(({ prompt, sample }) => `${prompt} ${sample}`))].sort();
  return keys.map((key) => {
    const own = all.filter(({ prompt, sample }) => `${prompt} ${sample}` === key);
    expect(own.filter(({ finishReason }) => finishReason !== undefined)).toEqual(own.slice(-1));
    return {
      text: own.map(({ text }) => text).join(''),
      tokens: own.flatMap(({ token }) => (token ? [token.token] : [])),
      logProbabilities: own.flatMap(({ token }) => (token ? [token.logProbability] : [])),
      finishReason: own.at(-1)?.finishReason,
      stop: own.at(-1)?.stop,
    };
  });
}

describe('a batch', () => {
  const settings = { maxTokens: 12, seed: 3, topP: 0.95, repetitionPenalty: 1.1, presencePenalty: 0.2 };

  it('gives every prompt, of any length, exactly what it gets alone', async () => {
    const together = await texts({ ...settings, prompts });
    for (const [index, prompt] of prompts.entries())
      expect(await texts({ ...settings, prompts: [prompt] })).toEqual([together[index]]);
    expect(new Set(together.map(({ text }) => text)).size).toBe(prompts.length);
  });

  it('gives every sample exactly what its seed and index give alone', async () => {
    const samples = await texts({ ...settings, prompts: ['To be'], samples: 4 });
    expect(new Set(samples.map(({ text }) => text)).size).toBe(4);
    for (const [sample, expected] of samples.entries())
      expect(await texts({ ...settings, prompts: ['To be'], sample })).toEqual([expected]);
  });

  it('gives the same for any number of rows, when rows end and are used again', async () => {
    // Some texts end soon and others late, so that rows are free at different times.
    const ending = { ...settings, prompts, samples: 3, stopTokens: Array.from({ length: 30 }, (_, i) => i * 7) };
    const one = await texts({ ...ending, batch: 1 });
    expect(new Set(one.map(({ tokens }) => tokens.length)).size).toBeGreaterThan(2);
    for (const batch of [2, 5, 8]) expect(await texts({ ...ending, batch })).toEqual(one);
    // Above 8 rows kernels sum in another order, so that probabilities agree to rounding.
    for (const [i, { logProbabilities, ...text }] of (await texts({ ...ending, batch: 12 })).entries()) {
      expect(one[i]).toMatchObject(text);
      for (const [at, logProbability] of logProbabilities.entries())
        expect(one[i]?.logProbabilities[at]).toBeCloseTo(logProbability ?? Number.NaN, 5);
    }
  });

  it('agrees with generate, token by token', async () => {
    const { model, store, tokenizer } = bytes;
    const tokens: number[] = [];
    for await (const { token } of generate(model, { store, prompt: tokenizer.encode('To be'), ...settings }))
      tokens.push(token);
    expect((await texts({ ...settings, prompts: ['To be'] }))[0]?.tokens).toEqual(tokens);
  });

  it('reads each prompt once', async () => {
    const { model, store, tokenizer } = bytes;
    let read = 0;
    const counted = {
      ...model,
      apply: (...given: Parameters<typeof model.apply>) => {
        read += given[0].shape[1] ?? 0;
        return model.apply(...given);
      },
    };
    // Plans are traced once for each chunk size: 16 and 1 for the reader, 1 for the rows, however many samples.
    for await (const _ of generateTexts(counted, {
      store,
      tokenizer,
      prompts: ['x'.repeat(17)],
      samples: 5,
      maxTokens: 2,
      temperature: 2,
    }));
    expect(read).toBe(16 + 1 + 1);
  });
});

describe('endings', () => {
  const base = { prompts: ['To be'], maxTokens: 40, seed: 5 };

  it('are a length, a stop token that is not given, or a stop string that is cut off', async () => {
    const [whole] = await texts(base);
    expect(whole).toMatchObject({ finishReason: 'length', stop: undefined });
    expect(whole?.tokens).toHaveLength(40);
    const token = whole!.tokens[7]!;
    const [stopped] = await texts({ ...base, stopTokens: [token] });
    const count = whole!.tokens.indexOf(token);
    expect(stopped).toMatchObject({ finishReason: 'stop-token', stop: token, tokens: whole!.tokens.slice(0, count) });
    const characters = [...whole!.text];
    const stop = characters.slice(9, 12).join('');
    const [cut] = await texts({ ...base, stopStrings: ['never in it', stop] });
    expect(cut).toMatchObject({
      finishReason: 'stop-string',
      stop,
      text: whole!.text.slice(0, whole!.text.indexOf(stop)),
    });
  });

  it('come no sooner than minTokens allow', async () => {
    const stopTokens = Array.from({ length: 128 }, (_, i) => i);
    const [early] = await texts({ ...base, stopTokens });
    expect(early?.tokens.length).toBeLessThan(20);
    const [late] = await texts({ ...base, stopTokens, minTokens: 20 });
    expect(late?.tokens.length).toBeGreaterThanOrEqual(20);
    expect(late?.tokens.slice(0, 20).some((token) => stopTokens.includes(token))).toBe(false);
  });

  it('force and ban what the bias says', async () => {
    const [forced] = await texts({ ...base, maxTokens: 5, logitBias: { 65: 100 } });
    expect(forced?.text).toBe('AAAAA');
    const [free] = await texts({ ...base, maxTokens: 20 });
    const banned = Object.fromEntries(free!.tokens.map((token) => [token, -100]));
    const [other] = await texts({ ...base, maxTokens: 20, logitBias: banned });
    expect(other?.tokens.some((token) => free?.tokens.includes(token))).toBe(false);
  });
});

describe('log-probabilities', () => {
  it('are the model’s own for prompt and output, null first, with the likeliest beside them', async () => {
    const { model, store, tokenizer } = bytes;
    const found = await pieces({
      prompts: ['To be or not'],
      maxTokens: 6,
      echo: true,
      logprobs: 3,
      temperature: 0.5,
      seed: 2,
    });
    const tokens = found.flatMap(({ token }) => (token ? [token] : []));
    const ids = tokens.map(({ token }) => token);
    expect(tokenizer.decode(ids.slice(0, 12))).toBe('To be or not');
    expect(found.map(({ echo }) => echo === true)).toEqual(ids.map((_, i) => i < 12));
    expect(tokens[0]).toEqual({ token: ids[0], logProbability: null, top: [] });
    using whole = await compile(({ tokens: given }) => ({ logits: model.apply(given!).logits }), {
      store,
      inputs: { tokens: { shape: [1, ids.length], dtype: 'i32' } },
    });
    const { logits } = await whole({ tokens: Int32Array.from(ids) });
    for (let i = 1; i < ids.length; i++) {
      const row = logits!.data.subarray((i - 1) * model.paddedVocabularySize).subarray(0, 257) as Float32Array;
      const of = logProbabilitiesOf(row);
      expect(tokens[i]?.logProbability).toBeCloseTo(of(ids[i]!), 4);
      expect(tokens[i]?.top).toHaveLength(3);
      expect(tokens[i]?.top?.[0]?.logProbability).toBeCloseTo(Math.max(...Array.from(row.keys(), of)), 4);
    }
  });

  it('have the very same float for the likeliest in both lists', async () => {
    const found = await pieces({ prompts: ['abc'], maxTokens: 8, greedy: true, logprobs: 2 });
    for (const { token } of found)
      expect(token?.top?.[0]).toEqual({ token: token?.token, logProbability: token?.logProbability });
  });

  it('of a text alone need no token to be drawn', async () => {
    const [scored] = await texts({ prompts: ['hippo'], maxTokens: 0, echo: true, logprobs: 0 });
    expect(scored).toMatchObject({ text: 'hippo', finishReason: 'length' });
    expect(scored?.logProbabilities).toHaveLength(5);
    const plain = await pieces({ prompts: ['hippo'], maxTokens: 1, echo: true });
    expect(plain[0]).toEqual({ prompt: 0, sample: 0, text: 'hippo', echo: true });
  });
});

describe('an abort', () => {
  it('ends every text, with what was held back, and leaves nothing on the device', async () => {
    const before = device.backend.allocatedBytes;
    const controller = new AbortController();
    const { model, store, tokenizer } = bytes;
    const found: TextPiece[] = [];
    const settings = { store, tokenizer, prompts, samples: 2, batch: 3, maxTokens: 1000, signal: controller.signal };
    for await (const piece of generateTexts(model, settings)) {
      found.push(piece);
      if (found.length === 10) controller.abort();
    }
    const ends = found.filter(({ finishReason }) => finishReason !== undefined);
    expect(ends.map(({ prompt, sample, finishReason }) => [prompt, sample, finishReason])).toEqual(
      prompts.flatMap((_, prompt) => [0, 1].map((sample) => [prompt, sample, 'abort'])),
    );
    // The step that ran when it came is the last: one more piece for each of its rows at most.
    expect(found.length).toBeLessThanOrEqual(10 + 2 + ends.length);
    expect(device.backend.allocatedBytes).toBe(before);
  });

  it('is heard between two chunks of a prompt, and by timers while it computes', async () => {
    const { model, store, tokenizer } = byteModel(device, { attention: false });
    const controller = new AbortController();
    const prompt = new Int32Array(1024 * 300).fill(65);
    const text = generateText(model, { store, tokenizer, prompt, maxTokens: 1, signal: controller.signal });
    const first = text.next();
    setTimeout(() => controller.abort(), 0);
    expect((await first).value).toMatchObject({ finishReason: 'abort', text: '' });
  });

  it('throws from generate, before it begins and between tokens', async () => {
    const { model, store } = bytes;
    const controller = new AbortController();
    const before = device.backend.allocatedBytes;
    const tokens = generate(model, { store, prompt: [1], maxTokens: 100, signal: controller.signal });
    await tokens.next();
    controller.abort(new Error('enough'));
    await expect(tokens.next()).rejects.toThrow('enough');
    await expect(
      generate(model, { store, prompt: [1], maxTokens: 1, signal: controller.signal }).next(),
    ).rejects.toThrow('enough');
    expect(device.backend.allocatedBytes).toBe(before);
  });

  it('by leaving the loop gives the memory back too', async () => {
    const before = device.backend.allocatedBytes;
    const { model, store, tokenizer } = bytes;
    for await (const _ of generateTexts(model, { store, tokenizer, prompts, samples: 2, maxTokens: 50 })) break;
    expect(device.backend.allocatedBytes).toBe(before);
  });
});

describe('refusals', () => {
  const base: Settings = { prompts: ['a'], maxTokens: 2 };
  it.each<[object, string]>([
    [{ stopString: ['x'] }, 'there is no option stopString. Did you mean stopStrings?'],
    [{ topp: 0.5 }, 'Did you mean topP?'],
    [
      { samples: 2, greedy: true },
      'samples and greedy contradict each other: greedy decoding gives the same text every time',
    ],
    [{ samples: 2, temperature: 0 }, 'samples and greedy contradict'],
    [{ samples: 2, sample: 1 }, 'samples and sample contradict'],
    [{ greedy: true, temperature: 1 }, 'greedy and temperature contradict'],
    [{ samples: 0 }, 'samples must be a whole number, 1 or more; got 0'],
    [{ batch: 0.5 }, 'batch must be a whole number, 1 or more; got 0.5'],
    [{ maxTokens: 0 }, 'maxTokens must be a whole number, 1 or more; got 0'],
    [{ minTokens: 3 }, 'minTokens must be a whole number, 0 to 2; got 3'],
    [{ logprobs: 300 }, 'logprobs must be a whole number, 0 to 257; got 300'],
    [{ sample: -1 }, 'sample must be a whole number, 0 to 4294967295; got -1'],
    [{ stopTokens: [257] }, 'stopTokens must be ids of the vocabulary, 0 to 256; got 257'],
    [{ stopStrings: [''] }, 'a stop string must have at least one character'],
    [{ logitBias: { 300: 1 } }, 'logitBias must map token ids, 0 to 256; got id 300'],
    [{ prompts: [] }, 'prompts must hold at least one prompt; got none'],
    [{ prompts: ['a', ''] }, 'prompt 1 has no tokens'],
    [{ prompts: [[1, 300]] }, 'token 1 of the prompt has id 300'],
  ])('%j', async (options, sentence) => {
    await expect(pieces({ ...base, ...options })).rejects.toThrow(sentence);
  });

  it('names unknown options of generate and generateText', async () => {
    const { model, store, tokenizer } = bytes;
    const misspelt = { store, prompt: [1], maxTokens: 1, temprature: 1 };
    await expect(generate(model, misspelt).next()).rejects.toThrow('Did you mean temperature?');
    const several = { store, tokenizer, prompt: 'a', maxTokens: 1, samples: 2 };
    await expect(generateText(model, several).next()).rejects.toThrow('generateText: there is no option samples');
  });
});
