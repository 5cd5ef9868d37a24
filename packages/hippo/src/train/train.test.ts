// Training's promises, on a tiny model: micro-batches equal one big batch, a resumed run equals one that never stopped, a bad
// number stops training and names the tensor without harming the weights.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NumericError } from '../errors.ts';
import { languageModel } from '../models/language-model.ts';
import { type Device, type DeviceOptions, openDevice } from '../session/device.ts';
import { createStore, type Store } from '../session/store.ts';
import { philox4x32 } from '../tensor/philox.ts';
import { inBrowser } from '../testing/test-file.test-support.ts';
import { webGpuTested } from '../testing/webgpu.test-support.ts';
import { adamWDefaults } from './adamw.ts';
import { compileTrainStep } from './train-step.ts';
import { type TrainEvent, type TrainerState, type TrainingRun, type TrainOptions, train } from './trainer.ts';

const config = {
  vocab_size: 11,
  d_model: 8,
  n_layer: 2,
  attn_layer_idx: [1],
  num_heads: 2,
  d_state: 4,
  embed_dropout: 0,
  attn_dropout: 0,
};
const options: TrainOptions = {
  steps: 6,
  batch: 4,
  length: 7,
  schedule: { kind: 'cosine', peak: 0.01, warmupSteps: 2, decaySteps: 6, floor: 0.1 },
};
const tokensAt = (step: number, row: number): number[] =>
  Array.from({ length: 8 }, (_, t) => philox4x32([t, row, step, 0], [5, 5])[0] % 11);
const rows = (step: number, from: number, count: number): Int32Array =>
  Int32Array.from(Array.from({ length: count }, (_, row) => tokensAt(step, from + row)).flat());

type StepEvent = Extract<TrainEvent, { kind: 'step' }>;

async function collect(run: TrainingRun, chosen: TrainOptions): Promise<{ steps: StepEvent[]; events: TrainEvent[] }> {
  const events: TrainEvent[] = [];
  for await (const event of train(run, chosen)) events.push(event);
  return { events, steps: events.filter((event): event is StepEvent => event.kind === 'step') };
}

const backends: readonly DeviceOptions[] = [
  ...(inBrowser ? [] : ([{ backend: 'reference' }] as const)),
  // A page's own thread may not wait for others.
  { backend: 'wasm', threads: inBrowser ? 1 : 2 },
  ...(webGpuTested ? ([{ backend: 'webgpu' }] as const) : []),
];

