// The jax-js program's work: puts the exercise into the library's arrays and serves training steps.
import { defaultDevice, init, numpy as np } from '@jax-js/jax';
import { readExercise } from './exercise.ts';
import type { Parameters } from './h3-jax.ts';
import { makeTrainStep, type TrainingState } from './h3-jax-step.ts';
import { serveSteps } from './step-program.ts';

/** Serves training steps of the exercise until stdin ends. */
export async function serveJax(path: string): Promise<void> {
  const { config, optimizer, decaying, weights, tokens, batch, length } = await readExercise(path);
  await init('wasm');
  defaultDevice('wasm');

  const arrays = (content: (name: string) => Float32Array<ArrayBuffer>): Parameters =>
    Object.fromEntries(weights.map(({ name, shape }) => [name, np.array(content(name)).reshape([...shape])]));
  const given = new Map(weights.map(({ name, data }) => [name, data]));
  const zeros = (name: string): Float32Array<ArrayBuffer> => new Float32Array(given.get(name)?.length ?? 0);
  let state: TrainingState = {
    parameters: arrays((name) => Float32Array.from(given.get(name) ?? [])),
    first: arrays(zeros),
    second: arrays(zeros),
  };
  const shifted = (by: number): np.Array =>
    np.array(
      Int32Array.from(
        { length: batch * length },
        (_, i) => tokens[Math.floor(i / length) * (length + 1) + (i % length) + by] ?? 0,
      ),
    );
  const [inputs, targets] = [shifted(0), shifted(1)];
  const step = makeTrainStep(config, { batch, length, optimizer, decaying });
  let steps = 0;

  await serveSteps('0.1.25', {
    step: async () => {
      steps += 1;
      const corrections = np.array([1 / (1 - optimizer.beta1 ** steps), 1 / (1 - optimizer.beta2 ** steps)]);
      const result = await step(state, inputs, targets, corrections);
      state = result.state;
      const [[loss], [gradientNorm]] = [await result.loss.data(), await result.gradientNorm.data()];
      return { loss: Number(loss), gradientNorm: Number(gradientNorm) };
    },
  });
}
