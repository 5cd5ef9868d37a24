// Learning: the small hybrid of `npm start` gets well under the entropy of single characters (3.3 nats) and of pairs (2.4) in a
// hundred and fifty steps. Its full run is `npm start`; the figures of one are in bench/results/first-light.json.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { compileScorer } from '../evaluate/perplexity.ts';
import { languageModel } from '../models/language-model.ts';
import { openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { batchAt, splitText } from '../text/batches.ts';
import { characterTokenizer } from '../text/character-tokenizer.ts';
import { train } from './trainer.ts';

it('a small H3 hybrid learns from real text', async () => {
  const text = await readFile(new URL('../../../../data/tiny-shakespeare.txt', import.meta.url), 'utf8');
  const tokenizer = characterTokenizer(text);
  const { training, validation } = splitText(text);
  const [tokens, heldOut] = [tokenizer.encode(training), tokenizer.encode(validation).subarray(0, 16_385)];
  await using device = await openDevice({ backend: 'wasm' });
  const model = languageModel({
    vocab_size: tokenizer.vocabularySize,
    d_model: 96,
    n_layer: 4,
    attn_layer_idx: [1],
    num_heads: 4,
  });
  const store = createStore(device);
  store.initialize(model.variables);
  using scorer = await compileScorer(model, { store, batch: 8, length: 128 });
  const untrained = (await scorer.score(heldOut)).loss;
  const [steps, batch, length] = [150, 8, 128];
  const run = {
    model,
    store,
    batchAt: (at: { step: number; micro: number }) => batchAt({ tokens, batch, length, seed: 0 }, at),
  };
  const schedule = { kind: 'cosine', peak: 4e-3, warmupSteps: 8, decaySteps: steps, floor: 0.1 } as const;
  for await (const _ of train(run, { steps, batch, length, schedule, optimizer: { beta2: 0.99 } }));
  const { loss } = await scorer.score(heldOut);
  expect(untrained).toBeGreaterThan(4);
  expect(loss).toBeLessThan(2.35);
});
