// The score of a text equals the mean of −log p taken from the logits, for any cut into windows, and a large vocabulary's logits are
// never held for the whole batch.
import { expect, it } from 'vitest';
import { languageModel } from '../models/language-model.ts';
import { compile } from '../session/compile.ts';
import { openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { compileScorer } from './perplexity.ts';

const text = Int32Array.from({ length: 28 }, (_, i) => (i * i * 7) % 50);

async function openModel(vocabulary: number) {
  const device = await openDevice({ threads: 1 });
  const store = createStore(device);
  const model = languageModel({ vocab_size: vocabulary, d_model: 16, n_layer: 1 });
  store.initialize(model.variables, { seed: 3 });
  return { device, store, model };
}

/** −log softmax of each next token of a window, from the logits of all of them. */
async function lossesFromLogits(
  { store, model }: Awaited<ReturnType<typeof openModel>>,
  window: Int32Array,
): Promise<number[]> {
  const length = window.length - 1;
  const tokens = { shape: [1, length], dtype: 'i32' } as const;
  using logitsOf = await compile(({ tokens: ids }) => ({ logits: model.apply(ids).logits }), {
    store,
    inputs: { tokens },
  });
  const { logits } = await logitsOf({ tokens: window.subarray(0, length) });
  const columns = logits.data.length / length;
  return Array.from({ length }, (_, t) => {
    const row = Array.from(logits.data.subarray(t * columns, (t + 1) * columns));
    const largest = Math.max(...row);
    return largest + Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0)) - row[window[t + 1]!]!;
  });
}

it('counts every target once, in windows of which the last is shorter', async () => {
  const opened = await openModel(50);
  await using _ = opened.device; // closed after the scorer
  const windows = [text.subarray(0, 11), text.subarray(10, 21), text.subarray(20)];
  const losses = (await Promise.all(windows.map((window) => lossesFromLogits(opened, window)))).flat();
  using scorer = await compileScorer(opened.model, { store: opened.store, batch: 2, length: 10 });
  const { loss, perplexity, tokens } = await scorer.score(text);
  const want = losses.reduce((sum, x) => sum + x, 0) / losses.length;
  expect(tokens).toBe(27);
  expect(loss).toBeCloseTo(want, 5);
  expect(perplexity).toBeCloseTo(Math.exp(want), 3);
});

it('holds the logits of some rows only', async () => {
  const { device, store, model } = await openModel(20_000);
  await using _ = device;
  const [batch, length] = [8, 256];
  using scorer = await compileScorer(model, { store, batch, length });
  expect(scorer.peakBytes).toBeLessThan((4 * batch * length * 20_000) / 2);
});

it('lets timers and signals be heard between two windows', async () => {
  const { device, store, model } = await openModel(50);
  await using _ = device;
  using scorer = await compileScorer(model, { store, batch: 1, length: 9 });
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error('enough')), 0);
  let windows = 0;
  const onWindow = (): void => {
    windows++;
    // Longer than the time between two turns of the event loop.
    for (const until = performance.now() + 15; performance.now() < until; );
  };
  await expect(scorer.score(text, { onWindow, signal: stop.signal })).rejects.toThrow('enough');
  expect(windows).toBeLessThan(3); // of three
});
