// The figures of the experiment as SVG: test accuracy over steps, a line a model, the mean over its seeds.
import type { SyntheticTaskName } from 'hippo';
import type { Series } from '../plot/series.ts';
import { svgPlot } from '../plot/svg-plot.ts';
import { byModel, type ModelRuns } from './results-table.ts';
import type { RunRecord } from './run-record.ts';

/** A figure for each task that has runs. */
export function accuracyFigures(records: readonly RunRecord[]): ReadonlyMap<SyntheticTaskName, string> {
  const groups = byModel(records);
  const tasks = [...new Set(groups.map(({ task }) => task))];
  return new Map(
    tasks.map((task) => {
      const series = groups.filter((group) => group.task === task).map(meanCurve);
      return [task, svgPlot(series, { title: task, xLabel: 'step', yLabel: 'test accuracy, %', smoothing: 0 })];
    }),
  );
}

/** The mean over the seeds at every step where one was measured; a run that is over keeps its last accuracy. */
function meanCurve({ model, runs }: ModelRuns): Series {
  const steps = [...new Set(runs.flatMap(({ curve }) => curve.map(({ step }) => step)))].sort((a, b) => a - b);
  const accuracyAt = (run: RunRecord, step: number): number =>
    run.curve.findLast((point) => point.step <= step)?.accuracy ?? run.curve[0]?.accuracy ?? Number.NaN;
  const y = steps.map((step) => runs.reduce((sum, run) => sum + 100 * accuracyAt(run, step), 0) / runs.length);
  return { name: model, x: steps, y };
}
