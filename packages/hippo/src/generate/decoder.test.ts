// Sequences as values: a state taken out and put back goes on to the same bits, rows move between places of the batch, and rows at
// different positions each get what they get alone.
import { describe, expect, it } from 'vitest';
import { CheckpointError, UsageError } from '../errors.ts';
import { createDecoder, type Decoder } from './decoder.ts';
import { hybrid, kinds, openModel, roundingTolerance, scoreError, text } from './models.test-support.ts';

const capacity = 60;

/** The scores of one row. */
function rowOf(scores: Float32Array, row: number, { columns }: Decoder): Float32Array {
  return scores.slice(row * columns, (row + 1) * columns);
}

describe.each(Object.entries(kinds))('%s', (_, config) => {
  it('goes on from a state to the same bits, in another decoder too', async () => {
    const { model, store } = await openModel(config);
    await using decoder = createDecoder(model, { store, capacity });
    const scores = await decoder.feed(text(21));
    const state = await decoder.state();
    expect(state.position).toBe(21);
    expect(state.scores).toEqual(scores);
    for (const { name, shape } of model.stateShapes(1, 21)) expect(state.arrays[name]?.shape).toEqual(shape);
    const expected = [await decoder.feed([3]), await decoder.feed([4])];
    await decoder.restore(state);
    expect(decoder.position).toBe(21);
    expect([await decoder.feed([3]), await decoder.feed([4])]).toEqual(expected);
    await using other = createDecoder(model, { store, capacity });
    await other.restore(state);
    expect([await other.feed([3]), await other.feed([4])]).toEqual(expected);
  });

  it.each([2, 3, 8])(
    'gives each of %i rows of different lengths what it gives alone, token by token',
    async (batch) => {
      const { model, store } = await openModel(config);
      const prompts = Array.from({ length: batch }, (_unused, row) => text(1 + ((row * 13) % 30), `prompt ${row}`));
      const steps = Array.from({ length: 4 }, (_unused, step) => text(batch, `step ${step}`));
      await using together = createDecoder(model, { store, capacity, batch });
      const found = [await together.feedRows(prompts)];
      expect(together.positions).toEqual(prompts.map(({ length }) => length));
      for (const tokens of steps) found.push(await together.feed(tokens));
      for (const [row, prompt] of prompts.entries()) {
        await using alone = createDecoder(model, { store, capacity });
        const expected = [await alone.feed(prompt)];
        for (const tokens of steps) expected.push(await alone.feed([tokens[row] ?? 0]));
        for (const [step, scores] of found.entries())
          expect(scoreError(rowOf(scores, row, together), expected[step] ?? [])).toBeLessThan(roundingTolerance);
      }
    },
  );

  it('moves rows, repeated and permuted', async () => {
    const { model, store } = await openModel(config);
    await using decoder = createDecoder(model, { store, capacity, batch: 3 });
    await decoder.feedRows([text(9, 'a'), text(4, 'b'), text(17, 'c')]);
    const before = await Promise.all([0, 1, 2].map((row) => decoder.state(row)));
    for (const rows of [
      [2, 0, 1],
      [1, 1, 1],
      [0, 2, 0],
    ]) {
      for (const [row, state] of before.entries()) await decoder.restore(state, row);
      await decoder.reorder(rows);
      expect(decoder.positions).toEqual(rows.map((row) => before[row]?.position));
      for (const [row, from] of rows.entries()) expect(await decoder.state(row)).toEqual(before[from]);
      // What the rows go on to is theirs as well.
      const scores = await decoder.feed([5, 5, 5]);
      for (const [row, from] of rows.entries()) {
        await using alone = createDecoder(model, { store, capacity, batch: 3 });
        const state = before[from];
        if (state) await alone.restore(state);
        expect(rowOf(scores, row, decoder)).toEqual(rowOf(await alone.feed([5, 5, 5]), row, alone));
      }
    }
  });

  it('shows the scores after every token', async () => {
    const { model, store } = await openModel(config);
    await using decoder = createDecoder(model, { store, capacity, batch: 2, chunks: [8] });
    const tokens = text(2 * 19);
    const seen: Float32Array[][] = [[], []];
    await decoder.feed([tokens[0] ?? 0, tokens[19] ?? 0]);
    const rest = [...tokens.slice(1, 19), ...tokens.slice(20)];
    await decoder.feedAll(rest, (position, row, scores) => {
      expect(position).toBe(1 + (seen[row]?.length ?? 0));
      seen[row]?.push(scores.slice());
    });
    expect(seen.map(({ length }) => length)).toEqual([18, 18]);
    expect((await decoder.state(1)).scores).toEqual(seen[1]?.at(-1));
    await using stepwise = createDecoder(model, { store, capacity, batch: 2 });
    for (let i = 0; i < 19; i++) {
      const scores = await stepwise.feed([tokens[i] ?? 0, tokens[19 + i] ?? 0]);
      for (const row of i > 0 ? [0, 1] : [])
        expect(scoreError(seen[row]?.[i - 1] ?? [], rowOf(scores, row, stepwise))).toBeLessThan(roundingTolerance);
    }
  });
});

