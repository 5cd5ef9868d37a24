// A model with its weights on a device, and the scores it gives.
import type { LanguageModel } from '../models/language-model.ts';
import { type CompiledFunction, compile } from '../session/compile.ts';
import type { Store } from '../session/store.ts';

/** A model with its weights. */
export interface WeightedModel {
  readonly model: LanguageModel;
  readonly store: Store;
}

/** Compiles ids i32 [1, length] → logits [1, length, columns]; columns = the padded vocabulary. */
export function compileLogits(
  { model, store }: WeightedModel,
  length: number,
): Promise<CompiledFunction<'ids', 'logits'>> {
  return compile(({ ids }) => ({ logits: model.apply(ids).logits }), {
    store,
    inputs: { ids: { shape: [1, length], dtype: 'i32' } },
  });
}
