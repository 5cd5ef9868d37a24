// One run from a task to its end: data, model, training with measurements, the model saved, and then the longer examples.
import {
  compileAnswerAccuracy,
  countParameters,
  exampleWidth,
  openDevice,
  type SyntheticRun,
  syntheticData,
  syntheticRun,
} from 'hippo';
import { saveModel, tensorsOf } from 'hippo/node';
import { runModel } from './run-model.ts';
import type { LengthAccuracy, RunEnd, RunEvent, RunSettings, RunTask } from './run-task.ts';

/** Milliseconds between two steps that are told. */
const tellEvery = 200;

export async function performRun(
  task: RunTask,
  { tell, signal }: { readonly tell: (event: RunEvent) => void; readonly signal: AbortSignal },
): Promise<RunEnd> {
  const { language, trainingExamples, testExamples, dataSeed, backend, precision } = task.settings;
  const data = syntheticData({ language, trainingExamples, testExamples, seed: dataSeed });
  await using device = await openDevice({ backend, threads: 1, webgpu: { precision } });
  tell({ kind: 'device', description: `${device.name}: ${device.description}` });
  let toldAt = Number.NEGATIVE_INFINITY;
  using run = syntheticRun({
    ...task.settings,
    seed: task.seed,
    device,
    data,
    config: runModel(task),
    signal,
    onStep: ({ step, loss }) => {
      if (performance.now() - toldAt < tellEvery) return;
      toldAt = performance.now();
      tell({ kind: 'step', step, loss });
    },
  });
  for await (const measurement of run) tell({ kind: 'measurement', ...measurement });
  const { model, store } = run;
  await saveModel(task.modelFolder, { config: model.config, tensors: tensorsOf(model.variables, store) });
  return {
    parameters: countParameters(model.variables),
    interrupted: signal.aborted,
    longer: signal.aborted ? [] : await longerAccuracies(run, task.settings),
  };
}

async function longerAccuracies(
  { model, store }: SyntheticRun,
  { language: trained, longerLengths, testExamples, dataSeed }: RunSettings,
): Promise<readonly LengthAccuracy[]> {
  const found: LengthAccuracy[] = [];
  const { max_position_embeddings: positions } = model.config;
  for (const length of longerLengths) {
    const language = { ...trained, length };
    const width = exampleWidth(language);
    if (positions > 0 && width - 1 > positions) continue;
    const { test } = syntheticData({ language, trainingExamples: 0, testExamples, seed: dataSeed });
    using accuracy = await compileAnswerAccuracy(model, { store, batch: Math.min(testExamples, 50), width });
    found.push({ length, accuracy: await accuracy.measure(test) });
  }
  return found;
}
