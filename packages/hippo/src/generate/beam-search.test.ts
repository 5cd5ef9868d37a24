// Beam search against the search through everything, and its rules one by one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { languageModel } from '../models/language-model.ts';
import { compile } from '../session/compile.ts';
import { type Device, openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { type BeamSearchOptions, beamSearch } from './beam-search.ts';
import { finishedBeams } from './finished-beams.ts';
import { generate } from './generate.ts';
import { logProbabilitiesOf } from './log-probabilities.ts';

let device: Device;
let tiny: ReturnType<typeof makeModel>;
beforeAll(async () => {
  device = await openDevice({ backend: 'wasm', threads: 1 });
  tiny = makeModel();
});
afterAll(() => device.dispose());

const vocabulary = 5;
const prompt = [1, 2, 3];

function makeModel() {
  const sizes = { vocab_size: vocabulary, d_model: 16, n_layer: 2, d_state: 4, attn_layer_idx: [1], num_heads: 2 };
  const model = languageModel(sizes);
  const store = createStore(device);
  store.initialize(model.variables, { seed: 7 });
  // A fresh model is nearly indifferent; larger embeddings make it decided.
  const [words] = model.variables;
  const { shape, dtype, data } = {
    ...words!,
    data: Float32Array.from({ length: words!.shape[0]! * words!.shape[1]! }, (_, i) => Math.sin(i * 7.3) * 0.8),
  };
  store.write(words!, { shape, dtype, data });
  return { model, store };
}

const search = (options: Partial<BeamSearchOptions> = {}) =>
  beamSearch(tiny.model, { store: tiny.store, prompt, maxTokens: 3, beams: 4, ...options });

/** Every text of up to `length` tokens that ends with the stop token or is full, with its score, the best first. */
async function exhaustive(length: number, { stop, penalty }: { stop?: number; penalty: number }) {
  const { model, store } = tiny;
  using whole = await compile(({ tokens }) => ({ logits: model.apply(tokens!).logits }), {
    store,
    inputs: { tokens: { shape: [1, prompt.length + length], dtype: 'i32' } },
  });
  const found: { tokens: number[]; score: number; stop?: number }[] = [];
  const go = async (tokens: number[], sum: number): Promise<void> => {
    if (tokens.length === length) {
      found.push({ tokens, score: sum / length ** penalty });
      return;
    }
    const padded = [...prompt, ...tokens, ...new Array<number>(length - tokens.length).fill(0)];
    const { logits } = await whole({ tokens: Int32Array.from(padded) });
    const at = (prompt.length + tokens.length - 1) * model.paddedVocabularySize;
    const of = logProbabilitiesOf((logits!.data as Float32Array).slice(at, at + vocabulary));
    for (let token = 0; token < vocabulary; token++) {
      if (token === stop) found.push({ tokens, score: (sum + of(token)) / (tokens.length + 1) ** penalty, stop });
      else await go([...tokens, token], sum + of(token));
    }
  };
  await go([], 0);
  return found.sort((a, b) => b.score - a.score);
}

describe('beamSearch', () => {
  it.each([
    { penalty: 1, stop: 2 },
    { penalty: 0, stop: 2 },
    { penalty: -1, stop: 4 },
    { penalty: 2, stop: 0 },
    { penalty: 1 },
  ])('finds what a search through everything finds, when it is wide enough (%j)', async (rules) => {
    const all = await exhaustive(3, rules);
    const stopTokens = rules.stop === undefined ? [] : [rules.stop];
    const beams = vocabulary ** 3;
    const found = await search({ beams, best: 20, lengthPenalty: rules.penalty, stopTokens });
    expect(found).toHaveLength(20);
    for (const [i, { tokens, score, stop }] of found.entries()) {
      expect(score).toBeCloseTo(all[i]!.score, 4);
      expect({ tokens, stop }).toEqual({ tokens: all[i]!.tokens, stop: all[i]!.stop });
    }
  });

  it('is greedy decoding when it has one beam', async () => {
    const { model, store } = tiny;
    const tokens: number[] = [];
    for await (const { token } of generate(model, { store, prompt, maxTokens: 8, greedy: true })) tokens.push(token);
    expect((await search({ beams: 1, maxTokens: 8 }))[0]?.tokens).toEqual(tokens);
  });

  it('gives the same again, sorted, each text once', async () => {
    const options = { maxTokens: 10, beams: 5, best: 5, stopTokens: [3] };
    const first = await search(options);
    expect(await search(options)).toEqual(first);
    expect(first.map(({ score }) => score)).toEqual(first.map(({ score }) => score).sort((a, b) => b - a));
    expect(new Set(first.map(({ tokens, stop }) => `${tokens} ${stop}`)).size).toBe(5);
    for (const { tokens, finishReason, stop } of first) {
      expect(tokens).not.toContain(3);
      expect(finishReason === 'stop-token' ? stop : tokens.length).toBe(finishReason === 'stop-token' ? 3 : 10);
    }
  });

  it('is no worse with more beams, and never worse than greedy', async () => {
    const best = async (beams: number) => (await search({ beams, maxTokens: 6, lengthPenalty: 0 }))[0]!.score;
    const scores = [await best(1), await best(3), await best(vocabulary ** 3)];
    const rounding = 1e-5;
    expect(scores[2]).toBeGreaterThan(scores[0]! - rounding);
    expect(scores[2]).toBeGreaterThan(scores[1]! - rounding);
  });

  it('heeds bans, penalties and the fewest tokens', async () => {
    const banned = await search({ logitBias: { 0: -100, 1: -100 }, maxTokens: 6, best: 4 });
    for (const { tokens } of banned) expect(tokens.some((token) => token < 2)).toBe(false);
    const late = await search({ maxTokens: 6, minTokens: 4, best: 4, stopTokens: [0, 1, 2] });
    for (const { tokens } of late) expect(tokens.length).toBeGreaterThanOrEqual(4);
    const [plain] = await search({ maxTokens: 8 });
    const [spread] = await search({ maxTokens: 8, presencePenalty: 2, frequencyPenalty: 2 });
    expect(new Set(spread?.tokens).size).toBeGreaterThan(new Set(plain?.tokens).size);
  });

  it('leaves nothing on the device, aborted or not', async () => {
    const before = device.backend.allocatedBytes;
    await search();
    expect(device.backend.allocatedBytes).toBe(before);
    await expect(search({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    const controller = new AbortController();
    const long = search({ maxTokens: 5000, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 0);
    await expect(long).rejects.toThrow('enough');
    expect(device.backend.allocatedBytes).toBe(before);
  });

  it.each<[object, string]>([
    [
      { temperature: 1 },
      'beamSearch: beams and temperature contradict each other: a beam search draws no random tokens',
    ],
    [{ topP: 0.5 }, 'beams and topP contradict'],
    [{ greedy: true }, 'beams and greedy contradict'],
    [{ lengthPenalti: 1 }, 'there is no option lengthPenalti. Did you mean lengthPenalty?'],
    [{ beams: 0 }, 'beams must be a whole number, 1 or more; got 0'],
    [{ best: 5 }, 'best must be a whole number, 1 to 4; got 5'],
    [{ lengthPenalty: Number.NaN }, 'lengthPenalty must be a finite number; got NaN'],
    [{ prompt: [] }, 'beamSearch: the prompt has no tokens'],
    [{ maxTokens: 0 }, 'maxTokens must be a whole number, 1 or more'],
  ])('refuses %j', async (options, sentence) => {
    await expect(search(options)).rejects.toThrow(sentence);
  });
});

describe('finishedBeams', () => {
  const rules = { beams: 2, maxTokens: 10, lengthPenalty: 1 };

  it('is full with as many as beams when it stops early, and else when no more can win', () => {
    const early = finishedBeams({ ...rules, earlyStopping: true });
    const late = finishedBeams(rules);
    for (const finished of [early, late]) {
      finished.add({ tokens: [1], sum: -2, stop: 0 });
      expect(finished.enough(-100, 2)).toBe(false);
      finished.add({ tokens: [2], sum: -3, stop: 0 });
    }
    expect(early.enough(-1, 2)).toBe(true);
    // −3 over two tokens is −1.5; a sum of −14 can still become −1.4 in ten tokens, one of −16 cannot.
    expect(late.enough(-14, 2)).toBe(false);
    expect(late.enough(-16, 2)).toBe(true);
  });

  it('drops the worst, and of equals the later', () => {
    const finished = finishedBeams(rules);
    for (const [token, sum] of [
      [1, -4],
      [2, -4],
      [3, -2],
    ] as const)
      finished.add({ tokens: [token], sum });
    expect(finished.best(5).map(({ tokens }) => tokens[0])).toEqual([3, 1]);
  });
});
