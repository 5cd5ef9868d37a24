// A small random model over bytes, for tests of generation: its texts are noise, but they depend on everything that was read.
import { languageModel } from '../models/language-model.ts';
import type { Device } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { byteTokenizer } from '../text/byte-tokenizer.ts';

export function byteModel(device: Device, { seed = 1, attention = true } = {}) {
  const model = languageModel({
    vocab_size: 257,
    d_model: 16,
    n_layer: 2,
    d_state: 8,
    ...(attention && { attn_layer_idx: [1], num_heads: 2 }),
  });
  const store = createStore(device);
  store.initialize(model.variables, { seed });
  return { model, store, tokenizer: byteTokenizer() };
}
