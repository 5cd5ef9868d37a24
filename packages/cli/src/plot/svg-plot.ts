// A plot as one self-contained SVG (svg-document.ts).
// Lines are thinned to the pixels there are (see series.ts); a smoothed line stands before its own pale raw line.
import { type Axis, makeAxis, type Tick } from './axis.ts';
import { bucketExtremes, bucketMeans, type Point, runsOf, type Series, smooth } from './series.ts';
import { ink, px, svgDocument, text, textWidth } from './svg-document.ts';
import { breakLegend, drawLegend, type Legend, legendRow } from './svg-legend.ts';
import { darkRules, hueIndex, hueOf, mark, stroke } from './svg-marks.ts';

export interface SvgPlotOptions {
  readonly title?: string;
  readonly xLabel?: string;
  readonly yLabel?: string;
  /** Pixels. Default 760 × 420. */
  readonly width?: number;
  readonly height?: number;
  /** Share of a `line` series that smoothing looks at, in [0, 1]; 0 draws the raw line alone. Default 0.05. */
  readonly smoothing?: number;
  /** Places and labels of the x axis that replace its numbers, as for categories or a scale of another kind. */
  readonly xTicks?: readonly Tick[];
  /** Values that the y axis must reach, whatever the series hold. */
  readonly yReach?: readonly number[];
  /** Write the last value of each marked series beside it. Default true. */
  readonly lastValues?: boolean;
}

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly x: Axis;
  readonly y: Axis;
}

/** Fewest points of a line for which smoothing says more than the line itself. */
const smoothableLength = 20;

function toPixels({ left, right, top, bottom, x, y }: Frame, point: Point): Point {
  return {
    x: left + ((point.x - x.min) / (x.max - x.min)) * (right - left),
    y: bottom - ((point.y - y.min) / (y.max - y.min)) * (bottom - top),
  };
}

function gridAndAxes(frame: Frame, xLabel: string, yLabel: string): string {
  const { left, right, top, bottom, x, y } = frame;
  const parts: string[] = [];
  for (const { at, label } of y.ticks) {
    const { y: row } = toPixels(frame, { x: x.min, y: at });
    parts.push(`<path class="grid" d="M${px(left)} ${px(row)}H${px(right)}" stroke="${ink.grid}"/>`);
    parts.push(text(left - 10, row + 4, label, { anchor: 'end' }));
  }
  parts.push(`<path class="axis" d="M${px(left)} ${px(bottom)}H${px(right)}" stroke="${ink.axis}"/>`);
  for (const { at, label } of x.ticks) {
    const { x: column } = toPixels(frame, { x: at, y: y.min });
    parts.push(`<path class="axis" d="M${px(column)} ${px(bottom)}v5" stroke="${ink.axis}"/>`);
    parts.push(text(column, bottom + 20, label, { anchor: 'middle' }));
  }
  if (xLabel !== '') parts.push(text((left + right) / 2, bottom + 42, xLabel, { anchor: 'middle' }));
  if (yLabel !== '') parts.push(text(16, top - 14, yLabel));
  return parts.join('\n');
}

function pathOf(frame: Frame, points: readonly Point[]): string {
  const places = points.map((point) => toPixels(frame, point)).map(({ x, y }) => `${px(x)} ${px(y)}`);
  // A line of one point would be invisible: go nowhere, and let the round cap show a dot.
  return `M${places.join('L')}${places.length === 1 ? 'h0' : ''}`;
}

function lineSeries(frame: Frame, series: Series, hue: number, smoothing: number): string {
  const pixels = Math.round(frame.right - frame.left);
  return runsOf(series)
    .map((run) => {
      const smoothed = smoothing > 0 && run.length >= smoothableLength;
      const raw = stroke(hue, pathOf(frame, bucketExtremes(run, pixels)), smoothed ? 1 : 1.75, smoothed ? 0.3 : 1);
      return smoothed
        ? `${raw}\n${stroke(hue, pathOf(frame, smooth(bucketMeans(run, pixels), smoothing)), 2.25, 1)}`
        : raw;
    })
    .join('\n');
}

function markedSeries(frame: Frame, series: Series, hue: number): string {
  const runs = runsOf(series);
  const lines = runs.map((run) => stroke(hue, pathOf(frame, run), 2, 1));
  return [...lines, ...runs.flat().map((point) => mark(hue, toPixels(frame, point)))].join('\n');
}

