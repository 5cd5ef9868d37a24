// From the options of `hippo synthetic` to its runs: every task × value of the varied option × model × seed, with the paper's settings
// where no option says otherwise.
import { join } from 'node:path';
import {
  type BackendName,
  type H3Without,
  nearest,
  paperSteps,
  type SyntheticLanguage,
  type SyntheticModelName,
  type SyntheticTaskName,
  syntheticModelNames,
  syntheticOptimizer,
  syntheticTaskNames,
  syntheticTasks,
  UsageError,
} from 'hippo';
import { kebabCase } from '../arguments/command.ts';
import { checkPrecision } from '../model/device-options.ts';
import { modelsWithH3, runModel } from './run-model.ts';
import type { RunSettings, RunTask } from './run-task.ts';
import { readVariation, type Variation, type Varied } from './vary.ts';

export interface TaskOptions {
  readonly task: 'both' | SyntheticTaskName | undefined;
  readonly models: string | undefined;
  readonly seeds: readonly number[] | undefined;
  readonly reproduce: boolean;
  readonly vary: string | undefined;
  readonly steps: number | undefined;
  readonly length: number | undefined;
  readonly vocabulary: number | undefined;
  readonly triggers: number | undefined;
  readonly keyWords: number | undefined;
  readonly examples: number | undefined;
  readonly tests: number;
  readonly dataSeed: number;
  readonly headDim: number | undefined;
  readonly without: H3Without | undefined;
  readonly learningRate: number | undefined;
  readonly initializerRange: number | undefined;
  readonly evaluateEvery: number;
  readonly solvedAt: number;
  readonly longer: readonly number[] | undefined;
  readonly out: string;
  readonly backend: BackendName;
  readonly precision: 'f32' | 'f16';
}

/**
 * @throws UsageError `unknown-model`, `no-runs`, `vary`, `only-h3`, `precision-of-backend`, `reproduce` when an option asks for something else than the paper's
 * table; CheckpointError for settings that make no model.
 */
export function chooseTasks(options: TaskOptions): readonly RunTask[] {
  checkPrecision(options);
  if (options.reproduce) checkReproduces(options);
  const { task = 'both', seeds = options.reproduce ? [0, 1, 2] : [0] } = options;
  const taskNames = task === 'both' ? syntheticTaskNames : [task];
  const models = chosenModels(options.models);
  const variation = options.vary === undefined ? undefined : readVariation(options.vary);
  if (variation) checkVaries(options, variation);
  checkModels(options, variation, models);
  const tasks = taskNames.flatMap((taskName) =>
    variants(options, variation).flatMap(({ changed, varied }) =>
      models.flatMap((modelName) => seeds.map((seed) => runTask(changed, { taskName, modelName, seed, varied }))),
    ),
  );
  for (const one of tasks) runModel(one);
  if (tasks.length > 0) return tasks;
  throw new UsageError('no-runs', 'synthetic, --seeds: needs at least one seed; got none. Write them like 0,1,2.');
}

interface Variant {
  readonly changed: TaskOptions;
  readonly varied: Varied | undefined;
}

/** The options with each value of the varied one. */
function variants(options: TaskOptions, variation: Variation | undefined): readonly Variant[] {
  if (!variation) return [{ changed: options, varied: undefined }];
  const { key, option, values } = variation;
  return values.map((value) => ({ changed: { ...options, [key]: value }, varied: { option, value } }));
}

function runTask(options: TaskOptions, which: Omit<RunTask, 'settings' | 'modelFolder'>): RunTask {
  const { taskName, modelName, seed, varied } = which;
  const name = [taskName, modelName, seed, ...(varied ? [varied.option, varied.value] : [])].join('-');
  return { ...which, settings: runSettings(options, taskName), modelFolder: join(options.out, 'models', name) };
}

