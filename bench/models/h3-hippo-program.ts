// Our own training step as a process of its own, beside the rivals (step-program.ts).
//   node h3-hippo-program.js EXERCISE THREADS
import { compileTrainStep, createStore, enableWideVectors, languageModel, openDevice } from 'hippo';
import { readExercise } from './exercise.ts';
import { serveSteps } from './step-program.ts';

const [, , path = '', threads = '1'] = process.argv;
const { config, optimizer, weights, tokens, batch, length } = await readExercise(path);
enableWideVectors();
await using device = await openDevice({ threads: Number(threads) });
const store = createStore(device);
const model = languageModel(config);
const given = new Map(weights.map((weight) => [weight.name, weight]));
for (const variable of model.variables) {
  const weight = given.get(variable.name);
  if (!weight) throw new Error(`${path}: the exercise lacks ${variable.name}.`);
  store.write(variable, { shape: weight.shape, dtype: 'f32', data: weight.data });
}
const { clip, learningRate } = optimizer;
const step = await compileTrainStep(model, { store, batch, length, optimizer, clip, accumulation: 1, seed: 0 });
let steps = 0;
await serveSteps('', {
  plannedBytes: step.peakBytes + store.bytes,
  step: async () => step.run([tokens], { step: steps++, learningRate }),
});
