// The results as people read them: the live table of the runs, a line for each that is over, and the Markdown table beside the paper's figures.
import { type SyntheticModelName, type SyntheticTaskName, syntheticTasks } from 'hippo';
import { formatDuration, formatPercent } from '../report/format.ts';
import { alignTable } from '../report/table.ts';
import type { RunRecord } from './run-record.ts';

/** A row for each run under way, and how many are done and waiting. */
export function liveLines(records: readonly RunRecord[]): readonly string[] {
  const running = records.filter(({ state }) => state === 'running');
  const rows = running.map(({ task, model, seed, step, steps, loss, accuracy, curve }) => [
    task,
    model,
    String(seed),
    `${step}/${steps}`,
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
export function endLine({ task, model, seed, state, step, accuracy = Number.NaN, seconds }: RunRecord): string {
  return `${task}, ${model}, seed ${seed}: ${state} after ${step} steps and ${formatDuration(seconds)}, test accuracy ${formatPercent(accuracy)}`;
}

export interface ModelRuns {
  readonly task: SyntheticTaskName;
  readonly model: SyntheticModelName;
  readonly runs: readonly RunRecord[];
}

/** Runs by task and model, in the order of their first one; runs without a measurement are left out. */
export function byModel(records: readonly RunRecord[]): readonly ModelRuns[] {
  const groups = new Map<string, ModelRuns>();
  for (const record of records) {
    if (record.accuracy === undefined) continue;
    const { task, model } = record;
    const name = `${task} ${model}`;
    groups.set(name, { task, model, runs: [...(groups.get(name)?.runs ?? []), record] });
  }
  return [...groups.values()];
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
const percent = (fraction: number | undefined): string => (fraction === undefined ? '–' : (fraction * 100).toFixed(1));

/** Accuracy in per cent by task and model: the paper's, the mean over the seeds, each seed's; steps and time of each. */
export function resultsMarkdown(records: readonly RunRecord[]): string {
  const rows = byModel(records).map(({ task, model, runs }) =>
    [
      task,
      model,
      percent(syntheticTasks[task].paper[model]),
      percent(mean(runs.map(({ accuracy = Number.NaN }) => accuracy))),
      runs.map(({ seed, accuracy }) => `${seed}: ${percent(accuracy)}`).join(', '),
      runs.map(({ step, state }) => `${step}${state === 'interrupted' ? ' (interrupted)' : ''}`).join(', '),
      runs.map(({ seconds }) => formatDuration(seconds)).join(', '),
    ].join(' | '),
  );
  return [
    '| task | model | paper | here | by seed | steps | time |',
    '| --- | --- | ---: | ---: | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
    '',
  ].join('\n');
}

/** Accuracy in per cent on longer test examples, a column a length; undefined when no run was tried on any. */
export function longerMarkdown(records: readonly RunRecord[]): string | undefined {
  const lengths = [...new Set(records.flatMap(({ longer }) => longer.map(({ length }) => length)))].sort(
    (a, b) => a - b,
  );
  if (lengths.length === 0) return undefined;
  const at = (runs: readonly RunRecord[], length: number): string => {
    const found = runs.flatMap(({ longer }) => longer.filter((one) => one.length === length));
    return found.length === 0 ? '–' : percent(mean(found.map(({ accuracy }) => accuracy)));
  };
  return [
    `| task | model | ${lengths.map((length) => `length ${length}`).join(' | ')} |`,
    `| --- | --- |${' ---: |'.repeat(lengths.length)}`,
    ...byModel(records).map(
      ({ task, model, runs }) => `| ${task} | ${model} | ${lengths.map((length) => at(runs, length)).join(' | ')} |`,
    ),
    '',
  ].join('\n');
}
