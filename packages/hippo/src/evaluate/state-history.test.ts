import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LanguageModel, languageModel } from '../models/language-model.ts';
import { compile } from '../session/compile.ts';
import { type Device, openDevice } from '../session/device.ts';
import { createStore, type Store } from '../session/store.ts';
import { diagonalMagnitudes, shiftMagnitudes, stateHistory } from './state-history.ts';

let device: Device;
let store: Store;
let model: LanguageModel;
const tokens = [3, 1, 4, 1, 5];
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
  store = createStore(device);
  model = languageModel({ vocab_size: 8, d_model: 8, n_layer: 2, attn_layer_idx: [1], d_state: 4 });
  store.initialize(model.variables);
});
afterAll(() => device.dispose());

it('keeps what a whole pass has at its end, after each token', async () => {
  const before = store.bytes;
  const { states, scores } = await stateHistory(model, { store, tokens });
  expect(store.bytes).toBe(before);
  expect(states.map(({ name }) => name).slice(0, 2)).toEqual(['layers.0.shift', 'layers.0.diagonal']);
  for (const count of [1, 5]) {
    using whole = await compile(
      ({ ids }) => {
        const { logits, state } = model.apply(ids, { logits: 'last' });
        return { logits, shift: state['layers.0.shift']!, diagonal: state['layers.0.diagonal']! };
      },
      { store, inputs: { ids: { shape: [1, count], dtype: 'i32' } } },
    );
    const expected = await whole({ ids: tokens.slice(0, count) });
    const near = (found: Float32Array | undefined, { data }: { readonly data: ArrayLike<number> }): void => {
      expect(found).toHaveLength(data.length);
      for (const [i, x] of Array.from(data).entries()) expect(found?.[i]).toBeCloseTo(x, 5);
    };
    near(scores[count - 1], expected.logits);
    near(states[0]?.after[count - 1], expected.shift);
    near(states[1]?.after[count - 1], expected.diagonal);
  }
});

it('sums a diagonal state up by head', () => {
  const series = { name: 'd', shape: [2, 1, 2, 1], after: [Float32Array.of(3, 4, 0, 2)] };
  expect(diagonalMagnitudes(series)).toEqual([[5, 2]]);
});

it('sums a shift state up by age, the newest first', () => {
  const series = { name: 's', shape: [2, 1, 3], after: [Float32Array.of(0, 1, 3, 0, 0, 4)] };
  expect(shiftMagnitudes(series)).toEqual([[5, 1, 0]]);
});

it('the newest place of the shift state holds the last token alone', async () => {
  const { states } = await stateHistory(model, { store, tokens: [2, 2, 2] });
  const magnitudes = shiftMagnitudes(states[0]!);
  expect(magnitudes[0]?.slice(1)).toEqual([0, 0]);
  expect(magnitudes[0]?.[0]).toBeGreaterThan(0);
  expect(magnitudes[2]?.[2]).toBeCloseTo(magnitudes[0]?.[0] ?? Number.NaN, 6);
});
