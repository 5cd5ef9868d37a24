// The configuration of the model that a run trains: the paper's model of that name with the run's settings.
import { type ModelConfig, parseModelConfig, syntheticModel } from 'hippo';
import type { RunTask } from './run-task.ts';

/** Models with H3 layers, which alone have a head dimension and SSMs to leave out. */
export const modelsWithH3 = ['h3', 'hybrid'] as const;

/** @throws CheckpointError `config-contradiction` for a head dimension that does not divide the width. */
export function runModel({ modelName, settings }: Pick<RunTask, 'modelName' | 'settings'>): ModelConfig {
  const { language, initializerRange, headDim, without } = settings;
  const ofH3 = { head_dim: headDim, h3_without: without };
  return parseModelConfig(
    syntheticModel(modelName, language, {
      initializer_range: initializerRange,
      ...(modelsWithH3.some((name) => name === modelName) && ofH3),
    }),
  );
}
