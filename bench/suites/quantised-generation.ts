// Generation with weights of 8 and 4 bits against f32: the preset h3-125m with random weights at batch 1. A token reads every weight
// once, so the time to read the packed weights bounds it. Before anything is timed, a quantised model is compared with an f32
// model that has its weights made f32 again: what is left is the rounding of activations.
import {
  createDecoder,
  createStore,
  type Decoder,
  dequantizeRows,
  type HostTensor,
  type LanguageModel,
  languageModel,
  openDevice,
  preset,
  quantizedTwin,
  quantizeTensor,
  type Store,
} from 'hippo';
import { type Contest, type Contestant, rate } from '../harness/contest.ts';
import type { Figure } from '../harness/figure.ts';
import { limitsFor } from '../harness/machine.ts';
import { measureAll, type SuiteContext, type SuiteOutcome, type Table } from '../harness/suite.ts';
import { quickNumbers } from './quick-numbers.ts';

const promptLength = 128;
const capacity = 2048;
const kinds = ['f32', 'int8', 'int4'] as const;
type Kind = (typeof kinds)[number];
const bitsOf = { int8: 8, int4: 4 } as const;

/**
 * Relative to the largest score. Random weights make scores that are sums without a direction, the hardest case: rounding activations
 * to 8 bits (int4) shows much more than in a trained model. int8 and f32 stay below 1e-3.
 */
const TOLERANCE = 0.1;

