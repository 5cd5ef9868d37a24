// The causality check: no output may depend on a later token. A later token is changed and every earlier output must stay what it
// was, up to rounding (an FFT mixes all positions of a row, so its rounding errors do too). Public, so that users' own layers
// and models get the same proof.
import { UsageError } from '../errors.ts';
import type { Value } from '../graph/value.ts';
import { compile } from '../session/compile.ts';
import type { Store } from '../session/store.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { uniforms } from '../tensor/philox.ts';

export interface CausalityOptions {
  /** Holds the model's initialised variables. */
  readonly store: Store;
  /** Tokens are drawn from 0 to this, exclusive; at least 2. */
  readonly vocabularySize: number;
  readonly length: number;
  /** Default 1. */
  readonly batch?: number;
  /** How many changed tokens are tried; default 8. Later positions that differ are preferred to repeats. */
  readonly trials?: number;
  readonly seed?: number;
  /** Largest change allowed, relative to the largest output; default 1e-5. */
  readonly tolerance?: number;
}

export interface CausalityReport {
  readonly causal: boolean;
  /** Largest change of an earlier output, relative to the largest output. */
  readonly leak: number;
  /** Where it was: the token changed and the output it reached. */
  readonly changed: number;
  readonly reached: number;
  /** Largest relative change at the changed token or after it: a check that the outputs depend on tokens at all. */
  readonly influence: number;
}

/**
 * Changes single tokens and looks for outputs before them that move.
 * @param build tokens i32 [batch, length] → outputs [batch, length, ...], for example the logits of a model.
 * @throws UsageError `causality-options`.
 */
export async function checkCausality(
  build: (tokens: Value) => Value,
  options: CausalityOptions,
): Promise<CausalityReport> {
  const { store, vocabularySize, length, batch = 1, trials = 8, seed = 0, tolerance = 1e-5 } = options;
  if (vocabularySize < 2 || length < 2 || trials < 1) {
    throw new UsageError(
      'causality-options',
      `checkCausality: needs a vocabulary and a length of at least 2 and one trial; got ${vocabularySize}, ${length} and ${trials}.`,
      { vocabularySize, length, trials },
    );
  }
  using run = await compile(({ tokens }) => ({ outputs: build(tokens) }), {
    store,
    inputs: { tokens: { shape: [batch, length], dtype: 'i32' } },
  });
  const random = uniforms(batch * length + 2 * trials, { key: [seed, 0], stream: 0, counter: 0 });
  const tokens = Int32Array.from(random.subarray(0, batch * length), (x) => Math.floor(x * vocabularySize));
  const before = (await run({ tokens })).outputs;
  let scale = 0;
  for (const x of before.data) scale = Math.max(scale, Math.abs(x));
  let report: CausalityReport = { causal: true, leak: 0, changed: 0, reached: 0, influence: 0 };
  for (let trial = 0; trial < trials; trial++) {
    const [where = 0, what = 0] = random.subarray(batch * length + 2 * trial);
    // The last token comes first: it must not reach anything before it.
    const changed = trial === 0 ? length - 1 : 1 + Math.floor(where * (length - 1));
    const other = tokens.map((token, at) =>
      at % length === changed ? (token + 1 + Math.floor(what * (vocabularySize - 1))) % vocabularySize : token,
    );
    const after = (await run({ tokens: other })).outputs;
    report = merge(report, { before, after, changed, batch, length, scale });
  }
  return { ...report, causal: report.leak <= tolerance };
}

interface Trial {
  readonly before: HostTensor;
  readonly after: HostTensor;
  readonly changed: number;
  readonly batch: number;
  readonly length: number;
  readonly scale: number;
}

function merge(report: CausalityReport, { before, after, changed, batch, length, scale }: Trial): CausalityReport {
  const width = before.data.length / (batch * length);
  let result = report;
  before.data.forEach((x, at) => {
    const position = Math.floor(at / width) % length;
    const difference = Math.abs(x - (after.data[at] ?? Number.NaN));
    // A NaN is a leak of unknown size; scale 0 means outputs that are all zero.
    const change = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference === 0 ? 0 : difference / scale;
    if (position >= changed) result = change > result.influence ? { ...result, influence: change } : result;
    else if (change > result.leak) result = { ...result, leak: change, changed, reached: position };
  });
  return result;
}
