import { afterAll, beforeAll, expect, it } from 'vitest';
import { languageModel } from '../models/language-model.ts';
import { type Device, openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import {
  convolutionAgainstRecurrence,
  examinationTokens,
  measureGeneration,
  relativeDifference,
  scoresOf,
} from './examine-model.ts';

let devices: Device[];
beforeAll(async () => {
  devices = await Promise.all(
    (['wasm', 'reference'] as const).map((backend) =>
      openDevice({ backend, ...(backend === 'wasm' && { threads: 1 }) }),
    ),
  );
});
afterAll(() => Promise.all(devices.map((device) => device.dispose())));

const model = languageModel({ vocab_size: 23, d_model: 16, n_layer: 3, d_state: 8, attn_layer_idx: [1], num_heads: 2 });
const tokens = examinationTokens(23, 40);
const on = (device: Device | undefined) => {
  if (!device) throw new Error('no device');
  const store = createStore(device);
  store.initialize(model.variables, { seed: 3 });
  return { model, store };
};

it('finds that the backends and both forms agree', async () => {
  const [wasm, reference] = devices;
  expect(relativeDifference(await scoresOf(on(wasm), tokens), await scoresOf(on(reference), tokens))).toBeLessThan(
    1e-5,
  );
  expect(await convolutionAgainstRecurrence(on(wasm), tokens)).toBeLessThan(1e-5);
});

it('finds a weight that differs', async () => {
  const [wasm, reference] = devices;
  const [ours, theirs] = [on(wasm), on(reference)];
  const weight = model.variables.find(({ name }) => name.endsWith('ln_f.weight'));
  if (!weight) throw new Error('no norm');
  const tensor = await ours.store.read(weight);
  const data = Float32Array.from(tensor.data);
  data[0] = (data[0] ?? 0) + 0.1;
  ours.store.write(weight, { ...tensor, dtype: 'f32', data });
  expect(relativeDifference(await scoresOf(ours, tokens), await scoresOf(theirs, tokens))).toBeGreaterThan(1e-3);
});

it('is NaN where a score is none', () => {
  expect(relativeDifference(Float32Array.of(1, Number.NaN), Float32Array.of(1, 2))).toBeNaN();
});

it('tells what generating costs', async () => {
  const cost = await measureGeneration(on(devices[0]), { prompt: tokens, count: 5 });
  expect(cost.firstToken).toBeGreaterThan(0);
  expect(cost.token).toBeGreaterThan(0);
  expect(cost.stateBytes).toBeGreaterThan(2 * 41 * 16 * 4); // the cache of the attention layer alone
  expect(cost.bytes).toBeGreaterThan(cost.stateBytes);
});
