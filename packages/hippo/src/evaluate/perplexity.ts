// Perplexity of a text: e to the mean cross-entropy in nats, every token after the first counted exactly once.
import { DataError } from '../errors.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { sum } from '../ops/index.ts';
import { compile } from '../session/compile.ts';
import { interruption } from '../session/interruption.ts';
import type { Store } from '../session/store.ts';
import { scalarOf } from '../tensor/host-tensor.ts';

/** What scoring needs of a model. */
export type ScoringModel = Pick<LanguageModel, 'targetLosses'>;

export interface TextScore {
  /** Mean cross-entropy, nats a token. */
  readonly loss: number;
  readonly perplexity: number;
  /** Targets counted. */
  readonly tokens: number;
}

export interface Scorer extends Disposable {
  /** Scores the tokens in consecutive windows; the last one may be shorter. */
  score(
    tokens: ArrayLike<number>,
    options?: { readonly onWindow?: (done: number, total: number) => void; readonly signal?: AbortSignal },
  ): Promise<TextScore>;
  readonly peakBytes: number;
}

/** The target of a place that counts nothing. */
const ignored = -100;

/** Compiles the scoring plan for `batch` windows of `length` targets. */
export async function compileScorer(
  model: ScoringModel,
  options: { readonly store: Store; readonly batch: number; readonly length: number },
): Promise<Scorer> {
  const { store, batch, length } = options;
  const ids = { shape: [batch, length], dtype: 'i32' } as const;
  const plan = await compile(({ tokens, targets }) => ({ total: sum(model.targetLosses(tokens, targets)) }), {
    store,
    inputs: { tokens: ids, targets: ids },
  });
  return {
    peakBytes: plan.totals.peakBytes,
    async score(tokens, { onWindow, signal } = {}) {
      const targets = tokens.length - 1;
      if (targets < 1)
        throw new DataError(
          'text-too-short',
          `perplexity: needs at least 2 tokens, one to read and one to predict; got ${tokens.length}. Give a longer text.`,
          { tokens: tokens.length },
        );
      const windows = Math.ceil(targets / length);
      const interrupt = interruption(signal);
      let total = 0;
      for (let window = 0; window < windows; window += batch) {
        await interrupt();
        const run = await plan(windowInputs(tokens, { first: window, batch, length }));
        total += scalarOf(run.total);
        onWindow?.(Math.min(window + batch, windows), windows);
      }
      const loss = total / targets;
      return { loss, perplexity: Math.exp(loss), tokens: targets };
    },
    [Symbol.dispose]: () => plan.dispose(),
  };
}

/** Windows `first` to `first + batch − 1`; places beyond the text read token 0 and count nothing. */
function windowInputs(
  text: ArrayLike<number>,
  { first, batch, length }: { first: number; batch: number; length: number },
) {
  const tokens = new Int32Array(batch * length);
  const targets = new Int32Array(batch * length).fill(ignored);
  for (let i = 0; i < batch * length; i++) {
    const at = first * length + i;
    if (at + 1 >= text.length) break;
    tokens[i] = text[at] ?? 0;
    targets[i] = text[at + 1] ?? ignored;
  }
  return { tokens, targets };
}
