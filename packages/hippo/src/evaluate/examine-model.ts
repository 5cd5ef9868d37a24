// Does a model do here what it should? Reading a text at once (convolution) must give the scores of reading it token by token
// (recurrence), and every backend those of the float64 reference. And what it costs: the first token, every further one, memory.
import { UsageError } from '../errors.ts';
import { createDecoder } from '../generate/decoder.ts';
import { compileLogits, type WeightedModel } from './weighted-model.ts';

/** Token ids that walk through the whole vocabulary in large steps: the same for every model of that size. */
export function examinationTokens(vocabularySize: number, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, position) => (position * 7919 + 1) % vocabularySize);
}

/** max|a − b| / max|b|; NaN where a number is none. */
export function relativeDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length)
    throw new UsageError('length', `relativeDifference: both must be as long; got ${a.length} and ${b.length}.`);
  let [worst, largest] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] ?? 0) - (b[i] ?? 0));
    if (!(difference <= worst)) worst = difference; // a NaN stays
    largest = Math.max(largest, Math.abs(b[i] ?? 0));
  }
  return worst === 0 ? 0 : worst / largest;
}

/** The scores after every token, [tokens × columns]. */
export async function scoresOf(weighted: WeightedModel, tokens: Int32Array): Promise<Float32Array> {
  using plan = await compileLogits(weighted, tokens.length);
  return Float32Array.from((await plan({ ids: tokens })).logits.data);
}

/** The relative difference between the scores after a text read at once by convolution and read token by token. */
export async function convolutionAgainstRecurrence(
  { model, store }: WeightedModel,
  tokens: Int32Array,
): Promise<number> {
  const capacity = tokens.length;
  await using atOnce = createDecoder(model, { store, capacity, chunks: [tokens.length], form: 'convolution' });
  const convolved = Float32Array.from(await atOnce.feed(tokens));
  await using stepwise = createDecoder(model, { store, capacity, chunks: [1], form: 'scan' });
  return relativeDifference(await stepwise.feed(tokens), convolved);
}

export interface GenerationCost {
  /** Seconds from a fresh decoder to the scores after a prompt, compilation of its plans included. */
  readonly firstToken: number;
  /** Median seconds of a further token. */
  readonly token: number;
  /** Bytes on the device besides the weights. */
  readonly bytes: number;
  /** Bytes of one sequence's state. */
  readonly stateBytes: number;
}

/** Reads a prompt and then `count` tokens one by one. */
export async function measureGeneration(
  { model, store }: WeightedModel,
  { prompt, count }: { readonly prompt: Int32Array; readonly count: number },
): Promise<GenerationCost> {
  const started = performance.now();
  await using decoder = createDecoder(model, { store, capacity: prompt.length + count + 1 });
  await decoder.feed(prompt);
  const firstToken = (performance.now() - started) / 1000;
  await decoder.feed(prompt.subarray(0, 1)); // compiles the plan of one token
  const seconds: number[] = [];
  for (let i = 0; i < count; i++) {
    const before = performance.now();
    await decoder.feed([prompt[i % prompt.length] ?? 0]);
    seconds.push((performance.now() - before) / 1000);
  }
  seconds.sort((a, b) => a - b);
  const { bytes, stateBytes } = decoder;
  return { firstToken, token: seconds[Math.floor(count / 2)] ?? Number.NaN, bytes, stateBytes };
}
