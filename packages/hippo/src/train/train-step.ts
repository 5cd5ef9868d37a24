// One training step as one plan: forward, backward, clipping, AdamW, metrics. With gradient accumulation it is two: one that
// adds a micro-batch's gradients to variables, and one that applies them.
import { UsageError } from '../errors.ts';
import { assign, read } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { stateVariable, type Variable } from '../graph/variable.ts';
import { add, div, finite, fullLike, gradient, mul, type RandomSource, select } from '../ops/index.ts';
import { heldBytes } from '../plan/explain.ts';
import type { Plan, PlanStep } from '../plan/plan.ts';
import { type BadNumber, type CompiledFunction, compile, type RunInputs } from '../session/compile.ts';
import type { Store } from '../session/store.ts';
import { scalarOf } from '../tensor/host-tensor.ts';
import { type AdamWOptions, applyAdamW, biasCorrections, clipFactor, globalNorm, momentsOf } from './adamw.ts';

/**
 * What the trainer needs of a model: its variables and a mean loss over token windows [batch, length + 1]. `recompute` names the
 * layers that the loss should wrap in `ops.recompute`; a model of your own that has none to wrap need not look at it.
 */
export interface TrainableModel {
  readonly variables: readonly Variable[];
  loss(
    tokens: Value,
    context: { readonly random?: RandomSource; readonly recompute?: boolean | readonly number[] },
  ): Value;
}

export interface TrainStepOptions {
  readonly store: Store;
  readonly batch: number;
  readonly length: number;
  readonly optimizer: AdamWOptions;
  /** Largest global norm of the gradients; 0 or less: no clipping. */
  readonly clip: number;
  /** Micro-batches per step, each of `batch` windows. */
  readonly accumulation: number;
  /** Seeds dropout. */
  readonly seed: number;
  /** Layers computed again in the backward pass: all, or these (from 0). The same numbers for less memory and more time. */
  readonly recompute?: boolean | readonly number[];
  readonly verify?: boolean;
}

export interface StepResult {
  readonly loss: number;
  readonly gradientNorm: number;
  /** False: a number was not finite and no variable was changed. */
  readonly healthy: boolean;
}

export interface TrainStep extends Disposable {
  /** Optimiser moments: saved with a checkpoint. */
  readonly optimizerVariables: readonly Variable[];
  /** One micro-batch of tokens each, `accumulation` of them. `step` counts from 0. */
  run(
    microBatches: readonly Int32Array[],
    at: { readonly step: number; readonly learningRate: number },
  ): Promise<StepResult>;
  /** After an unhealthy step: the first operation whose result is not finite. */
  findBadNumber(tokens: Int32Array, at: { readonly step: number }): Promise<BadNumber | undefined>;
  explain(): string;
  /**
   * Runs the step `repeats` times kernel by kernel: the fastest time of each kernel in seconds, with its place in the plan.
   * The variables are updated as by so many steps.
   */
  profile(tokens: Int32Array, repeats?: number): Promise<readonly ProfiledStep[]>;
  /** The whole step's, or with accumulation that of a micro-batch and that of the update. */
  readonly plans: readonly Plan[];
  /** Device memory that a step needs: every variable it reads or writes, and what its plans hold besides. */
  readonly peakBytes: number;
}

export interface ProfiledStep {
  readonly step: PlanStep;
  readonly seconds: number;
}

const scalar = { shape: [], dtype: 'f32' } as const;

/**
 * By what gradients are multiplied where factors of products are rounded to f16: 16 to 32 times the tokens over which the loss is a mean,
 * a power of two. The slopes of the scores are then below 32, far from the largest f16 (65,504), and a probability of 4e-9 still counts.
 */
function gradientFactor(tokens: number): number {
  return 16 * 2 ** Math.ceil(Math.log2(tokens));
}