describe('rows', () => {
  it('of different positions read several tokens at once', async () => {
    const { model, store } = await openModel(hybrid);
    await using decoder = createDecoder(model, { store, capacity, batch: 2 });
    await decoder.feedRows([text(3, 'a'), text(11, 'b')]);
    const more = text(32, 'more');
    const scores = await decoder.feed(more);
    for (const [row, prompt] of [text(3, 'a'), text(11, 'b')].entries()) {
      await using alone = createDecoder(model, { store, capacity });
      const expected = await alone.feed([...prompt, ...more.slice(row * 16, row * 16 + 16)]);
      expect(scoreError(rowOf(scores, row, decoder), expected)).toBeLessThan(roundingTolerance);
    }
  });

  it('go on from where they are when feedRows reads more', async () => {
    const { model, store } = await openModel(hybrid);
    await using decoder = createDecoder(model, { store, capacity, batch: 2 });
    await decoder.feedRows([text(3, 'a'), text(11, 'b')]);
    const scores = await decoder.feedRows([text(5, 'c'), text(2, 'd')]);
    expect(decoder.positions).toEqual([8, 13]);
    await using alone = createDecoder(model, { store, capacity });
    await alone.feed(text(3, 'a'));
    expect(rowOf(scores, 0, decoder)).toEqual(await alone.feed(text(5, 'c')));
  });

  it('are the same numbers on the reference backend, alone and together', async () => {
    const { model, store } = await openModel(hybrid, 'reference');
    await using decoder = createDecoder(model, { store, capacity: 12, batch: 2 });
    await decoder.feedRows([text(3, 'a'), text(6, 'b')]);
    const scores = await decoder.feed([1, 2]);
    await using alone = createDecoder(model, { store, capacity: 12 });
    await alone.feed(text(6, 'b'));
    // This backend holds f64; a state on the host is f32.
    await alone.restore(await alone.state());
    expect(rowOf(scores, 1, decoder)).toEqual(await alone.feed([2]));
  });
});

describe('a decoder refuses', () => {
  it('states of other models, naming both', async () => {
    const [one, other] = [await openModel(hybrid), await openModel(hybrid, 'wasm', 2)];
    await using decoder = createDecoder(one.model, { store: one.store, capacity });
    await using stranger = createDecoder(other.model, { store: other.store, capacity });
    await decoder.feed([1]);
    const state = await decoder.state();
    const names = new RegExp(`${await stranger.fingerprint()} here; got one of model ${await decoder.fingerprint()}`);
    await expect(stranger.restore(state)).rejects.toThrow(names);
    await expect(stranger.restore(state)).rejects.toBeInstanceOf(CheckpointError);
  });

  it('damaged states', async () => {
    const { model, store } = await openModel(hybrid);
    await using decoder = createDecoder(model, { store, capacity });
    await decoder.feed(text(5));
    const state = await decoder.state();
    await expect(decoder.restore({ ...state, position: 6 })).rejects.toThrow(
      /must be f32\[1, 2, 6, 8\] after 6 tokens; got f32\[1, 2, 5, 8\]/,
    );
    await expect(decoder.restore({ ...state, arrays: {} })).rejects.toThrow(/got none/);
  });

  it('states and tokens beyond its capacity and beyond learned positions', async () => {
    const { model, store } = await openModel(hybrid);
    await using large = createDecoder(model, { store, capacity });
    await large.feed(text(10));
    await using small = createDecoder(model, { store, capacity: 9, batch: 2 });
    await expect(small.restore(await large.state())).rejects.toThrow(/cache holds 9 tokens; 0 are read and 10 more/);
    await small.feedRows([text(2), text(9)]);
    await expect(small.feed([1, 1])).rejects.toThrow(/cache holds 9 tokens; 9 are read and 1 more/);
    const learned = await openModel({ ...hybrid, max_position_embeddings: 6 });
    await using short = createDecoder(learned.model, { store: learned.store, capacity });
    await short.feed(text(6));
    await expect(short.feed([1])).rejects.toThrow(/learned positions end at 6 .*; 6 tokens are read and 1 more/);
  });

  it('rows it does not have, and a position that rows do not share', async () => {
    const { model, store } = await openModel(hybrid);
    await using decoder = createDecoder(model, { store, capacity, batch: 2 });
    await decoder.feedRows([text(2), text(3)]);
    expect(() => decoder.position).toThrow(/rows that have read as much as each other; got 2, 3/);
    await expect(decoder.state(2)).rejects.toThrow(/rows are numbers from 0 to 1; got 2/);
    await expect(decoder.reorder([0])).rejects.toThrow(/each of 2 rows; got 1 numbers/);
    await expect(decoder.reorder([0, -1])).rejects.toThrow(UsageError);
    await expect(decoder.feedRows([[1]])).rejects.toThrow(/each of 2 rows; got 1 prompts of lengths 1/);
    await expect(decoder.feedRows([[1], []])).rejects.toThrow(/lengths 1, 0/);
    decoder.reset();
    expect(decoder.positions).toEqual([0, 0]);
  });
});
