// What `hippo doctor --model` looks at: a row for each check, with what was found.
import {
  type BackendName,
  convolutionAgainstRecurrence,
  examinationTokens,
  measureGeneration,
  openDevice,
  relativeDifference,
  scoresOf,
} from 'hippo';
import { loadModel } from 'hippo/node';
import { formatBytes, formatDuration, formatRate } from '../report/format.ts';
import { type ModelChoice, overridesOf } from './model-options.ts';

/** Scores of f32 arithmetic lie within this of float64's, relative to the largest score. */
const TOLERANCE = 1e-3;
/** Products with weights of 4 bits also round activations to 8 bits, by groups. */
const FOUR_BIT_TOLERANCE = 0.05;
const CONVOLVED_TOKENS = 256;
const COMPARED_TOKENS = 32;
const GENERATED_TOKENS = 32;

export interface Finding {
  readonly check: string;
  /** False: something disagrees. Undefined: a figure, or a comparison that could not be made (the text says why). */
  readonly agrees?: boolean;
  readonly text: string;
  readonly difference?: number;
}

export interface ExaminationOptions {
  readonly choice: ModelChoice;
  /** Those that work here. */
  readonly backends: readonly BackendName[];
  readonly threads: number | undefined;
  readonly freeBytes: number;
}

type Loaded = Awaited<ReturnType<typeof loadModel>>;

async function withModel<T>(
  backend: BackendName,
  options: ExaminationOptions,
  use: (loaded: Loaded) => Promise<T>,
): Promise<T> {
  const threads = backend === 'wasm' && options.threads !== undefined ? { threads: options.threads } : {};
  await using device = await openDevice({ backend, ...threads });
  const loaded = await loadModel(options.choice.model, {
    device,
    overrides: overridesOf(options.choice),
    tokenizer: options.choice.tokenizer,
  });
  using _store = loaded.store;
  return await use(loaded);
}

const toleranceOf = ({ model }: Loaded): number =>
  model.config.quantization?.bits === 4 ? FOUR_BIT_TOLERANCE : TOLERANCE;

const comparison = (
  check: string,
  what: string,
  { difference, tolerance }: { readonly difference: number; readonly tolerance: number },
): Finding => {
  const agrees = difference <= tolerance;
  return {
    check,
    agrees,
    difference,
    text: `${agrees ? 'agrees' : 'DISAGREES'} with ${what}: difference ${difference.toExponential(1)} of the largest score`,
  };
};

const parametersOf = ({ model }: Loaded): number =>
  model.variables.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

/** Yields a finding as soon as it is made. */
export async function* examineModel(options: ExaminationOptions): AsyncGenerator<Finding> {
  const others = options.backends.filter((name) => name !== 'reference');
  const scores = new Map<BackendName, Float32Array>();
  let tokens: Int32Array = new Int32Array();
  let parameters = 0;
  let tolerance = TOLERANCE;
  for (const backend of others) {
    const findings = await withModel(backend, options, async (loaded) => {
      parameters = parametersOf(loaded);
      tolerance = toleranceOf(loaded);
      const { vocab_size: vocabulary, max_position_embeddings: longest } = loaded.model.config;
      tokens = examinationTokens(vocabulary, COMPARED_TOKENS);
      scores.set(backend, await scoresOf(loaded, tokens));
      return examineOn(backend, loaded, Math.min(CONVOLVED_TOKENS, longest || CONVOLVED_TOKENS));
    });
    yield* findings;
  }
  // Numbers as float64, and room for what is computed from them.
  const needed = parameters * 8 * 2.5;
  if (needed > options.freeBytes) {
    yield {
      check: 'reference',
      text: `not compared: it needs about ${formatBytes(needed)}, and ${formatBytes(options.freeBytes)} are free`,
    };
    return;
  }
  const expected = await withModel('reference', options, (loaded) => scoresOf(loaded, tokens));
  for (const [backend, found] of scores)
    yield comparison(`${backend} scores`, `the float64 reference over ${tokens.length} tokens`, {
      difference: relativeDifference(found, expected),
      tolerance,
    });
}

async function examineOn(backend: BackendName, loaded: Loaded, length: number): Promise<Finding[]> {
  const { model, store } = loaded;
  const prompt = examinationTokens(model.config.vocab_size, length);
  const difference = await convolutionAgainstRecurrence(loaded, prompt);
  const half = prompt.subarray(0, Math.max(1, length - GENERATED_TOKENS - 1));
  const cost = await measureGeneration(loaded, { prompt: half, count: Math.min(GENERATED_TOKENS, length - 1) });
  return [
    comparison(`${backend} recurrence`, `the convolution over ${length} tokens`, {
      difference,
      tolerance: toleranceOf(loaded),
    }),
    {
      check: `${backend} first token`,
      text: `${formatDuration(cost.firstToken)} after ${half.length} tokens, plans compiled`,
    },
    { check: `${backend} each token`, text: `${formatDuration(cost.token)}, ${formatRate(1 / cost.token, 'tokens')}` },
    {
      check: `${backend} memory`,
      text: `${formatBytes(store.bytes)} of weights, ${formatBytes(cost.bytes)} for generating, ${formatBytes(cost.stateBytes)} of it state; process ${formatBytes(process.memoryUsage().rss)}`,
    },
  ];
}
