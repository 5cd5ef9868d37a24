// The small model of the suite on edges: that of `hippo first-light`, with initial weights.
import {
  adamWDefaults,
  characterTokenizer,
  compileTrainStep,
  createStore,
  type Device,
  type LanguageModel,
  languageModel,
  openDevice,
  type Store,
} from 'hippo';
import { saveModel, tensorsOf } from 'hippo/node';

const alphabet = Array.from({ length: 65 }, (_, i) => String.fromCodePoint(0x3f + i)).join('');
export const prompt = 'ROMEO';

/** The model, its initial weights in a store. */
export function smallModel(device: Device): { readonly model: LanguageModel; readonly store: Store } {
  const store = createStore(device);
  const model = languageModel({
    vocab_size: alphabet.length,
    d_model: 96,
    n_layer: 4,
    attn_layer_idx: [1],
    num_heads: 4,
    embed_dropout: 0,
    resid_dropout: 0,
    attn_dropout: 0,
  });
  store.initialize(model.variables, { seed: 0 });
  return { model, store };
}

/** Saves it as a model folder. */
export async function saveSmallModel(folder: string): Promise<void> {
  await using device = await openDevice({ threads: 1 });
  const { model, store } = smallModel(device);
  const tokenizer = characterTokenizer(alphabet);
  await saveModel(folder, { config: model.config, tensors: tensorsOf(model.variables, store), tokenizer });
}

const [batch, length] = [8, 128];
export const tokensAStep = batch * length;

/** Its training step, ready to run: gives the loss. `plannedBytes` are those of weights, moments and plan. */
export async function smallTrainStep(
  device: Device,
): Promise<{ readonly step: () => Promise<number>; readonly plannedBytes: number }> {
  const { model, store } = smallModel(device);
  const options = { store, batch, length, optimizer: adamWDefaults, clip: 1, accumulation: 1, seed: 0 };
  const compiled = await compileTrainStep(model, options);
  const tokens = Int32Array.from({ length: batch * (length + 1) }, (_, i) => (i * 7919) % alphabet.length);
  let steps = 0;
  return {
    step: async () => (await compiled.run([tokens], { step: steps++, learningRate: 1e-3 })).loss,
    plannedBytes: compiled.peakBytes + store.bytes,
  };
}