interface Weights {
  readonly model: LanguageModel;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** The model in f32 and its quantised twins, of the same weights. */
function allWeights(): Readonly<Record<Kind, Weights>> {
  const model = languageModel(preset('h3-125m'));
  const float = new Map(model.variables.map((variable) => [variable.name, quickNumbers(variable)]));
  const packed = (bits: 8 | 4): Weights => {
    const twin = quantizedTwin(model.config, { bits });
    const tensors = new Map(
      twin.variables.flatMap((variable) => {
        const given = float.get(variable.name);
        return given ? [[variable.name, quantizeTensor(variable, given, { bits })] as const] : [];
      }),
    );
    return { model: twin, tensors };
  };
  return { f32: { model, tensors: float }, int8: packed(8), int4: packed(4) };
}

const bytesOf = ({ model }: Weights): number =>
  model.variables.reduce((sum, { shape }) => sum + 4 * shape.reduce((product, size) => product * size, 1), 0);

function fill(store: Store, { model, tensors }: Weights): void {
  for (const variable of model.variables) {
    const content = tensors.get(variable.name);
    if (content) store.write(variable, content);
  }
}

/** The f32 weights that a twin stands for; f32 itself. */
function madeFloat(all: Readonly<Record<Kind, Weights>>, kind: Kind): Weights {
  const { model, tensors } = all.f32;
  if (kind === 'f32') return all.f32;
  const bits = bitsOf[kind];
  const again = model.variables.flatMap(({ name, shape }) => {
    const content = all[kind].tensors.get(name);
    if (!content) return [];
    const { data } = content;
    const floats = data instanceof Int32Array ? dequantizeRows(data, { bits, inputs: shape[1] ?? 1 }) : data;
    return [[name, { shape, dtype: 'f32', data: floats }] as const];
  });
  return { model, tensors: new Map([...tensors, ...again]) };
}

const token = (position: number): number => (position * 7919) % 50_257;

async function scoresStepwise(decoder: Decoder): Promise<Float32Array> {
  decoder.reset();
  let scores = new Float32Array();
  for (let position = 0; position < 8; position++) scores = Float32Array.from(await decoder.feed([token(position)]));
  return scores;
}

/** The largest difference from the f32 model of the same weights, relative to the largest score. */
async function errorOf(decoder: Decoder, float: Weights, store: Store): Promise<number> {
  const got = await scoresStepwise(decoder);
  using own = createStore(store.device);
  fill(own, float);
  const exact = createDecoder(float.model, { store: own, capacity });
  const want = await scoresStepwise(exact);
  await exact.dispose();
  const largest = want.reduce((most, score) => Math.max(most, Math.abs(score)), 0);
  return want.reduce((worst, score, i) => Math.max(worst, Math.abs(score - (got[i] ?? Number.NaN))), 0) / largest;
}

interface Opened {
  readonly threads: number;
  readonly stores: Readonly<Record<Kind, Store>>;
  dispose(): Promise<void>;
}

async function open(threads: number, all: Readonly<Record<Kind, Weights>>): Promise<Opened> {
  const device = await openDevice({ threads });
  const stored = (kind: Kind): Store => {
    const store = createStore(device);
    fill(store, all[kind]);
    return store;
  };
  const stores = { f32: stored('f32'), int8: stored('int8'), int4: stored('int4') };
  return { threads, stores, dispose: () => device.dispose() };
}

/** `length` tokens at once, again and again. */
function contestant(
  { threads, stores }: Opened,
  all: Readonly<Record<Kind, Weights>>,
  { kind, length }: { readonly kind: Kind; readonly length: number },
): Contestant {
  return {
    name: kind,
    threads,
    prepare: () => {
      const decoder = createDecoder(all[kind].model, { store: stores[kind], capacity, chunks: [promptLength] });
      return {
        check: () => errorOf(decoder, madeFloat(all, kind), stores[kind]),
        run: async () => {
          if (decoder.position + length > capacity) decoder.reset();
          await decoder.feed(Array.from({ length }, (_, i) => token(decoder.position + i)));
        },
        dispose: () => decoder.dispose(),
      };
    },
  };
}

/** Adds what reading the packed weights once allows: another limit for each kind of weights. */
function withLimits(
  figures: readonly Figure[],
  all: Readonly<Record<Kind, Weights>>,
  { limits }: SuiteContext,
): readonly Figure[] {
  return figures.map((figure) => {
    const kind = kinds.find((one) => one === figure.contestant);
    if (!kind || figure.contest !== 'one token') return figure;
    const value = (limitsFor(limits, figure.threads).readGigabytes * 1e9) / bytesOf(all[kind]);
    return {
      ...figure,
      limit: {
        name: 'reading its weights once',
        value: Math.round(value),
        share: Number((figure.median / value).toFixed(3)),
      },
    };
  });
}

/** How many times the f32 rate, from medians of the same rounds. */
function ratios(figures: readonly Figure[], threads: readonly number[]): Table {
  const contests = [...new Set(figures.map(({ contest }) => contest))];
  const median = (contest: string, kind: string, count: number): number =>
    figures.find((one) => one.contest === contest && one.contestant === kind && one.threads === count)?.median ??
    Number.NaN;
  return {
    caption: 'Times the rate of f32, medians of the same rounds.',
    head: ['', ...threads.map((count) => `${count} thread${count === 1 ? '' : 's'}`)],
    rows: contests.flatMap((contest) =>
      (['int8', 'int4'] as const).map((kind) => [
        `${contest}, ${kind}`,
        ...threads.map((count) => (median(contest, kind, count) / median(contest, 'f32', count)).toFixed(2)),
      ]),
    ),
  };
}

export async function run(context: SuiteContext): Promise<SuiteOutcome> {
  const all = allWeights();
  const opened: Opened[] = [];
  try {
    for (const threads of context.threads) opened.push(await open(threads, all));
    const contest = (name: string, length: number): Contest => ({
      name,
      unit: rate('tokens/s', length, 1),
      tolerance: TOLERANCE,
      contestants: opened.flatMap((one) => kinds.map((kind) => contestant(one, all, { kind, length }))),
    });
    const contests = [contest('one token', 1), contest(`prompt of ${promptLength}`, promptLength)];
    const measured = await measureAll(contests, context);
    const figures = withLimits(measured.figures, all, context);
    const facts = Object.fromEntries(
      kinds.map((kind) => [`bytes of weights, ${kind}`, `${Math.round(bytesOf(all[kind]) / 1e6)} MB`]),
    );
    return { ...measured, figures, tables: [ratios(figures, context.threads)], facts };
  } finally {
    for (const { dispose } of opened) await dispose();
  }
}
