// A session is a text that goes on: any split into calls, forks that do not see each other, states that come back, turns taken.
import { describe, expect, it } from 'vitest';
import { uniforms } from '../tensor/philox.ts';
import { hybrid, kinds, openModel, roundingTolerance, scoreError, text } from './models.test-support.ts';
import { openSession } from './session.ts';

const capacity = 140;

/** Lengths of pieces, 1 to `most`, drawn by number. */
function randomSplit(length: number, draw: number, most: number): number[] {
  const sizes: number[] = [];
  const numbers = uniforms(length, { key: [draw, 7], stream: 0, counter: 0 });
  for (let rest = length; rest > 0; rest -= sizes.at(-1) ?? rest)
    sizes.push(Math.min(rest, 1 + Math.floor((numbers[sizes.length] ?? 0) * most)));
  return sizes;
}

describe.each(Object.entries(kinds))('%s', (_, config) => {
  it('reads a text in pieces to what it gives at once', async () => {
    const { model, store } = await openModel(config);
    const tokens = text(130);
    await using whole = openSession(model, { store, capacity, chunks: [130] });
    const expected = await whole.append(tokens);
    await using pieces = openSession(model, { store, capacity });
    const equal = [1, 3, 7, 16, 100].map((size) =>
      Array.from({ length: Math.ceil(130 / size) }, (_unused, i) => Math.min(size, 130 - i * size)),
    );
    const random = [1, 2, 3, 4, 5].map((draw) => randomSplit(130, draw, 12 * draw));
    for (const sizes of [...equal, ...random]) {
      await pieces.reset();
      let done = 0;
      let scores: Float32Array = new Float32Array();
      for (const size of sizes) {
        scores = await pieces.append(tokens.slice(done, done + size));
        done += size;
        expect(pieces.position).toBe(done);
      }
      expect(scoreError(scores, expected), `pieces of ${sizes.join(', ')}`).toBeLessThan(roundingTolerance);
      expect(pieces.scores).toEqual(scores);
    }
  });
});

describe('a session', () => {
  it('forks into texts that do not see each other', async () => {
    const { model, store } = await openModel(hybrid);
    await using session = openSession(model, { store, capacity });
    await session.append(text(20));
    await using left = await session.fork();
    await using right = await left.fork();
    expect([left.position, right.position]).toEqual([20, 20]);
    expect(left.scores).toEqual(session.scores);
    const alone = async (more: readonly number[]): Promise<Float32Array[]> => {
      await using fresh = openSession(model, { store, capacity });
      await fresh.append(text(20));
      const scores: Float32Array[] = [];
      for (const token of more) scores.push(await fresh.append([token]));
      return scores;
    };
    const texts = [text(6, 'own'), text(6, 'left'), text(6, 'right')];
    const found: Float32Array[][] = [[], [], []];
    // Turn by turn, all asked for at once.
    await Promise.all(
      Array.from({ length: 6 }, (_, step) =>
        [session, left, right].map(async (one, which) => {
          found[which]?.push(await one.append([texts[which]?.[step] ?? 0]));
        }),
      ).flat(),
    );
    for (const [which, more] of texts.entries()) expect(found[which]).toEqual(await alone(more));
  });

  it('shares one decoder with its forks, and gives it back with the last', async () => {
    const { model, store } = await openModel(hybrid);
    const bytes = store.device.backend.allocatedBytes;
    const session = openSession(model, { store, capacity });
    await session.append(text(3));
    await session.append([1]);
    const held = store.device.backend.allocatedBytes;
    const forks = await Promise.all(Array.from({ length: 5 }, () => session.fork()));
    for (const fork of forks) await fork.append([2]);
    expect(store.device.backend.allocatedBytes).toBe(held);
    await session.dispose();
    expect(await forks[0]?.append([3])).toBeDefined();
    for (const fork of forks) await fork.dispose();
    expect(store.device.backend.allocatedBytes).toBe(bytes);
    await expect(session.append([1])).rejects.toThrow('session: it was disposed of');
  });

  it('goes back to a state, with its scores, without reading', async () => {
    const { model, store } = await openModel(hybrid);
    await using session = openSession(model, { store, capacity });
    const scores = await session.append(text(9));
    const state = await session.state();
    const further = await session.append([4]);
    await session.load(state);
    expect(session.position).toBe(9);
    expect(session.scores).toEqual(scores);
    expect(await session.append([4])).toEqual(further);
    const { scores: _, ...without } = state;
    await expect(session.load({ ...without, scores: undefined })).rejects.toThrow(
      /after 9 tokens must hold the scores/,
    );
  });

  it('keeps what it has read when a call fails', async () => {
    const { model, store } = await openModel(hybrid);
    await using session = openSession(model, { store, capacity: 10 });
    const scores = await session.append(text(8));
    await expect(session.append(text(3))).rejects.toThrow(/holds 10 tokens; 8 are read and 3 more/);
    await expect(session.append([])).rejects.toThrow(/at least one token/);
    expect([session.position, session.scores]).toEqual([8, scores]);
    const other = await openModel(hybrid, 'wasm', 2);
    await using stranger = openSession(other.model, { store: other.store, capacity });
    await expect(stranger.load(await session.state())).rejects.toThrow(/belongs to the model that read the text/);
    expect(await session.append([1, 2])).toHaveLength(scores.length);
  });

  it('is not changed by what is done to its scores', async () => {
    const { model, store } = await openModel(hybrid);
    await using session = openSession(model, { store, capacity });
    const scores = await session.append(text(4));
    const [first] = scores;
    scores.fill(0);
    session.scores?.fill(0);
    expect(session.scores?.[0]).toBe(first);
    expect((await session.state()).scores?.[0]).toBe(first);
  });
});
