// The results as people read them: the live table of the runs, a line for each that is over, and the Markdown tables: beside the paper's
// figures, by the value of a varied option, and on longer examples.
import { type SyntheticModelName, type SyntheticTaskName, syntheticTasks } from 'hippo';
import { formatDuration, formatPercent } from '../report/format.ts';
import { alignTable } from '../report/table.ts';
import type { RunRecord } from './run-record.ts';
import type { Varied } from './vary.ts';

/** `h3`, or `h3, head-dim 2` where an option is varied. */
function labelOf({ model, varied }: Pick<ModelRuns, 'model' | 'varied'>): string {
  return varied ? `${model}, ${varied.option} ${varied.value}` : model;
}

/** A row for each run under way, and how many are done and waiting. */
export function liveLines(records: readonly RunRecord[]): readonly string[] {
  const running = records.filter(({ state }) => state === 'running');
  const rows = running.map(({ task, model, varied, seed, step, settings, loss, accuracy, curve }) => [
    task,
    labelOf({ model, varied }),
    String(seed),
    `${step}/${settings.steps}`,
    loss?.toFixed(3) ?? '',
    accuracy === undefined ? '' : `${formatPercent(accuracy)} at ${curve.at(-1)?.step ?? 0}`,
  ]);
  const header = ['task', 'model', 'seed', 'step', 'loss', 'test accuracy'];
  const align = ['left', 'left', 'right', 'right', 'right', 'right'] as const;
  const waiting = records.filter(({ state }) => state === 'waiting').length;
  return [
    ...alignTable([header, ...rows], { align }).split('\n'),
    `${running.length} running, ${waiting} waiting, ${records.length - running.length - waiting} done`,
  ];
}

/** One line about a run that is over. */
export function endLine({ task, model, varied, seed, state, step, accuracy = Number.NaN, seconds }: RunRecord): string {
  return `${task}, ${labelOf({ model, varied })}, seed ${seed}: ${state} after ${step} steps and ${formatDuration(seconds)}, test accuracy ${formatPercent(accuracy)}`;
}

export interface ModelRuns {
  readonly task: SyntheticTaskName;
  readonly model: SyntheticModelName;
  readonly varied: Varied | undefined;
  /** What to call them: the model and, where an option is varied, its value. */
  readonly label: string;
  readonly runs: readonly RunRecord[];
}

/** Runs by task, model and varied value, in the order of their first one; runs without a measurement are left out. */
export function byModel(records: readonly RunRecord[]): readonly ModelRuns[] {
  const groups = new Map<string, ModelRuns>();
  for (const record of records) {
    if (record.accuracy === undefined) continue;
    const { task, model, varied } = record;
    const label = labelOf({ model, varied });
    const name = `${task} ${label}`;
    groups.set(name, { task, model, varied, label, runs: [...(groups.get(name)?.runs ?? []), record] });
  }
  return [...groups.values()];
}

export const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
const percent = (fraction: number | undefined): string => (fraction === undefined ? '–' : (fraction * 100).toFixed(1));
const accuracies = (runs: readonly RunRecord[]): readonly number[] => runs.map(({ accuracy = Number.NaN }) => accuracy);
const bySeed = (runs: readonly RunRecord[]): string =>
  runs.map(({ seed, accuracy }) => `${seed}: ${percent(accuracy)}`).join(', ');

/** Lines of a Markdown table. */
function markdown(
  header: readonly string[],
  alignments: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  return [header, alignments, ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

/** Every table that the records fill. */
export function resultsMarkdown(records: readonly RunRecord[]): string {
  const groups = byModel(records);
  const plain = groups.filter(({ varied }) => varied === undefined);
  const tables = [
    plain.length === 0 ? undefined : paperMarkdown(plain),
    ...variedMarkdown(groups.filter(({ varied }) => varied !== undefined)),
    longerMarkdown(groups),
  ];
  return tables.filter((table) => table !== undefined).join('\n');
}

/** Accuracy in per cent by task and model: the paper's, the mean over the seeds, each seed's; steps and time of each. */
function paperMarkdown(groups: readonly ModelRuns[]): string {
  return markdown(
    ['task', 'model', 'paper', 'here', 'by seed', 'steps', 'time'],
    ['---', '---', '---:', '---:', '---', '---', '---'],
    groups.map(({ task, model, runs }) => [
      task,
      model,
      percent(syntheticTasks[task].paper[model]),
      percent(mean(accuracies(runs))),
      bySeed(runs),
      runs.map(({ step, state }) => `${step}${state === 'interrupted' ? ' (interrupted)' : ''}`).join(', '),
      runs.map(({ seconds }) => formatDuration(seconds)).join(', '),
    ]),
  );
}

/** A table a task, value × model: mean accuracy in per cent, each seed's, and the steps it took to solve the task. */
function variedMarkdown(groups: readonly ModelRuns[]): readonly string[] {
  return [...new Set(groups.map(({ task }) => task))].map((task) => {
    const own = groups.filter((group) => group.task === task);
    const models = [...new Set(own.map(({ model }) => model))];
    const values = [...new Set(own.map(({ varied }) => varied?.value))];
    const cell = (value: string | number | undefined, model: string): string => {
      const runs = own.find((group) => group.varied?.value === value && group.model === model)?.runs ?? [];
      return runs.length === 0 ? '–' : `${percent(mean(accuracies(runs)))} (${bySeed(runs)}; ${solvedAfter(runs)})`;
    };
    return markdown(
      [`${task}: ${own[0]?.varied?.option ?? ''}`, ...models],
      ['---', ...models.map(() => '---')],
      values.map((value) => [String(value), ...models.map((model) => cell(value, model))]),
    );
  });
}

function solvedAfter(runs: readonly RunRecord[]): string {
  if (!runs.some(({ solved }) => solved)) return 'not solved';
  return `solved after ${runs.map(({ solved, step }) => (solved ? step : '–')).join(', ')}`;
}

/** How many times longer than in training an example is. */
export function timesLonger({ settings }: RunRecord, length: number): number {
  return length / settings.language.length;
}

/** Accuracy in per cent on longer test examples, a column a multiple of the training length; undefined when none was tried. */
function longerMarkdown(groups: readonly ModelRuns[]): string | undefined {
  const timesOf = (run: RunRecord): readonly number[] => run.longer.map(({ length }) => timesLonger(run, length));
  const times = [...new Set(groups.flatMap(({ runs }) => runs.flatMap(timesOf)))].sort((a, b) => a - b);
  if (times.length === 0) return undefined;
  const at = (runs: readonly RunRecord[], wanted: number): string => {
    const found = runs.flatMap((run) => run.longer.filter(({ length }) => timesLonger(run, length) === wanted));
    return found.length === 0 ? '–' : percent(mean(found.map(({ accuracy }) => accuracy)));
  };
  return markdown(
    ['task', 'model', '1×', ...times.map((count) => `${count}×`)],
    ['---', '---', ...Array.from({ length: times.length + 1 }, () => '---:')],
    groups.map(({ task, label, runs }) => [
      task,
      label,
      percent(mean(accuracies(runs))),
      ...times.map((count) => at(runs, count)),
    ]),
  );
}
