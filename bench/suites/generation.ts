// What generating costs with the preset h3-125m at batch 1. A token reads every weight once, so the time to read that many bytes
// bounds it; a prompt is arithmetic, and our own matrix product, measured beside it, bounds that.
import {
  type CompiledFunction,
  compile,
  createDecoder,
  createStore,
  type Decoder,
  type LanguageModel,
  languageModel,
  openDevice,
  ops,
  preset,
  type Store,
} from 'hippo';
import { type Contest, type Contestant, rate } from '../harness/contest.ts';
import { limitsFor } from '../harness/machine.ts';
import { type Facts, measureAll, type SuiteContext, type SuiteOutcome } from '../harness/suite.ts';
import { quickNumbers } from './quick-numbers.ts';

const promptLength = 1024;
/** Most tokens of a sequence: the attention layer reads a cache of this length for every token. */
const capacity = 2 * promptLength;

/** Relative to the largest score: reading a prompt at once and token by token is the same sum in another order. */
const TOLERANCE = 1e-4;

/** The model with random weights on a device of its own. */
interface Opened {
  readonly threads: number;
  readonly model: LanguageModel;
  readonly store: Store;
  dispose(): Promise<void>;
}

async function open(threads: number): Promise<Opened> {
  const device = await openDevice({ threads });
  const store = createStore(device);
  const model = languageModel(preset('h3-125m'));
  for (const variable of model.variables) store.write(variable, quickNumbers(variable));
  return { threads, model, store, dispose: () => device.dispose() };
}

const bytesOf = ({ variables }: LanguageModel): number =>
  variables.reduce((sum, { shape }) => sum + 4 * shape.reduce((product, size) => product * size, 1), 0);

const token = (position: number): number => (position * 7919) % 50_257;

/** The largest difference between the scores of a prompt read at once and token by token, relative to the largest score. */
async function stepError(decoder: Decoder): Promise<number> {
  const tokens = Array.from({ length: 16 }, (_, position) => token(position));
  decoder.reset();
  const atOnce = Float32Array.from(await decoder.feed(tokens));
  decoder.reset();
  let stepwise = new Float32Array();
  for (const one of tokens) stepwise = Float32Array.from(await decoder.feed([one]));
  const largest = atOnce.reduce((most, score) => Math.max(most, Math.abs(score)), 0);
  return (
    atOnce.reduce((worst, score, i) => Math.max(worst, Math.abs(score - (stepwise[i] ?? Number.NaN))), 0) / largest
  );
}

function oneToken({ threads, model, store }: Opened): Contestant {
  return {
    name: 'Hippo',
    threads,
    prepare: () => {
      const decoder = createDecoder(model, { store, capacity });
      return {
        check: () => stepError(decoder),
        run: async () => {
          if (decoder.position === capacity) decoder.reset();
          await decoder.feed([token(decoder.position)]);
        },
        dispose: () => decoder.dispose(),
      };
    },
  };
}

function prompt({ threads, model, store }: Opened): Contestant {
  const tokens = Array.from({ length: promptLength }, (_, position) => token(position));
  return {
    name: 'Hippo',
    threads,
    prepare: () => {
      const decoder = createDecoder(model, { store, capacity: promptLength });
      return {
        check: () => stepError(decoder),
        run: async () => {
          decoder.reset();
          await decoder.feed(tokens);
        },
        dispose: () => decoder.dispose(),
      };
    },
  };
}

/** Arithmetic of a prompt's matrix products: every matrix but the embedding table for every token, and attention's. */
function promptOperations({ variables, config }: LanguageModel): number {
  const matrices = variables.filter(
    ({ name, shape }) => shape.length === 2 && name.endsWith('.weight') && !name.includes('embeddings'),
  );
  const weights = matrices.reduce((sum, { shape: [rows = 0, columns = 0] }) => sum + rows * columns, 0);
  const attention = config.attn_layer_idx.length * 2 * 2 * promptLength * promptLength * config.d_model;
  return 2 * weights * promptLength + attention;
}

const product = { rows: promptLength, inner: 768, columns: 3072 } as const;

/** The product of the prompt's largest matrices, alone. */
function matrixProduct({ threads, store }: Opened): Contestant {
  const { rows, inner, columns } = product;
  const filled = (count: number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 101) / 50 - 1);
  return {
    name: 'Hippo',
    threads,
    prepare: async () => {
      const run: CompiledFunction<'a' | 'b', 'c'> = await compile(
        ({ a, b }) => ({ c: ops.sum(ops.matmul(a, b, { transposeB: true })) }),
        { store, inputs: { a: { shape: [rows, inner], dtype: 'f32' }, b: { shape: [columns, inner], dtype: 'f32' } } },
      );
      const inputs = { a: filled(rows * inner), b: filled(columns * inner) };
      return {
        check: async () => productSumError(inputs, (await run(inputs)).c.data[0] ?? Number.NaN),
        run: async () => void (await run(inputs)),
        dispose: () => run.dispose(),
      };
    },
  };
}

/** Σ A·Bᵀ = (Σ rows of A)·(Σ rows of B), relative to the sum of the absolute products. */
function productSumError({ a, b }: { readonly a: Float32Array; readonly b: Float32Array }, sum: number): number {
  const columnSums = (matrix: Float32Array): Float64Array => {
    const sums = new Float64Array(product.inner);
    matrix.forEach((value, i) => {
      sums[i % product.inner] = (sums[i % product.inner] ?? 0) + value;
    });
    return sums;
  };
  const [left, right] = [columnSums(a), columnSums(b)];
  const exact = left.reduce((total, value, i) => total + value * (right[i] ?? 0), 0);
  return Math.abs(sum - exact) / (product.rows * product.columns * product.inner * 0.25);
}

export async function run(context: SuiteContext): Promise<SuiteOutcome> {
  const opened: Opened[] = [];
  try {
    for (const threads of context.threads) opened.push(await open(threads));
    const [first] = opened;
    if (!first) return {};
    const { model } = first;
    const products = await measureAll([productContest(opened)], context);
    const productRate = (threads: number): number =>
      products.figures.find((figure) => figure.threads === threads)?.median ?? Number.NaN;
    const tokens: Contest = {
      name: 'one token',
      unit: rate('tokens/s', 1, 1),
      tolerance: TOLERANCE,
      limit: {
        name: 'reading the weights once',
        of: (threads) => (limitsFor(context.limits, threads).readGigabytes * 1e9) / bytesOf(model),
      },
      contestants: opened.map(oneToken),
    };
    const prompts: Contest = {
      name: `prompt of ${promptLength}`,
      unit: rate('GFLOP/s', promptOperations(model), 1e9),
      tolerance: TOLERANCE,
      limit: { name: 'our matrix product', of: productRate },
      contestants: opened.map(prompt),
    };
    const measured = await measureAll([tokens, prompts], context);
    const facts: Facts = { 'bytes of weights': `${Math.round(bytesOf(model) / 1e6)} MB` };
    return { ...measured, figures: [...products.figures, ...measured.figures], facts };
  } finally {
    for (const { dispose } of opened) await dispose();
  }
}

function productContest(opened: readonly Opened[]): Contest {
  const { rows, inner, columns } = product;
  return {
    name: `matrix product ${rows}×${inner}×${columns}`,
    unit: rate('GFLOP/s', 2 * rows * inner * columns, 1e9),
    tolerance: 1e-6,
    contestants: opened.map(matrixProduct),
  };
}