/** Compiles a model's training step. The store must hold the model's variables. */
export async function compileTrainStep(model: TrainableModel, options: TrainStepOptions): Promise<TrainStep> {
  const { store, batch, length, accumulation, recompute = false } = options;
  if (!Number.isInteger(accumulation) || accumulation < 1) {
    throw new UsageError(
      'accumulation',
      `train: gradient accumulation must be a whole number of micro-batches, 1 or more; got ${accumulation}.`,
      { accumulation },
    );
  }
  const parameters = model.variables.filter(({ kind }) => kind === 'parameter');
  checkTrainable(parameters);
  const moments = momentsOf(parameters);
  const optimizerVariables = [...moments.values()].flatMap(({ first, second }) => [first, second]);
  store.initialize(optimizerVariables);
  const tokens = { shape: [batch, length + 1], dtype: 'i32' } as const;
  const noise = { key: { shape: [2], dtype: 'u32' }, counter: { shape: [], dtype: 'i32' } } as const;
  const schedule = { rate: scalar, correction1: scalar, correction2: scalar } as const;

  const enlarged = store.device.backend.roundsFactors ? gradientFactor(batch * length) : 1;
  /** `enlarged` times the gradients. */
  const gradients = (loss: Value) => {
    const values = gradient(
      mul(loss, enlarged),
      parameters.map((parameter) => read(parameter)),
    );
    return new Map(parameters.map((parameter, index) => [parameter, values[index] as Value]));
  };
  const update = (
    byParameter: ReadonlyMap<Variable, Value>,
    loss: Value,
    scalars: { rate: Value; correction1: Value; correction2: Value },
  ) => {
    const norm = div(globalNorm([...byParameter.values()]), enlarged);
    const healthy = mul(finite(norm), finite(loss));
    const clipped = options.clip > 0 ? clipFactor(norm, options.clip) : fullLike(norm, 1);
    const scale = div(clipped, enlarged);
    applyAdamW(byParameter, moments, { scalars, scale, healthy, options: options.optimizer });
    return { loss, gradientNorm: norm };
  };
  const randomInputs = (step: number, micro: number) => ({
    key: Uint32Array.of(options.seed >>> 0, 0x68697070),
    counter: Int32Array.of(step * accumulation + micro),
  });
  const scheduleInputs = (step: number, learningRate: number) => {
    const { correction1, correction2 } = biasCorrections(options.optimizer, step);
    return { rate: [learningRate], correction1: [correction1], correction2: [correction2] };
  };
  const result = (outputs: Record<'loss' | 'gradientNorm', Parameters<typeof scalarOf>[0]>): StepResult => {
    const [loss, gradientNorm] = [scalarOf(outputs.loss), scalarOf(outputs.gradientNorm)];
    return { loss, gradientNorm, healthy: Number.isFinite(loss) && Number.isFinite(gradientNorm) };
  };
  const verify = options.verify ?? false;

  if (accumulation === 1) {
    const whole = await compile(
      ({ tokens: ids, key, counter, ...scalars }) => {
        const loss = model.loss(ids, { random: { key, counter }, recompute });
        return update(gradients(loss), loss, scalars);
      },
      { store, verify, inputs: { tokens, ...noise, ...schedule } },
    );
    return {
      optimizerVariables,
      run: async ([ids], { step, learningRate }) =>
        result(await whole({ tokens: ids ?? [], ...randomInputs(step, 0), ...scheduleInputs(step, learningRate) })),
      findBadNumber: (ids, { step }) =>
        whole.findBadNumber({ tokens: ids, ...randomInputs(step, 0), ...scheduleInputs(step, 0) }),
      explain: () => whole.explain(),
      profile: (ids, repeats) => timed(whole, { tokens: ids, ...randomInputs(0, 0), ...scheduleInputs(0, 0) }, repeats),
      plans: [whole.plan],
      peakBytes: whole.totals.peakBytes,
      [Symbol.dispose]: () => whole.dispose(),
    };
  }

  const sums = new Map(
    parameters.map((parameter) => [parameter, stateVariable(`accumulated.${parameter.name}`, parameter.shape)]),
  );
  const lossSum = stateVariable('accumulated.loss', []);
  const accumulated = [...sums.values(), lossSum];
  store.initialize(accumulated);
  const collect = await compile(
    ({ tokens: ids, key, counter, fresh }) => {
      const loss = model.loss(ids, { random: { key, counter }, recompute });
      // The first micro-batch replaces what the last step (or a failed one) left behind.
      const total = (sum: Variable, part: Value): void =>
        assign(sum, add(select(fresh, 0, read(sum)), mul(part, 1 / accumulation)));
      for (const [parameter, value] of gradients(loss)) total(sums.get(parameter) as Variable, value);
      total(lossSum, loss);
      return { loss };
    },
    { store, verify, inputs: { tokens, ...noise, fresh: scalar } },
  );
  const apply = await compile(
    (scalars) =>
      update(new Map([...sums].map(([parameter, total]) => [parameter, read(total)])), read(lossSum), scalars),
    { store, verify, inputs: schedule },
  );
  return {
    optimizerVariables,
    async run(microBatches, { step, learningRate }) {
      for (const [micro, ids] of microBatches.entries())
        await collect({ tokens: ids, ...randomInputs(step, micro), fresh: [micro === 0 ? 1 : 0] });
      return result(await apply(scheduleInputs(step, learningRate)));
    },
    findBadNumber: (ids, { step }) => collect.findBadNumber({ tokens: ids, ...randomInputs(step, 0), fresh: [1] }),
    explain: () => `${collect.explain()}\n${apply.explain()}`,
    profile: async (ids, repeats) => [
      ...(await timed(collect, { tokens: ids, ...randomInputs(0, 0), fresh: [1] }, repeats)),
      ...(await timed(apply, scheduleInputs(0, 0), repeats)),
    ],
    plans: [collect.plan, apply.plan],
    peakBytes: heldBytes([collect.plan, apply.plan]),
    [Symbol.dispose]() {
      collect.dispose();
      apply.dispose();
      store.drop(accumulated);
    },
  };
}

async function timed<Inputs extends string>(
  run: CompiledFunction<Inputs, string>,
  inputs: RunInputs<Inputs>,
  repeats?: number,
): Promise<readonly ProfiledStep[]> {
  const seconds = await run.profile(inputs, repeats);
  return run.plan.steps.map((step, index) => ({ step, seconds: seconds[index] ?? 0 }));
}

/** Integers have no gradient. */
function checkTrainable(parameters: readonly Variable[]): void {
  const found = parameters.find(({ dtype }) => dtype !== 'f32');
  if (!found) return;
  throw new UsageError(
    'quantized-training',
    `train: parameters must be f32; got "${found.name}" in ${found.dtype}, as quantised models have them. Train the f32 model and quantise the result.`,
    { parameter: found.name, dtype: found.dtype },
  );
}
