// A model in memory with its matrices quantised, for faster generation: the f32 weights are read one tensor at a time.
import type { LanguageModel } from '../models/language-model.ts';
import { quantizedTwin, quantizeTensor } from '../models/quantize-model.ts';
import { createStore, type Store } from '../session/store.ts';
import type { Quantization } from '../tensor/quantization.ts';

/**
 * Quantises a model whose weights are in a store, into a new store on the same device. The given store is left as it is;
 * dispose of it when its weights are not needed any more.
 * @throws UsageError `already-quantized`; CheckpointError `not-finite` for a weight that no scale can hold.
 */
export async function quantizeModel(
  model: LanguageModel,
  store: Store,
  options: Quantization,
): Promise<{ readonly model: LanguageModel; readonly store: Store }> {
  const twin = quantizedTwin(model.config, options);
  const given = new Map(model.variables.map((variable) => [variable.name, variable]));
  const target = createStore(store.device);
  try {
    for (const variable of twin.variables) {
      const source = given.get(variable.name);
      if (source) target.write(variable, quantizeTensor(variable, await store.read(source), options));
    }
    return { model: twin, store: target };
  } catch (error) {
    target.dispose();
    throw error;
  }
}
