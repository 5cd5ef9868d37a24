// One memory measurement in a process of its own, since the peak of a process never falls: `node memory-case.js '{"kind": …}'`
// prints JSON. One thread, so that the workers' own heaps stay out of it.
import {
  adamWDefaults,
  compileTrainStep,
  createDecoder,
  createStore,
  languageModel,
  type ModelConfigInput,
  openDevice,
  type Store,
  type TrainStep,
} from 'hippo';
import { type Resident, resident, residentEngineBytes } from './resident.ts';

export type MemoryCase =
  | { readonly kind: 'training'; readonly vocabulary: number; readonly recompute: boolean }
  | { readonly kind: 'trade'; readonly vocabulary: number; readonly rounds: number }
  | { readonly kind: 'generation'; readonly vocabulary: number; readonly tokens: number }
  | { readonly kind: 'long generation'; readonly tokens: number; readonly every: number };

/** The same memory seen from four sides. */
export interface MemoryFigures {
  /** What the plans say: variables, arenas, constants, workspaces. */
  readonly planBytes: number;
  /** What the device has handed out. */
  readonly allocatedBytes: number;
  /** Pages of the engine's memory that are resident. */
  readonly residentEngineBytes: number;
  /** Growth of the process's resident size since the device was opened: at most, at the end, and JavaScript's part at the end. */
  readonly residentPeakGrowthBytes: number;
  readonly residentGrowthBytes: number;
  readonly javascriptGrowthBytes: number;
  readonly allocatedOverPlan: number;
  readonly residentEngineOverPlan: number;
}

const sizes = { d_model: 256, n_layer: 6, num_heads: 4, d_inner: 1024 };
const noDropout = { embed_dropout: 0, resid_dropout: 0, attn_dropout: 0 };
const [batch, length] = [4, 1024];

async function open(config: ModelConfigInput) {
  const device = await openDevice({ threads: 1 });
  const before = resident();
  const model = languageModel(config);
  const store = createStore(device);
  store.initialize(model.variables, { seed: 0 });
  return { device, before, model, store };
}

type Opened = Awaited<ReturnType<typeof open>>;

function figures({ device, before }: Opened, planBytes: number, after: Resident = resident()): MemoryFigures {
  const { allocatedBytes } = device.backend;
  const engineBytes = residentEngineBytes();
  const ratio = (bytes: number): number => Number((bytes / planBytes).toFixed(4));
  return {
    planBytes,
    allocatedBytes,
    residentEngineBytes: engineBytes,
    residentPeakGrowthBytes: after.peakBytes - before.nowBytes,
    residentGrowthBytes: after.nowBytes - before.nowBytes,
    javascriptGrowthBytes: after.javascriptBytes - before.javascriptBytes,
    allocatedOverPlan: ratio(allocatedBytes),
    residentEngineOverPlan: ratio(engineBytes),
  };
}

const trainingConfig = (vocabulary: number): ModelConfigInput => ({
  ...sizes,
  ...noDropout,
  vocab_size: vocabulary,
  attn_layer_idx: [1, 4],
});

function compileStep({ model, store }: { model: Opened['model']; store: Store }, recompute: boolean) {
  const optimizer = adamWDefaults;
  return compileTrainStep(model, { store, batch, length, optimizer, clip: 1, accumulation: 1, seed: 0, recompute });
}

const tokensFor = (vocabulary: number): Int32Array =>
  Int32Array.from({ length: batch * (length + 1) }, (_, i) => (i * 7919) % vocabulary);

async function training(vocabulary: number, recompute: boolean) {
  const opened = await open(trainingConfig(vocabulary));
  const step = await compileStep(opened, recompute);
  await step.run([tokensFor(vocabulary)], { step: 0, learningRate: 1e-4 });
  const [plan] = step.plans;
  return {
    ...figures(opened, step.peakBytes),
    arenaBytes: plan?.arenaBytes ?? 0,
    aliveBytes: plan?.aliveBytes ?? 0,
    calls: plan?.steps.length ?? 0,
  };
}