describe.each(backends)('training on $backend', (chosen) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice(chosen);
  });
  afterAll(() => device.dispose());

  const start = (overrides: Partial<typeof config> & Record<string, unknown> = {}) => {
    const model = languageModel({ ...config, ...overrides });
    const store = createStore(device);
    store.initialize(model.variables, { seed: 3 });
    return { model, store };
  };
  const weights = async (store: Store, model: ReturnType<typeof languageModel>) =>
    Promise.all(model.variables.map(async (variable) => (await store.read(variable)).data));

  it('two micro-batches equal one batch of twice the size', async () => {
    const [whole, halves] = [start(), start()];
    const one = await collect({ ...whole, batchAt: ({ step }) => rows(step, 0, 4) }, options);
    const two = await collect(
      { ...halves, batchAt: ({ step, micro }) => rows(step, 2 * micro, 2) },
      { ...options, batch: 2, accumulation: 2 },
    );
    one.steps.forEach((step, i) => {
      expect(two.steps[i]?.loss).toBeCloseTo(step.loss, 5);
      expect(two.steps[i]?.gradientNorm).toBeCloseTo(step.gradientNorm, 4);
    });
    expect(one.steps.at(-1)?.loss).toBeLessThan(one.steps[0]?.loss ?? 0);
  });

  it.each([1, 2])(
    'enlarges gradients for products that round their factors, %i micro-batches',
    async (accumulation) => {
      const plain = start();
      const model = languageModel(config);
      const rounding = createStore({ ...device, backend: { ...device.backend, roundsFactors: true } });
      rounding.initialize(model.variables, { seed: 3 });
      const settings = { ...options, batch: 4 / accumulation, accumulation };
      const batchAt = ({ step, micro }: { step: number; micro: number }) =>
        rows(step, (4 / accumulation) * micro, 4 / accumulation);
      const one = await collect({ ...plain, batchAt }, settings);
      const two = await collect({ model, store: rounding, batchAt }, settings);
      // The factor is a power of two: the same numbers come out.
      one.steps.forEach((step, i) => {
        expect(two.steps[i]?.loss).toBeCloseTo(step.loss, 6);
        expect(two.steps[i]?.gradientNorm).toBeCloseTo(step.gradientNorm, 6);
      });
    },
  );

  it.each([
    { accumulation: 1, embed_dropout: 0 },
    { accumulation: 2, embed_dropout: 0.3 },
  ])(
    'stopping and resuming changes nothing ($accumulation micro-batches, dropout $embed_dropout)',
    async ({ accumulation, embed_dropout }) => {
      const batchAt = ({ step, micro }: { step: number; micro: number }) => rows(step, 9 * micro, 4);
      const settings = { ...options, accumulation };
      const straight = start({ embed_dropout });
      const full = await collect({ ...straight, batchAt }, settings);

      const first = start({ embed_dropout });
      const saved = new Map<string, Float32Array>();
      let state: TrainerState | undefined;
      const abort = new AbortController();
      const stopped = await collect(
        {
          ...first,
          batchAt: (at) => {
            if (at.step === 2) abort.abort();
            return batchAt(at);
          },
          signal: abort.signal,
          save: async (now, step) => {
            state = now;
            for (const variable of [...first.model.variables, ...step.optimizerVariables])
              saved.set(variable.name, (await first.store.read(variable)).data as Float32Array);
          },
        },
        settings,
      );
      expect(stopped.events.at(-1)).toEqual({ kind: 'end', step: 3, interrupted: true });

      const second = start({ embed_dropout });
      const resumed = await collect(
        {
          ...second,
          batchAt,
          resume: async (step) => {
            for (const variable of [...second.model.variables, ...step.optimizerVariables])
              second.store.write(variable, {
                shape: variable.shape,
                dtype: 'f32',
                data: saved.get(variable.name) ?? new Float32Array(0),
              });
            return state;
          },
        },
        settings,
      );
      const losses = [...stopped.steps, ...resumed.steps].map(({ loss }) => loss);
      const expected = full.steps.map(({ loss }) => loss);
      // The reference keeps float64 variables, which a checkpoint rounds to f32; every other backend must agree bit for bit.
      if (chosen.backend === 'reference') {
        for (const [i, loss] of losses.entries()) expect(loss).toBeCloseTo(expected[i] ?? 0, 5);
        return;
      }
      expect(losses).toEqual(expected);
      expect(await weights(second.store, second.model)).toEqual(await weights(straight.store, straight.model));
    },
  );

  it.each([
    { mixer: ['h3', 'attention', 's4d', 'gss'], accumulation: 1, recompute: true },
    { mixer: ['h3', 'attention', 'h3', 'gss'], accumulation: 2, recompute: [0, 1] },
  ])('computing layers again ($recompute) changes no bit, dropout included', async ({ recompute, ...settings }) => {
    const model = { mixer: settings.mixer, attn_layer_idx: [], n_layer: 4 };
    const dropouts = { embed_dropout: 0.2, resid_dropout: 0.2, attn_dropout: 0.2, ssm_dropout: 0.2, head_dim: 2 };
    const [kept, again] = [start({ ...model, ...dropouts }), start({ ...model, ...dropouts })];
    const batchAt = ({ step, micro }: { step: number; micro: number }) => rows(step, 9 * micro, 4);
    const chosen = { ...options, steps: 3, accumulation: settings.accumulation };
    const before = await collect({ ...kept, batchAt }, chosen);
    const after = await collect({ ...again, batchAt }, { ...chosen, recompute });
    const numbers = (steps: readonly StepEvent[]) => steps.map(({ loss, gradientNorm }) => [loss, gradientNorm]);
    expect(numbers(after.steps)).toEqual(numbers(before.steps));
    expect(await weights(again.store, again.model)).toEqual(await weights(kept.store, kept.model));
    const peak = ({ events }: { events: readonly TrainEvent[] }) =>
      events[0]?.kind === 'start' ? events[0].peakBytes : 0;
    expect(peak(after)).toBeLessThan(peak(before));
  });

  it('says which layers can be computed again', async () => {
    const run = { ...start(), batchAt: ({ step }: { step: number }) => rows(step, 0, 4) };
    await expect(collect(run, { ...options, recompute: [0, 2] })).rejects.toThrow(
      'recompute takes true, false or numbers of layers from 0 to 1; got 2',
    );
  });

  it('stops at a bad number, names the tensor and leaves the weights alone', async () => {
    const { model, store } = start();
    const poisoned = model.variables.find(({ name }) => name === 'backbone.layers.0.mlp.fc1.weight');
    if (!poisoned) throw new Error('the parameter is missing');
    const { data } = await store.read(poisoned);
    data[3] = Number.NaN;
    store.write(poisoned, { shape: poisoned.shape, dtype: 'f32', data });
    const before = await weights(store, model);
    const failure = await collect({ model, store, batchAt: ({ step }) => rows(step, 0, 4) }, options).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(NumericError);
    expect(failure).toMatchObject({ code: 'not-finite', facts: { step: 0 } });
    expect((failure as Error).message).toContain('backbone.layers.0.mlp');
    expect(await weights(store, model)).toEqual(before);
  });
});

it.each([
  { accumulation: 1, recompute: false },
  { accumulation: 2, recompute: true },
])('a step holds what its plans say, to 5% ($accumulation micro-batches)', async ({ accumulation, recompute }) => {
  await using device = await openDevice({ backend: 'wasm', threads: 1 });
  using store = createStore(device);
  const model = languageModel({ ...config, d_model: 64, vocab_size: 200 });
  const empty = device.backend.allocatedBytes;
  store.initialize(model.variables);
  using step = await compileTrainStep(model, {
    store,
    batch: 4,
    length: 128,
    optimizer: adamWDefaults,
    clip: 1,
    accumulation,
    seed: 0,
    recompute,
  });
  const held = device.backend.allocatedBytes - empty;
  expect(step.peakBytes / held).toBeGreaterThan(0.95);
  expect(step.peakBytes).toBeLessThanOrEqual(held);
  const tokens = new Int32Array(4 * 129).fill(7);
  await step.run(
    Array.from({ length: accumulation }, () => tokens),
    { step: 0, learningRate: 0.01 },
  );
  expect(device.backend.allocatedBytes - empty).toBe(held);
});
