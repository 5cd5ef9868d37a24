// One run from a task to its end: data, model, training with measurements, the model saved, and then the longer examples.
import {
  compileAnswerAccuracy,
  countParameters,
  exampleWidth,
  openDevice,
  type SyntheticRun,
  syntheticData,
  syntheticModel,
  syntheticRun,
} from 'hippo';
import { saveModel, tensorsOf } from 'hippo/node';
import type { LengthAccuracy, RunEnd, RunEvent, RunTask } from './run-task.ts';

/** Milliseconds between two steps that are told. */
const tellEvery = 200;

export async function performRun(
  task: RunTask,
  { tell, signal }: { readonly tell: (event: RunEvent) => void; readonly signal: AbortSignal },
): Promise<RunEnd> {
  const { language, trainingExamples, testExamples, dataSeed } = task;
  const data = syntheticData({ language, trainingExamples, testExamples, seed: dataSeed });
  await using device = await openDevice({ threads: 1 });
  let toldAt = Number.NEGATIVE_INFINITY;
  using run = syntheticRun({
    ...task,
    device,
    data,
    config: syntheticModel(task.modelName, language, { initializer_range: task.initializerRange }),
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
    longer: signal.aborted ? [] : await longerAccuracies(run, task),
  };
}

async function longerAccuracies({ model, store }: SyntheticRun, task: RunTask): Promise<readonly LengthAccuracy[]> {
  const found: LengthAccuracy[] = [];
  const { max_position_embeddings: positions } = model.config;
  for (const length of task.longerLengths) {
    const language = { ...task.language, length };
    const width = exampleWidth(language);
    if (positions > 0 && width - 1 > positions) continue;
    const { test } = syntheticData({
      language,
      trainingExamples: 0,
      testExamples: task.testExamples,
      seed: task.dataSeed,
    });
    using accuracy = await compileAnswerAccuracy(model, { store, batch: Math.min(task.testExamples, 50), width });
    found.push({ length, accuracy: await accuracy.measure(test) });
  }
  return found;
}
