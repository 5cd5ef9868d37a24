// A cached prompt is the same prompt: same bits, fewer tokens read, within the budget.
import { describe, expect, it } from 'vitest';
import { createDecoder, type Decoder } from './decoder.ts';
import { hybrid, kinds, openModel, roundingTolerance, scoreError, text } from './models.test-support.ts';
import { createPromptCache, type PromptReader } from './prompt-cache.ts';
import { openSession } from './session.ts';

const capacity = 100;

/** A reader that counts the tokens it is fed. */
function counting(decoder: Decoder): PromptReader & { readonly fed: number[] } {
  const fed: number[] = [];
  return {
    fed,
    reset: () => decoder.reset(),
    restore: (state) => decoder.restore(state),
    state: () => decoder.state(),
    fingerprint: () => decoder.fingerprint(),
    feed: (tokens) => {
      fed.push(tokens.length);
      return decoder.feed(tokens);
    },
  };
}

describe.each(Object.entries(kinds))('%s', (_, config) => {
  it('gives the bits of an uncached prompt and reads only what is new', async () => {
    const { model, store } = await openModel(config);
    await using decoder = createDecoder(model, { store, capacity });
    const reader = counting(decoder);
    const cache = createPromptCache({ bytes: 1e7, every: 16 });
    const shared = text(40);
    await cache.read(reader, shared);
    expect(reader.fed.splice(0)).toEqual([16, 16, 8]);
    const prompt = [...shared.slice(0, 35), ...text(20, 'else')];
    const { scores, reused } = await cache.read(reader, prompt);
    expect(reused).toBe(32);
    expect(reader.fed.splice(0)).toEqual([16, 7]);
    const next = await decoder.feed([1]);
    const cold = createPromptCache({ bytes: 1e7, every: 16 });
    expect((await cold.read(reader, prompt)).scores).toEqual(scores);
    expect(await decoder.feed([1])).toEqual(next);
    decoder.reset();
    expect(scoreError(scores, await decoder.feed(prompt))).toBeLessThan(roundingTolerance);
  });

  it('goes on from the end of an earlier prompt as if it had stopped there', async () => {
    const { model, store } = await openModel(config);
    await using decoder = createDecoder(model, { store, capacity });
    const reader = counting(decoder);
    const cache = createPromptCache({ bytes: 1e7 });
    const [question, more] = [text(21), text(11, 'more')];
    const first = await cache.read(reader, question);
    const second = await cache.read(reader, [...question, ...more]);
    expect([first.reused, second.reused]).toEqual([0, 21]);
    expect(reader.fed.splice(0)).toEqual([21, 11]);
    // The whole prompt again costs nothing.
    expect(await cache.read(reader, [...question, ...more])).toEqual({ scores: second.scores, reused: 32 });
    expect(reader.fed).toEqual([]);
    decoder.reset();
    expect(await decoder.feed(question)).toEqual(first.scores);
    expect(await decoder.feed(more)).toEqual(second.scores);
    expect(cache.statistics).toMatchObject({ hits: 2, misses: 1, reusedTokens: 53, readTokens: 32, states: 2 });
  });
});

describe('a prompt cache', () => {
  it('lets the least recently used go, and says how much', async () => {
    const { model, store } = await openModel(hybrid);
    await using decoder = createDecoder(model, { store, capacity });
    const size = createPromptCache({ bytes: 1e7 });
    await size.read(decoder, text(10, 'a'));
    const { bytes: one } = size.statistics;
    const cache = createPromptCache({ bytes: 2.5 * one });
    for (const name of ['a', 'b', 'a', 'c']) await cache.read(decoder, text(10, name));
    expect(cache.statistics).toMatchObject({ hits: 1, misses: 3, states: 2, bytes: 2 * one, evictedBytes: one });
    expect((await cache.read(decoder, text(10, 'a'))).reused).toBe(10);
    expect((await cache.read(decoder, text(10, 'b'))).reused).toBe(0);
    cache.clear();
    expect(cache.statistics).toMatchObject({ states: 0, bytes: 0 });
    const tiny = createPromptCache({ bytes: one - 1 });
    await tiny.read(decoder, text(10, 'a'));
    expect(tiny.statistics).toMatchObject({ states: 0, refusedBytes: one });
  });

  it('never gives one model the state of another', async () => {
    const cache = createPromptCache({ bytes: 1e7 });
    for (const seed of [1, 2]) {
      const { model, store } = await openModel(hybrid, 'wasm', seed);
      await using decoder = createDecoder(model, { store, capacity });
      expect((await cache.read(decoder, text(10))).reused).toBe(0);
    }
    expect(cache.statistics.states).toBe(2);
  });

  it('serves sessions and rows', async () => {
    const { model, store } = await openModel(hybrid);
    const promptCache = createPromptCache({ bytes: 1e7, every: 8 });
    await using session = openSession(model, { store, capacity, promptCache });
    const scores = await session.append(text(20));
    await using again = openSession(model, { store, capacity, promptCache });
    expect(await again.append(text(20))).toEqual(scores);
    expect(again.position).toBe(20);
    await again.append(text(2, 'answer'));
    promptCache.keep([...text(20), ...text(2, 'answer')], await again.state());
    await using decoder = createDecoder(model, { store, capacity, batch: 2 });
    const rows = await decoder.feedRows([text(20), [...text(20), ...text(2, 'answer'), 5]], { promptCache });
    expect(rows.slice(0, decoder.columns)).toEqual(scores);
    expect(rows.slice(decoder.columns)).toEqual(await again.append([5]));
    expect(promptCache.statistics).toMatchObject({ hits: 3, misses: 1, readTokens: 21 });
    await expect(decoder.feedRows([[1], [2]], { promptCache })).rejects.toThrow(/rows have read 20, 23 tokens/);
  });

  it('refuses what makes no sense', async () => {
    const { model, store } = await openModel(hybrid);
    await using decoder = createDecoder(model, { store, capacity });
    expect(() => createPromptCache({ bytes: 0 })).toThrow('bytes must be above 0; got 0');
    expect(() => createPromptCache({ bytes: 1, every: 0.5 })).toThrow(
      'every must be a whole number, 1 or more; got 0.5',
    );
    const cache = createPromptCache({ bytes: 1e6 });
    await expect(cache.read(decoder, [])).rejects.toThrow('a prompt needs at least one token');
    await decoder.feed([1, 2]);
    const state = await decoder.state();
    expect(() => cache.keep([1], state)).toThrow(/got 1 tokens and a state after 2/);
  });
});
