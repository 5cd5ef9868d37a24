// One run of the synthetic experiment (paper.md 2.2): trains a model on all next tokens of a language, measures how often it gets
// the answer of unseen rows right, and stops when it always does.
import { UsageError } from '../errors.ts';
import type { ModelConfigInput } from '../models/config.ts';
import { type LanguageModel, languageModel } from '../models/language-model.ts';
import type { Device } from '../session/device.ts';
import { createStore, type Store } from '../session/store.ts';
import type { ScheduleOptions } from '../train/schedule.ts';
import { train } from '../train/trainer.ts';
import { compileAnswerAccuracy } from './accuracy.ts';
import { type SyntheticData, trainingBatches } from './data-set.ts';
import { syntheticOptimizer } from './tasks.ts';

export interface SyntheticRunOptions {
  readonly device: Device;
  readonly data: SyntheticData;
  readonly config: ModelConfigInput;
  readonly steps: number;
  readonly schedule: Pick<ScheduleOptions, 'kind' | 'floor'>;
  /** Seeds weights, the order of the examples, and dropout. */
  readonly seed: number;
  /** Default 5e-4. */
  readonly learningRate?: number;
  /** Default 32. */
  readonly batch?: number;
  /** Steps between two measurements of the test accuracy. Default 250. */
  readonly evaluateEvery?: number;
  /** The run is over when two measurements in a row reach this. Default 0.995; above 1: never. */
  readonly solvedAt?: number;
  /** Called after each step, with its own loss. */
  readonly onStep?: (step: { readonly step: number; readonly loss: number }) => void;
  /** When aborted, the running step is finished and the run ends. */
  readonly signal?: AbortSignal;
}

/** After each measurement. */
export interface SyntheticMeasurement {
  readonly step: number;
  /** Training loss, the mean over the steps since the last measurement, nats a token. */
  readonly loss: number;
  /** Share of test rows answered right. */
  readonly accuracy: number;
  /** Since the run began, compiling included. */
  readonly seconds: number;
  /** Two measurements in a row reached `solvedAt`. */
  readonly solved: boolean;
}

export interface SyntheticRun extends AsyncIterable<SyntheticMeasurement>, Disposable {
  readonly model: LanguageModel;
  /** Holds the model's variables, trained as far as the run has gone. */
  readonly store: Store;
}

/**
 * Prepares a run; iterating over it trains. A measurement is made at the end of the run too, solved or not.
 * @throws UsageError `synthetic-option` for a number of steps between measurements that is none; what `train` throws passes.
 */
export function syntheticRun(options: SyntheticRunOptions): SyntheticRun {
  const { evaluateEvery = 250, device, seed } = options;
  if (!Number.isSafeInteger(evaluateEvery) || evaluateEvery < 1) {
    throw new UsageError(
      'synthetic-option',
      `synthetic run: the steps between measurements must be a whole number of at least 1; got ${evaluateEvery}.`,
      { evaluateEvery },
    );
  }
  const model = languageModel(options.config);
  const store = createStore(device);
  store.initialize(model.variables, { seed });
  return {
    model,
    store,
    [Symbol.asyncIterator]: () => measurements({ ...options, evaluateEvery }, model, store),
    [Symbol.dispose]: () => store.dispose(),
  };
}

async function* measurements(
  options: SyntheticRunOptions & { readonly evaluateEvery: number },
  model: LanguageModel,
  store: Store,
): AsyncGenerator<SyntheticMeasurement, undefined> {
  const { data, evaluateEvery, steps, solvedAt = 0.995 } = options;
  const started = performance.now();
  const tests = data.test.length / data.width;
  using accuracy = await compileAnswerAccuracy(model, { store, batch: Math.min(tests, 100), width: data.width });
  let [losses, counted, before] = [0, 0, Number.NEGATIVE_INFINITY];
  for await (const event of trainingEvents(options, model, store)) {
    const last = event.kind === 'end';
    if (event.kind === 'step') {
      options.onStep?.(event);
      losses += event.loss;
      counted += 1;
    }
    const due = event.kind === 'step' && event.step % evaluateEvery === 0 && event.step < steps;
    if (!due && !(last && counted > 0)) continue;
    const now = await accuracy.measure(data.test);
    const solved = Math.min(now, before) >= solvedAt;
    const seconds = (performance.now() - started) / 1000;
    yield { step: event.step, loss: losses / counted, accuracy: now, seconds, solved };
    if (solved) return;
    [losses, counted, before] = [0, 0, now];
  }
}

function trainingEvents(options: SyntheticRunOptions, model: LanguageModel, store: Store) {
  const { data, seed, steps, schedule, signal } = options;
  const { batch = syntheticOptimizer.batch, learningRate = syntheticOptimizer.learningRate } = options;
  const batches = trainingBatches(data, { batch, seed });
  return train(
    { model, store, batchAt: ({ step }) => batches(step), ...(signal && { signal }) },
    {
      steps,
      batch,
      length: data.width - 1,
      seed,
      clip: 0,
      schedule: { ...schedule, peak: learningRate, warmupSteps: Math.round(steps / 10), decaySteps: steps },
      // The official runs let biases, norms and embeddings decay too (paper.md 1.4).
      optimizer: { weightDecay: syntheticOptimizer.weightDecay, decay: 'all' },
    },
  );
}
