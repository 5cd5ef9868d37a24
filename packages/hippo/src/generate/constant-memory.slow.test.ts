// Thousands of tokens from a model without attention: the device holds the same bytes as at the start, and JavaScript keeps nothing
// of what has been read. bench/suites/memory.ts shows a hundred thousand.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { languageModel } from '../models/language-model.ts';
import { openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { generate } from './generate.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function keptBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

it('holds no more after 6,000 tokens than after 1,000', async () => {
  await using device = await openDevice({ backend: 'wasm', threads: 1 });
  using store = createStore(device);
  const model = languageModel({ vocab_size: 31, d_model: 16, n_layer: 2, d_state: 8 });
  store.initialize(model.variables, { seed: 1 });
  const samples: { device: number; kept: number }[] = [];
  for await (const { index } of generate(model, { store, prompt: [1, 2, 3], maxTokens: 6000, seed: 5 })) {
    if (index % 1000 === 999) samples.push({ device: device.backend.allocatedBytes, kept: keptBytes() });
  }
  const [first, ...later] = samples;
  expect(later).toHaveLength(5);
  for (const { device: bytes } of later) expect(bytes).toBe(first?.device);
  // A number a token would be 40 kB; code that the engine compiles meanwhile, and test reporting, come to a few times that.
  const growth = (later.at(-1)?.kept ?? Number.NaN) - (later[0]?.kept ?? 0);
  expect(growth).toBeLessThan(500_000);
});
