// From the options of `hippo synthetic` to its runs: every task × model × seed, with the paper's settings where no option says
// otherwise.
import { join } from 'node:path';
import {
  nearest,
  paperSteps,
  type SyntheticLanguage,
  type SyntheticModelName,
  type SyntheticTaskName,
  syntheticModelNames,
  syntheticTaskNames,
  syntheticTasks,
  UsageError,
} from 'hippo';
import type { RunTask } from './run-task.ts';

export interface TaskOptions {
  readonly task: 'both' | SyntheticTaskName | undefined;
  readonly models: string | undefined;
  readonly seeds: readonly number[] | undefined;
  readonly reproduce: boolean;
  readonly steps: number | undefined;
  readonly length: number | undefined;
  readonly vocabulary: number | undefined;
  readonly triggers: number;
  readonly keyWords: number;
  readonly examples: number;
  readonly tests: number;
  readonly dataSeed: number;
  readonly learningRate: number;
  readonly initializerRange: number;
  readonly evaluateEvery: number;
  readonly solvedAt: number;
  readonly longer: readonly number[] | undefined;
  readonly out: string;
}

/** @throws UsageError `unknown-model`, `no-runs`, `reproduce` when an option asks for something else than the paper's table. */
export function chooseTasks(options: TaskOptions): readonly RunTask[] {
  if (options.reproduce) checkReproduces(options);
  const { task = 'both', seeds = options.reproduce ? [0, 1, 2] : [0] } = options;
  const taskNames = task === 'both' ? syntheticTaskNames : [task];
  const models = chosenModels(options.models);
  const tasks = taskNames.flatMap((taskName) =>
    models.flatMap((modelName) => seeds.map((seed) => runTask(options, { taskName, modelName, seed }))),
  );
  if (tasks.length > 0) return tasks;
  throw new UsageError('no-runs', 'synthetic, --seeds: needs at least one seed; got none. Write them like 0,1,2.');
}

function runTask(options: TaskOptions, which: Pick<RunTask, 'taskName' | 'modelName' | 'seed'>): RunTask {
  const task = syntheticTasks[which.taskName];
  const language = changedLanguage(task.language, options);
  const { examples: trainingExamples, tests: testExamples, dataSeed, evaluateEvery, solvedAt } = options;
  return {
    ...which,
    language,
    schedule: task.schedule,
    trainingExamples,
    testExamples,
    dataSeed,
    learningRate: options.learningRate,
    initializerRange: options.initializerRange,
    evaluateEvery,
    solvedAt,
    steps: options.steps ?? paperSteps({ ...task, trainingExamples }),
    modelFolder: join(options.out, 'models', `${which.taskName}-${which.modelName}-${which.seed}`),
    longerLengths: (options.longer ?? []).map((times) => times * language.length),
  };
}

function changedLanguage(language: SyntheticLanguage, options: TaskOptions): SyntheticLanguage {
  const { length = language.length, vocabulary = language.vocabulary, triggers, keyWords } = options;
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

/** --reproduce is the paper's table, whole; everything that would make it another one is refused by name. */
function checkReproduces(options: TaskOptions): void {
  const chosen = (['task', 'models', 'seeds', 'steps', 'length', 'vocabulary'] as const).filter(
    (name) => options[name] !== undefined,
  );
  if (chosen.length === 0) return;
  throw new UsageError(
    'reproduce',
    `synthetic, --reproduce: takes the paper's tasks, models, seeds and sizes; got --${chosen.join(', --')} too. Leave one of them out.`,
    { options: chosen },
  );
}
