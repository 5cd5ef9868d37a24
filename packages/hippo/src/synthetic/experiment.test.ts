import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { languageModel } from '../models/language-model.ts';
import { countParameters } from '../models/parameter-count.ts';
import { type Device, openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { compileAnswerAccuracy } from './accuracy.ts';
import { syntheticData } from './data-set.ts';
import { type SyntheticMeasurement, type SyntheticRunOptions, syntheticRun } from './experiment.ts';
import { syntheticModel, syntheticModelNames } from './models.ts';
import { paperSteps, syntheticTasks } from './tasks.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(() => device.dispose());

const language = { kind: 'associative-recall', length: 4, vocabulary: 8, keyWords: 1 } as const;
const data = syntheticData({ language, trainingExamples: 16, testExamples: 7 });
const options = (changes: Partial<SyntheticRunOptions> = {}): SyntheticRunOptions => ({
  device,
  data,
  config: syntheticModel('h3', language, { d_model: 8, d_inner: 16, d_state: 4 }),
  steps: 6,
  batch: 4,
  evaluateEvery: 2,
  schedule: { kind: 'linear', floor: 0 },
  seed: 0,
  ...changes,
});
async function measured(changes: Partial<SyntheticRunOptions> = {}): Promise<SyntheticMeasurement[]> {
  using run = syntheticRun(options(changes));
  const all: SyntheticMeasurement[] = [];
  for await (const measurement of run) all.push(measurement);
  return all;
}

describe('models', () => {
  it('have the parameters of the paper (paper.md 2.2): H3 46.8k with 20 words, 46.5k with 10', () => {
    const count = (task: 'induction-head' | 'associative-recall'): number =>
      countParameters(languageModel(syntheticModel('h3', syntheticTasks[task].language)).variables);
    expect(count('induction-head')).toBe(46_784);
    expect(count('associative-recall')).toBe(46_464);
  });

  it('are of the right kinds, and only attention has positions, as many as it reads', () => {
    const configs = syntheticModelNames.map((name) => languageModel(syntheticModel(name, language)).config);
    expect(configs.map(({ mixer }) => mixer)).toEqual(['s4d', 'gss', 'h3', 'h3', 'attention']);
    expect(configs.map(({ attn_layer_idx }) => attn_layer_idx)).toEqual([[], [], [], [1], []]);
    expect(configs.map(({ max_position_embeddings: positions }) => positions)).toEqual([0, 0, 0, 0, 6]);
    expect(configs.map(({ attn_dropout }) => attn_dropout)).toEqual([0, 0, 0, 0.1, 0.1]);
    expect(configs[0]).toMatchObject({ measure: 'diag-inv', disc: 'zoh' });
  });

  it('are trained for 400 and 200 epochs', () => {
    expect(paperSteps(syntheticTasks['induction-head'])).toBe(62_500);
    expect(paperSteps(syntheticTasks['associative-recall'])).toBe(31_250);
  });
});

describe('accuracy of the answer', () => {
  it('is the share of rows whose last token has the highest score, rows beyond a batch included', async () => {
    const model = languageModel(syntheticModel('attention', language, { d_model: 8 }));
    const store = createStore(device);
    store.initialize(model.variables, { seed: 3 });
    using three = await compileAnswerAccuracy(model, { store, batch: 3, width: 7 });
    using all = await compileAnswerAccuracy(model, { store, batch: 7, width: 7 });
    // What the model says, found by trying every word as the answer.
    const said = [...new Array(7).keys()].map((row) => data.test.slice(row * 7, row * 7 + 7));
    const best: number[] = [];
    for (const row of said) {
      let word = -1;
      do row[6] = ++word;
      while (word < 8 && (await three.measure(row)) === 0);
      best.push(word);
    }
    expect(best).not.toContain(8);
    const rows = Int32Array.from(said.flatMap((row, i) => [...row.slice(0, 6), best[i] ?? 0]));
    expect(await three.measure(rows)).toBe(1);
    rows[6] = ((best[0] ?? 0) + 1) % 8;
    rows[48] = ((best[6] ?? 0) + 1) % 8;
    expect(await three.measure(rows)).toBeCloseTo(5 / 7, 12);
    expect(await all.measure(rows)).toBeCloseTo(5 / 7, 12);
  });
});

describe('a run', () => {
  it('measures at every interval and at the end, the same from the same seed', async () => {
    const [one, again, other] = [await measured(), await measured(), await measured({ seed: 1 })];
    expect(one.map(({ step }) => step)).toEqual([2, 4, 6]);
    const numbers = (all: readonly SyntheticMeasurement[]) => all.map(({ loss, accuracy }) => [loss, accuracy]);
    expect(numbers(again)).toEqual(numbers(one));
    expect(numbers(other)).not.toEqual(numbers(one));
    expect((await measured({ evaluateEvery: 4 })).map(({ step }) => step)).toEqual([4, 6]);
  });

  it('reports the mean loss of the steps in between', async () => {
    const losses: number[] = [];
    const [first] = await measured({ evaluateEvery: 3, onStep: ({ loss }) => losses.push(loss) });
    expect(losses).toHaveLength(6);
    expect(first?.loss).toBeCloseTo(((losses[0] ?? 0) + (losses[1] ?? 0) + (losses[2] ?? 0)) / 3, 12);
  });

  it('ends after two measurements in a row that are good enough', async () => {
    const always = await measured({ solvedAt: 0 });
    expect(always.map(({ step, solved }) => [step, solved])).toEqual([
      [2, false],
      [4, true],
    ]);
    expect((await measured({ solvedAt: 2 })).every(({ solved }) => !solved)).toBe(true);
  });

  it('ends after the running step when it is aborted, with a measurement', async () => {
    const controller = new AbortController();
    const onStep = ({ step }: { step: number }): void => {
      if (step === 3) controller.abort();
    };
    const all = await measured({ signal: controller.signal, onStep, evaluateEvery: 100 });
    expect(all.map(({ step }) => step)).toEqual([3]);
  });

  it('refuses an interval that is none', () => {
    expect(() => syntheticRun(options({ evaluateEvery: 0 }))).toThrow(
      'synthetic run: the steps between measurements must be a whole number of at least 1; got 0.',
    );
  });
});