function runSettings(options: TaskOptions, taskName: SyntheticTaskName): RunSettings {
  const task = syntheticTasks[taskName];
  const language = changedLanguage(task.language, options);
  const { tests: testExamples, dataSeed, evaluateEvery, solvedAt, backend, precision } = options;
  const trainingExamples = options.examples ?? task.trainingExamples;
  return {
    language,
    schedule: task.schedule,
    trainingExamples,
    testExamples,
    dataSeed,
    steps: options.steps ?? paperSteps({ ...task, trainingExamples }),
    learningRate: options.learningRate ?? syntheticOptimizer.learningRate,
    initializerRange: options.initializerRange ?? 0.02,
    headDim: options.headDim ?? 1,
    without: options.without ?? 'none',
    evaluateEvery,
    solvedAt,
    longerLengths: (options.longer ?? []).map((times) => times * language.length),
    backend,
    precision,
  };
}

function changedLanguage(language: SyntheticLanguage, options: TaskOptions): SyntheticLanguage {
  const { length = language.length, vocabulary = language.vocabulary, triggers = 1, keyWords = 1 } = options;
  return language.kind === 'induction-head'
    ? { ...language, length, vocabulary, triggers }
    : { ...language, length, vocabulary, keyWords };
}

function chosenModels(list: string | undefined): readonly SyntheticModelName[] {
  if (list === undefined) return syntheticModelNames;
  return list.split(',').map((word) => {
    const given = word.trim().toLowerCase();
    const found = syntheticModelNames.find((name) => name === given);
    if (found) return found;
    const guess = nearest(given, syntheticModelNames);
    throw new UsageError(
      'unknown-model',
      `synthetic, --models: names are ${syntheticModelNames.join(', ')}, between commas; got "${given}".${guess ? ` Did you mean "${guess}"?` : ''}`,
      { model: given, nearest: guess },
    );
  });
}

/** What --vary gives cannot be given beside it, and one task must not be run as often as there are values for nothing. */
function checkVaries(options: TaskOptions, { key, option }: Variation): void {
  if (options[key] !== undefined) {
    throw new UsageError(
      'vary',
      `synthetic, --vary ${option}: gives --${option} its values; got --${option} ${options[key]} too. Leave one of them out.`,
      { option, value: options[key] },
    );
  }
  if (key !== 'keyWords' || options.task === 'associative-recall') return;
  throw new UsageError(
    'vary',
    `synthetic, --vary ${option}: only associative recall has keys; got --task ${options.task ?? 'both'}. Add --task associative-recall.`,
    { option, task: options.task },
  );
}

/** @throws UsageError `only-h3` for options of H3 layers with models that have none. */
function checkModels(
  options: TaskOptions,
  variation: Variation | undefined,
  models: readonly SyntheticModelName[],
): void {
  const key = (['headDim', 'without'] as const).find((name) => options[name] !== undefined || variation?.key === name);
  const others = models.filter((model) => !modelsWithH3.some((name) => name === model));
  if (key === undefined || others.length === 0) return;
  const option = kebabCase(key);
  throw new UsageError(
    'only-h3',
    `synthetic, --${option}: changes the H3 layers of ${modelsWithH3.join(' and ')}; got the models ${models.join(', ')}. Name only those with --models ${modelsWithH3.join(',')}.`,
    { option, models },
  );
}

/** What makes another table than the paper's. The learning rate and the start of the weights may be changed: the tables stay comparable. */
const ofAnotherTable = [
  'task',
  'models',
  'seeds',
  'vary',
  'steps',
  'length',
  'vocabulary',
  'triggers',
  'keyWords',
  'examples',
  'headDim',
  'without',
] as const satisfies readonly (keyof TaskOptions)[];

function checkReproduces(options: TaskOptions): void {
  const chosen = ofAnotherTable.filter((name) => options[name] !== undefined).map(kebabCase);
  if (chosen.length === 0) return;
  throw new UsageError(
    'reproduce',
    `synthetic, --reproduce: takes the paper's tasks, models, seeds and sizes; got --${chosen.join(', --')} too. Leave one of them out.`,
    { options: chosen },
  );
}