/**
 * Seconds of a step with and without recomputation, in turns, and whether both give the same numbers. Processor time, since it is
 * one thread's and the machine may be shared.
 */
async function trade(vocabulary: number, rounds: number) {
  const { device, model, store } = await open(trainingConfig(vocabulary));
  const other = createStore(device);
  other.initialize(model.variables, { seed: 0 });
  const steps: readonly TrainStep[] = [
    await compileStep({ model, store }, false),
    await compileStep({ model, store: other }, true),
  ];
  const seconds: number[][] = [[], []];
  const losses: number[] = [];
  for (let round = -1; round < rounds; round++) {
    for (const [i, step] of steps.entries()) {
      const started = process.cpuUsage();
      // At rate 0 the weights stay, so that every run must give the same loss and gradient norm.
      const { loss, gradientNorm } = await step.run([tokensFor(vocabulary)], { step: 0, learningRate: 0 });
      const { user, system } = process.cpuUsage(started);
      if (round >= 0) seconds[i]?.push((user + system) / 1e6);
      losses.push(loss, gradientNorm);
    }
  }
  if (losses.some((number, i) => number !== losses[i % 2]))
    throw new Error(`memory: recomputation changed the numbers: ${losses.join(', ')}.`);
  const [keep = [], recompute = []] = seconds.map((list) => list.sort((a, b) => a - b));
  const median = (list: readonly number[]): number => list[Math.floor(list.length / 2)] ?? Number.NaN;
  return {
    secondsKeeping: median(keep),
    secondsRecomputing: median(recompute),
    bestKeeping: keep[0],
    bestRecomputing: recompute[0],
    medianRatio: median(recompute) / median(keep),
    bestRatio: (recompute[0] ?? Number.NaN) / (keep[0] ?? Number.NaN),
    rounds,
  };
}

/** A prompt that needs every chunk size, then single tokens. */
async function generation(vocabulary: number, tokens: number) {
  const opened = await open({ ...sizes, vocab_size: vocabulary });
  await using decoder = createDecoder(opened.model, { store: opened.store, capacity: 1 });
  const weights = opened.device.backend.allocatedBytes;
  await decoder.feed(Int32Array.from({ length: 1024 + 128 + 16 + 1 }, (_, i) => i % vocabulary));
  for (let i = 0; i < tokens; i++) await decoder.feed([i % vocabulary]);
  return figures(opened, weights - decoder.stateBytes + decoder.bytes);
}

/** A small model without attention: resident size and device bytes while it generates. */
async function longGeneration(tokens: number, every: number) {
  const opened = await open({ vocab_size: 96, d_model: 64, n_layer: 4 });
  await using decoder = createDecoder(opened.model, { store: opened.store, capacity: 1 });
  const samples: { tokens: number; residentBytes: number; javascriptBytes: number; allocatedBytes: number }[] = [];
  let token = 1;
  const started = performance.now();
  for (let done = 1; done <= tokens; done++) {
    const scores = await decoder.feed([token]);
    token = scores.indexOf(Math.max(...scores)) % 96;
    if (done !== 1000 && done % every !== 0) continue;
    const { nowBytes: residentBytes, javascriptBytes } = resident();
    samples.push({
      tokens: done,
      residentBytes,
      javascriptBytes,
      allocatedBytes: opened.device.backend.allocatedBytes,
    });
  }
  const seconds = (performance.now() - started) / 1000;
  return { samples, stateBytes: decoder.stateBytes, tokensPerSecond: tokens / seconds };
}

function measure(chosen: MemoryCase): Promise<object> {
  switch (chosen.kind) {
    case 'training':
      return training(chosen.vocabulary, chosen.recompute);
    case 'trade':
      return trade(chosen.vocabulary, chosen.rounds);
    case 'generation':
      return generation(chosen.vocabulary, chosen.tokens);
    case 'long generation':
      return longGeneration(chosen.tokens, chosen.every);
  }
}

// What the parent passes is JSON of a MemoryCase; nobody else starts this file.
console.log(JSON.stringify(await measure(JSON.parse(process.argv[2] ?? '') as MemoryCase)));
process.exit(0);
