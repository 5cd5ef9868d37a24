// The training loop: batches in, events out. Everything that a step depends on is a function of (seed, step) or lives in the
// store, so that stopping at any step and resuming gives the same numbers as never stopping.
import { NumericError, UsageError } from '../errors.ts';
import { eventTurns } from '../session/interruption.ts';
import type { Store } from '../session/store.ts';
import { type AdamWOptions, adamWDefaults } from './adamw.ts';
import { checkSchedule, learningRate, type ScheduleOptions } from './schedule.ts';
import { compileTrainStep, type TrainableModel, type TrainStep } from './train-step.ts';

export interface TrainOptions {
  readonly steps: number;
  /** Windows in a micro-batch. */
  readonly batch: number;
  /** Targets in a window. */
  readonly length: number;
  /** Micro-batches a step. Default 1. */
  readonly accumulation?: number;
  readonly schedule: ScheduleOptions;
  readonly optimizer?: Partial<AdamWOptions>;
  /** Largest global gradient norm. Default 1; 0 switches clipping off. */
  readonly clip?: number;
  /** Seeds batches and dropout. Default 0. */
  readonly seed?: number;
  /** Layers computed again in the backward pass: all, or these (from 0). The same numbers for less memory and more time. Default: none. */
  readonly recompute?: boolean | readonly number[];
  /** Validate every this many steps and after the last; 0: only after the last. Default 0. */
  readonly validateEvery?: number;
  /** Save every this many steps, after each best validation and after the last step. Default 0: no regular saves. */
  readonly saveEvery?: number;
}

export interface TrainingRun {
  readonly model: TrainableModel;
  readonly store: Store;
  /** Micro-batch `micro` of step `step`: [batch × (length + 1)] token ids. Must be a pure function of its arguments. */
  readonly batchAt: (at: { readonly step: number; readonly micro: number }) => Int32Array;
  /** Mean validation loss, nats a token. */
  readonly validate?: (signal?: AbortSignal) => Promise<number>;
  /** Saves everything a resume needs; `step` is the number of finished steps. */
  readonly save?: (state: TrainerState, step: TrainStep) => Promise<void>;
  /** Restores optimiser moments into the store and says where to go on. */
  readonly resume?: (step: TrainStep) => Promise<TrainerState | undefined>;
  /** When aborted, the running step is finished, the state is saved, and the loop ends. */
  readonly signal?: AbortSignal;
}

export interface TrainerState {
  /** Finished steps. */
  readonly step: number;
  readonly bestValidationLoss: number | undefined;
  /** The step after which it was measured. */
  readonly bestStep: number | undefined;
}

export type TrainEvent =
  | { readonly kind: 'start'; readonly step: number; readonly peakBytes: number }
  | {
      readonly kind: 'step';
      readonly step: number;
      readonly loss: number;
      readonly learningRate: number;
      readonly gradientNorm: number;
      readonly tokens: number;
      readonly seconds: number;
    }
  | {
      readonly kind: 'validation';
      readonly step: number;
      readonly loss: number;
      readonly best: boolean;
      readonly seconds: number;
    }
  | { readonly kind: 'save'; readonly step: number }
  | { readonly kind: 'end'; readonly step: number; readonly interrupted: boolean };

/**
 * Trains, yielding an event after each step, validation and save.
 * @throws NumericError `not-finite` when the loss or a gradient is NaN or infinite: the variables keep their last good content,
 * and the sentence names the first operation whose result went bad.
 */
export async function* train(run: TrainingRun, options: TrainOptions): AsyncGenerator<TrainEvent, TrainerState> {
  const {
    steps,
    batch,
    length,
    accumulation = 1,
    schedule,
    clip = 1,
    seed = 0,
    recompute = false,
    validateEvery = 0,
    saveEvery = 0,
  } = options;
  if (!Number.isInteger(steps) || steps < 1)
    throw new UsageError('steps', `train: steps must be a whole number, 1 or more; got ${steps}.`, { steps });
  checkSchedule(schedule);
  using step = await compileTrainStep(run.model, {
    store: run.store,
    batch,
    length,
    accumulation,
    clip,
    seed,
    recompute,
    optimizer: { ...adamWDefaults, ...options.optimizer },
  });
  let state: TrainerState = (await run.resume?.(step)) ?? {
    step: 0,
    bestValidationLoss: undefined,
    bestStep: undefined,
  };
  yield { kind: 'start', step: state.step, peakBytes: step.peakBytes };

  const save = async function* (): AsyncGenerator<TrainEvent> {
    if (!run.save) return;
    await run.save(state, step);
    yield { kind: 'save', step: state.step };
  };
  const turn = eventTurns();
  while (state.step < steps) {
    yield await trainOne(step, state.step);
    await turn();
    state = { ...state, step: state.step + 1 };
    const last = state.step === steps;
    const interrupted = run.signal?.aborted ?? false;
    if (run.validate && !interrupted && (last || (validateEvery > 0 && state.step % validateEvery === 0))) {
      const event = await validateNow(run.validate, state);
      if (event.best) state = { ...state, bestValidationLoss: event.loss, bestStep: state.step };
      yield event;
    }
    const due = saveEvery > 0 && state.step % saveEvery === 0;
    if (interrupted || last || due || state.bestStep === state.step) yield* save();
    if (interrupted && !last) break;
  }
  yield { kind: 'end', step: state.step, interrupted: state.step < steps };
  return state;

  async function trainOne(compiled: TrainStep, at: number): Promise<TrainEvent> {
    const started = performance.now();
    const rate = learningRate(schedule, at);
    const microBatches = Array.from({ length: accumulation }, (_, micro) => run.batchAt({ step: at, micro }));
    const { loss, gradientNorm, healthy } = await compiled.run(microBatches, { step: at, learningRate: rate });
    if (!healthy) await failOnBadNumber(compiled, microBatches, { step: at, loss, gradientNorm });
    return {
      kind: 'step',
      step: at + 1,
      loss,
      learningRate: rate,
      gradientNorm,
      tokens: accumulation * batch * length,
      seconds: (performance.now() - started) / 1000,
    };
  }
}

async function validateNow(validate: () => Promise<number>, state: TrainerState) {
  const started = performance.now();
  const loss = await validate();
  const best = state.bestValidationLoss === undefined || loss < state.bestValidationLoss;
  return { kind: 'validation' as const, step: state.step, loss, best, seconds: (performance.now() - started) / 1000 };
}

async function failOnBadNumber(
  step: TrainStep,
  microBatches: readonly Int32Array[],
  at: { step: number; loss: number; gradientNorm: number },
): Promise<never> {
  for (const tokens of microBatches) {
    const bad = await step.findBadNumber(tokens, at);
    if (!bad) continue;
    const place = bad.path || bad.operation;
    throw new NumericError(
      'not-finite',
      `train: step ${at.step + 1} gave loss ${at.loss} and gradient norm ${at.gradientNorm}; the first bad tensor is the result of ${bad.operation} in ${place} (element ${bad.index} is ${bad.value}). Nothing was changed by this step and the last checkpoint stays. Lower the learning rate, clip gradients, or look at the data.`,
      { ...at, tensor: place, ...bad },
    );
  }
  throw new NumericError(
    'not-finite',
    `train: step ${at.step + 1} gave loss ${at.loss} and gradient norm ${at.gradientNorm}, from the optimiser's own arithmetic: the sum of squared gradients overflowed. Nothing was changed by this step. Lower the learning rate.`,
    { ...at, tensor: 'gradient norm' },
  );
}
