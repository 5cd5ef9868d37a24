// Accuracy on the answer, the last token of each row: the share of rows where it has the highest score of all words.
import type { LanguageModel } from '../models/language-model.ts';
import { compile } from '../session/compile.ts';
import type { Store } from '../session/store.ts';

export interface AnswerAccuracy extends Disposable {
  /** @param rows [examples, width], row-major; returns a number from 0 to 1. */
  measure(rows: Int32Array): Promise<number>;
}

/** Compiles the plan that reads `batch` rows of `width` tokens without their last one. */
export async function compileAnswerAccuracy(
  model: Pick<LanguageModel, 'apply' | 'paddedVocabularySize'>,
  { store, batch, width }: { readonly store: Store; readonly batch: number; readonly width: number },
): Promise<AnswerAccuracy> {
  const length = width - 1;
  const plan = await compile(({ tokens }) => ({ logits: model.apply(tokens, { logits: 'last' }).logits }), {
    store,
    inputs: { tokens: { shape: [batch, length], dtype: 'i32' } },
  });
  const columns = model.paddedVocabularySize;
  const right = async (rows: Int32Array, from: number): Promise<number> => {
    const tokens = new Int32Array(batch * length);
    const count = Math.min(batch, rows.length / width - from);
    // Places after the last row stay 0 and are not counted.
    for (let i = 0; i < count; i++)
      tokens.set(rows.subarray((from + i) * width, (from + i) * width + length), i * length);
    const { logits } = await plan({ tokens });
    let found = 0;
    for (let i = 0; i < count; i++) {
      const answer = rows[(from + i + 1) * width - 1] ?? 0;
      const scores = logits.data.subarray(i * columns, (i + 1) * columns);
      const best = scores[answer] ?? Number.NaN;
      // Written so that a score that is not a number counts as wrong.
      if (scores.every((score: number, id: number) => id === answer || score < best)) found += 1;
    }
    return found;
  };
  return {
    async measure(rows) {
      const count = rows.length / width;
      let found = 0;
      for (let from = 0; from < count; from += batch) found += await right(rows, from);
      return found / count;
    },
    [Symbol.dispose]: () => plan.dispose(),
  };
}
