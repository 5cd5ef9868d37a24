// The figures of the experiment as SVG, one of each kind a task, a line a model, the mean over its seeds: test accuracy over steps, over
// the values of a varied option, and over the length of the test examples.
import { chanceAccuracy, type SyntheticTaskName, syntheticModelNames } from 'hippo';
import type { Point, Series } from '../plot/series.ts';
import { neutralHue } from '../plot/svg-marks.ts';
import { type SvgPlotOptions, svgPlot } from '../plot/svg-plot.ts';
import { byModel, type ModelRuns, mean, timesLonger } from './results-table.ts';
import type { RunRecord } from './run-record.ts';

/** Figures by name: `induction-head`, `induction-head-by-head-dim`, `induction-head-longer`. */
export function resultFigures(records: readonly RunRecord[]): ReadonlyMap<string, string> {
  const groups = byModel(records);
  const tasks = [...new Set(groups.map(({ task }) => task))];
  const ofTask = (task: SyntheticTaskName): readonly (readonly [string, string | undefined])[] => {
    const own = groups.filter((group) => group.task === task);
    const option = own.find(({ varied }) => varied)?.varied?.option;
    return [
      option === undefined ? [task, stepsFigure(task, own)] : [`${task}-by-${option}`, variedFigure(task, option, own)],
      [`${task}-longer`, longerFigure(task, own)],
    ];
  };
  return new Map(tasks.flatMap(ofTask).flatMap(([name, svg]) => (svg === undefined ? [] : [[name, svg] as const])));
}

const accuracyAxis: SvgPlotOptions = { yLabel: 'test accuracy, %', yReach: [0, 100], smoothing: 0, lastValues: false };
/** A model has its colour in every figure. */
const hueOf = (model: (typeof syntheticModelNames)[number]): number => syntheticModelNames.indexOf(model);

/** What guessing gives, beside the models: a point an x, with a run whose language it is for. */
function chanceLine(points: readonly (readonly [x: number, run: RunRecord | undefined])[]): Series {
  const accuracy = (run: RunRecord | undefined): number =>
    run ? 100 * chanceAccuracy(run.settings.language) : Number.NaN;
  return { name: 'chance', hue: neutralHue, x: points.map(([x]) => x), y: points.map(([, run]) => accuracy(run)) };
}

function stepsFigure(task: string, groups: readonly ModelRuns[]): string {
  const curves = groups.map(meanCurve);
  const steps = curves.flatMap(({ x }) => Array.from(x));
  const chance = chanceLine([Math.min(...steps), Math.max(...steps)].map((step) => [step, groups[0]?.runs[0]]));
  return svgPlot([...curves, chance], { ...accuracyAxis, title: task, xLabel: 'step' });
}

/** The mean over the seeds at every step where one was measured; a run that is over keeps its last accuracy. */
function meanCurve({ model, label, runs }: ModelRuns): Series {
  const steps = [...new Set(runs.flatMap(({ curve }) => curve.map(({ step }) => step)))].sort((a, b) => a - b);
  const accuracyAt = (run: RunRecord, step: number): number =>
    run.curve.findLast((point) => point.step <= step)?.accuracy ?? run.curve[0]?.accuracy ?? Number.NaN;
  const y = steps.map((step) => runs.reduce((sum, run) => sum + 100 * accuracyAt(run, step), 0) / runs.length);
  return { name: label, hue: hueOf(model), x: steps, y };
}

/** Values at equal distances in the order they were given, whether they are numbers or words. */
function variedFigure(task: string, option: string, groups: readonly ModelRuns[]): string {
  const values = [...new Set(groups.map(({ varied }) => varied?.value))];
  const models = [...new Set(groups.map(({ model }) => model))];
  const series = models.map((model) => {
    const points = groups
      .filter((group) => group.model === model)
      .flatMap(({ varied, runs }) => runs.map((run) => pointOf(values.indexOf(varied?.value), run.accuracy)));
    return meanSeries({ name: model, hue: hueOf(model) }, points);
  });
  const runOf = (value: unknown): RunRecord | undefined =>
    groups.find(({ varied }) => varied?.value === value)?.runs[0];
  return svgPlot([...series, chanceLine(values.map((value, at) => [at, runOf(value)]))], {
    ...accuracyAxis,
    title: `${task} by ${option}`,
    xLabel: option,
    xTicks: values.map((value, at) => ({ at, label: String(value) })),
  });
}

/** The logarithm of the length, so that each doubling is a step. Undefined when no longer examples were tried. */
function longerFigure(task: string, groups: readonly ModelRuns[]): string | undefined {
  const tried = groups.filter(({ runs }) => runs.some(({ longer }) => longer.length > 0));
  if (tried.length === 0) return undefined;
  const lengthsOf = (run: RunRecord): readonly (readonly [times: number, accuracy: number | undefined])[] => [
    [1, run.accuracy],
    ...run.longer.map(({ length, accuracy }) => [timesLonger(run, length), accuracy] as const),
  ];
  const series = tried.map(({ model, varied, label, runs }, index) => {
    const points = runs.flatMap(lengthsOf).map(([times, accuracy]) => pointOf(Math.log2(times), accuracy));
    return meanSeries({ name: label, hue: varied ? index : hueOf(model) }, points);
  });
  const times = [...new Set(tried.flatMap(({ runs }) => runs.flatMap(lengthsOf)).map(([count]) => count))];
  // One line for all, which it is only where they learned one language.
  const chances = tried.map(({ runs }) => runs[0]).filter((run) => run !== undefined);
  const vocabularies = new Set(chances.map(({ settings }) => settings.language.vocabulary));
  const ends = [0, Math.max(...times.map(Math.log2))];
  const chance = vocabularies.size > 1 ? [] : [chanceLine(ends.map((x) => [x, chances[0]]))];
  return svgPlot([...series, ...chance], {
    ...accuracyAxis,
    title: `${task} by length`,
    xLabel: 'length of the test examples, in lengths of the training examples',
    xTicks: times.map((count) => ({ at: Math.log2(count), label: `${count}×` })),
  });
}

const pointOf = (x: number, accuracy: number | undefined): Point => ({ x, y: 100 * (accuracy ?? Number.NaN) });

/** A line through the mean at each x, and every point it is the mean of, where there are several. */
function meanSeries(kind: Pick<Series, 'name' | 'hue'>, points: readonly Point[]): Series {
  const x = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const at = (place: number): readonly number[] => points.filter((point) => point.x === place).map(({ y }) => y);
  const samples = points.length > x.length ? points : [];
  return { ...kind, style: 'marked', x, y: x.map((place) => mean(at(place))), samples };
}
