// A folder quantised into another: loads like any model, holds the packed weights, and says what it refuses.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDecoder } from '../generate/decoder.ts';
import { languageModel } from '../models/language-model.ts';
import { quantizeTensor } from '../models/quantize-model.ts';
import { openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { characterTokenizer } from '../text/character-tokenizer.ts';
import { loadModel } from './load-model.ts';
import { saveModel, tensorsOf } from './model-folder.ts';
import { quantizeFolder } from './quantize-folder.ts';

const model = languageModel({ vocab_size: 5, d_model: 64, n_layer: 2, attn_layer_idx: [1], num_heads: 2, d_state: 4 });
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hippo-quantize-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe.each([8, 4] as const)('quantizeFolder to %i bits', (bits) => {
  it('writes a model that loads, with each tensor packed as in memory', async () => {
    await using device = await openDevice({ threads: 1 });
    using store = createStore(device);
    store.initialize(model.variables, { seed: 1 });
    const [from, to] = [join(root, 'float'), join(root, 'small')];
    const saved = {
      config: model.config,
      tensors: tensorsOf(model.variables, store),
      tokenizer: characterTokenizer('abcde'),
    };
    await saveModel(from, { ...saved, generation: { temperature: 0.5 } });
    const seen: number[] = [];
    const written = await quantizeFolder(from, to, { bits, onTensor: (done) => seen.push(done) });
    expect(seen).toEqual(model.variables.map((_, i) => i + 1));
    expect(written.tensors).toBe(model.variables.length);
    expect(written.bytesAfter).toBeLessThan(written.bytesBefore * (bits === 8 ? 0.4 : 0.35));
    const config = JSON.parse(await readFile(join(to, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config.quantization).toEqual(bits === 8 ? { bits } : { bits, group_size: 32 });

    const loaded = await loadModel(to, { device });
    expect(loaded.sampling).toEqual({ temperature: 0.5 });
    expect([...loaded.tokenizer.encode('edc')]).toEqual([4, 3, 2]);
    for (const [i, variable] of model.variables.entries()) {
      const own = loaded.model.variables[i]!;
      expect(await loaded.store.read(own), own.name).toEqual(quantizeTensor(own, await store.read(variable), { bits }));
    }
    await using decoder = createDecoder(loaded.model, { store: loaded.store, capacity: 4 });
    expect((await decoder.feed([1, 2, 3])).every(Number.isFinite)).toBe(true);
    await expect(quantizeFolder(to, join(root, 'again'), { bits: 8 })).rejects.toThrow(
      `quantize: the model must have f32 weights; got one with ${bits} bits.`,
    );
    await expect(quantizeFolder(from, from, { bits })).rejects.toThrow('quantize: the new folder must be another one');
  });
});