/** Pale, so that they darken where several lie at one place. */
function sampleDots(frame: Frame, { samples = [] }: Series, hue: number): string {
  return finite(samples)
    .map((point) => toPixels(frame, point))
    .map(
      ({ x, y }) =>
        `<circle class="fill${hue}" cx="${px(x)}" cy="${px(y)}" r="3" fill="${hueOf(hue).light}" fill-opacity="0.45"/>`,
    )
    .join('\n');
}

function finite(points: readonly Point[]): readonly Point[] {
  return points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
}

function lastPoint(series: Series): Point | undefined {
  return runsOf(series).at(-1)?.at(-1);
}

/** Four significant digits, without an exponent. */
function endValue(value: number): string {
  const digits = value.toPrecision(4);
  return digits.includes('e') ? String(Number(digits)) : digits;
}

/** The last value of each marked series, at the right of its last point, where the eye ends up. */
function endLabels(frame: Frame, series: readonly Series[]): string {
  const labels = series.flatMap((one) => {
    const point = one.style === 'marked' ? lastPoint(one) : undefined;
    if (!point) return [];
    const { x, y } = toPixels(frame, point);
    return [text(x + 10, y + 4, endValue(point.y), { weight: 600, tone: 'strong' })];
  });
  return labels.join('\n');
}

interface Layout {
  readonly frame: Frame;
  readonly legend: Legend;
  readonly width: number;
  readonly height: number;
}

function layOut(series: readonly Series[], options: SvgPlotOptions): Layout {
  const { width = 760, height = 420, title = '', xLabel = '', yLabel = '', yReach = [], lastValues = true } = options;
  const points = series.flatMap((one) => [...runsOf(one).flat(), ...finite(one.samples ?? [])]);
  const legend = breakLegend(series, title, width);
  const below = legend.beside ? 0 : legend.rows.length * legendRow;
  const top = 20 + (title !== '' || series.length > 0 ? 28 : 0) + below + (yLabel !== '' ? 24 : 0);
  const bottom = height - (xLabel !== '' ? 58 : 36);
  const y = makeAxis([...points.map((point) => point.y), ...yReach], {
    count: Math.max(2, (bottom - top) / 45),
    room: 0.03,
  });
  const labelWidth = Math.max(0, ...y.ticks.map(({ label }) => textWidth(label, 12)));
  const left = 26 + labelWidth;
  const right = width - (lastValues && series.some(({ style }) => style === 'marked') ? 56 : 24);
  const places = points.map((point) => point.x);
  const x = options.xTicks
    ? tickedAxis(places, options.xTicks)
    : makeAxis(places, {
        count: Math.max(2, (right - left) / 90),
        whole: places.every(Number.isInteger),
        fromZero: true,
      });
  return { frame: { left, right, top, bottom, x, y }, legend, width, height };
}

/** Over all ticks and places, with room for the first and the last label. */
function tickedAxis(places: readonly number[], ticks: readonly Tick[]): Axis {
  const { min, max } = makeAxis([...places, ...ticks.map(({ at }) => at)], { count: 2, room: 0.06 });
  return { min, max, ticks };
}

/**
 * Draws series of numbers as an SVG document. `line` series are thinned and smoothed, the raw line pale behind; `marked` ones show
 * each point and the last value. Values that are not finite leave gaps.
 */
export function svgPlot(series: readonly Series[], options: SvgPlotOptions = {}): string {
  const { title = '', xLabel = '', yLabel = '', smoothing = 0.05, lastValues = true } = options;
  const { frame, legend, width, height } = layOut(series, options);
  const isMarked = ({ style }: Series): boolean => style === 'marked';
  const drawn = series.map((one, i) => (isMarked(one) ? '' : lineSeries(frame, one, hueIndex(one, i), smoothing)));
  const dots = series.map((one, i) => sampleDots(frame, one, hueIndex(one, i)));
  const marked = series.map((one, i) => (isMarked(one) ? markedSeries(frame, one, hueIndex(one, i)) : ''));
  return svgDocument(
    [
      title === '' ? '' : text(16, 31, title, { size: 16, weight: 600, tone: 'strong' }),
      series.length === 0 ? '' : drawLegend(legend, width),
      gridAndAxes(frame, xLabel, yLabel),
      ...drawn,
      ...marked,
      ...dots,
      lastValues ? endLabels(frame, series) : '',
    ],
    {
      width,
      height,
      name: title === '' ? series.map((one) => one.name).join(', ') : title,
      darkRules: darkRules(series),
    },
  );
}
