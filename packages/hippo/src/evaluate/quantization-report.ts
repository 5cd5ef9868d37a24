// What quantisation costs: the differences between the logits of a model and of its quantised twin on a text, and the perplexity
// of both.
import { DataError } from '../errors.ts';
import { compileScorer, type TextScore } from './perplexity.ts';
import { compileLogits, type WeightedModel } from './weighted-model.ts';

export interface QuantizationReport {
  /** Differences of logits over the real vocabulary, at every position compared. */
  readonly logits: {
    readonly largest: number;
    readonly rms: number;
    /** The standard deviation of the f32 model's logits, to compare with. */
    readonly spread: number;
    readonly positions: number;
  };
  readonly float: TextScore;
  readonly quantized: TextScore;
  /** Of the quantised model's perplexity above the other's. */
  readonly perplexityDifference: number;
}

export interface QuantizationReportOptions {
  /** Tokens predicted in one window. Default 256, or the text's length where it is shorter. */
  readonly window?: number;
  /** Windows whose logits are compared; all are scored. Default 4. */
  readonly logitWindows?: number;
}

/**
 * Compares two models of the same vocabulary on the tokens of a text.
 * @throws DataError `text-too-short` for fewer than two tokens.
 */
export async function quantizationReport(
  float: WeightedModel,
  quantized: WeightedModel,
  tokens: ArrayLike<number>,
  options: QuantizationReportOptions = {},
): Promise<QuantizationReport> {
  if (tokens.length < 2)
    throw new DataError(
      'text-too-short',
      `quantisation report: needs at least 2 tokens, one to read and one to predict; got ${tokens.length}. Give a longer text.`,
      { tokens: tokens.length },
    );
  const window = Math.min(options.window ?? 256, tokens.length - 1);
  const windows = Math.min(options.logitWindows ?? 4, Math.floor(tokens.length / window));
  const logits = await compareLogits(float, quantized, { tokens, window, windows });
  const scoreOf = async ({ model, store }: WeightedModel): Promise<TextScore> => {
    using scorer = await compileScorer(model, { store, batch: 1, length: window });
    return await scorer.score(tokens);
  };
  const [before, after] = [await scoreOf(float), await scoreOf(quantized)];
  return { logits, float: before, quantized: after, perplexityDifference: after.perplexity - before.perplexity };
}

async function compareLogits(
  float: WeightedModel,
  quantized: WeightedModel,
  {
    tokens,
    window,
    windows,
  }: { readonly tokens: ArrayLike<number>; readonly window: number; readonly windows: number },
): Promise<QuantizationReport['logits']> {
  using before = await compileLogits(float, window);
  using after = await compileLogits(quantized, window);
  const { vocab_size: vocabulary } = float.model.config;
  const columns = float.model.paddedVocabularySize;
  const sums = { largest: 0, squares: 0, total: 0, totalSquares: 0, count: 0 };
  for (let at = 0; at < windows; at++) {
    const ids = Int32Array.from({ length: window }, (_, i) => tokens[at * window + i] ?? 0);
    const [x, y] = [(await before({ ids })).logits.data, (await after({ ids })).logits.data];
    x.forEach((value, i) => {
      if (i % columns >= vocabulary) return;
      const difference = (y[i] ?? Number.NaN) - value;
      sums.largest = Math.max(sums.largest, Math.abs(difference));
      sums.squares += difference ** 2;
      sums.total += value;
      sums.totalSquares += value ** 2;
      sums.count++;
    });
  }
  const { largest, squares, total, totalSquares, count } = sums;
  return {
    largest,
    rms: Math.sqrt(squares / count),
    spread: Math.sqrt(Math.max(0, totalSquares / count - (total / count) ** 2)),
    positions: windows * window,
  };
}
