// A plot as one self-contained SVG: no scripts, no fonts, nothing to load. Colours for light paper are attributes, those for dark
// paper a style sheet that asks `prefers-color-scheme`, so that viewers without style sheets still show the light one.
// Lines are thinned to the pixels there are (see series.ts); a smoothed line stands before its own pale raw line.
import { type Axis, makeAxis } from './axis.ts';
import { bucketExtremes, bucketMeans, type Point, runsOf, type Series, smooth } from './series.ts';

export interface SvgPlotOptions {
  readonly title?: string;
  readonly xLabel?: string;
  readonly yLabel?: string;
  /** Pixels. Default 760 × 420. */
  readonly width?: number;
  readonly height?: number;
  /** Share of a `line` series that smoothing looks at, in [0, 1]; 0 draws the raw line alone. Default 0.05. */
  readonly smoothing?: number;
}

interface Hue {
  readonly light: string;
  readonly dark: string;
}

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly x: Axis;
  readonly y: Axis;
}

const hues: readonly Hue[] = [
  { light: '#2563eb', dark: '#6ea8fe' },
  { light: '#d9480f', dark: '#ff9a5c' },
  { light: '#0f8a5f', dark: '#4cd6a0' },
  { light: '#8b3fd1', dark: '#c79bff' },
  { light: '#a3174f', dark: '#ff8fb8' },
];
const ink = { paper: '#ffffff', strong: '#16202e', soft: '#5c6878', grid: '#e6eaf0', axis: '#b4bdc9' } as const;
const darkInk = { paper: '#11161d', strong: '#eef2f7', soft: '#9aa7b6', grid: '#242c37', axis: '#4a5666' } as const;
const font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
/** Fewest points of a line for which smoothing says more than the line itself. */
const smoothableLength = 20;

const hueOf = (index: number): Hue => hues[index % hues.length] ?? { light: ink.strong, dark: darkInk.strong };
const px = (value: number): string => String(Math.round(value * 10) / 10);

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function darkStyle(seriesCount: number): string {
  const rules = [
    `.paper{fill:${darkInk.paper}}.halo{stroke:${darkInk.paper}}`,
    `.strong{fill:${darkInk.strong}}.soft{fill:${darkInk.soft}}`,
    `.grid{stroke:${darkInk.grid}}.axis{stroke:${darkInk.axis}}`,
    ...Array.from({ length: Math.min(seriesCount, hues.length) }, (_, i) => {
      const { dark } = hueOf(i);
      return `.line${i}{stroke:${dark}}.fill${i}{fill:${dark}}`;
    }),
  ];
  return `<style>@media (prefers-color-scheme:dark){${rules.join('')}}</style>`;
}

interface TextOptions {
  readonly size?: number;
  readonly weight?: number;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly tone?: 'strong' | 'soft';
}

function text(x: number, y: number, content: string, options: TextOptions = {}): string {
  const { size = 12, weight = 400, anchor = 'start', tone = 'soft' } = options;
  return `<text class="${tone}" x="${px(x)}" y="${px(y)}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${ink[tone]}">${escapeText(content)}</text>`;
}

/** Pixels that text takes, near enough to place a legend: digits and letters average a bit over half the font size. */
function textWidth(content: string, size: number): number {
  return [...content].length * size * 0.56;
}

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

function stroke(index: number, d: string, width: number, opacity: number): string {
  const faint = opacity < 1 ? ` stroke-opacity="${opacity}"` : '';
  return `<path class="line${index % hues.length}" d="${d}" fill="none" stroke="${hueOf(index).light}" stroke-width="${width}"${faint} stroke-linejoin="round" stroke-linecap="round"/>`;
}

function lineSeries(frame: Frame, series: Series, index: number, smoothing: number): string {
  const pixels = Math.round(frame.right - frame.left);
  return runsOf(series)
    .map((run) => {
      const smoothed = smoothing > 0 && run.length >= smoothableLength;
      const raw = stroke(index, pathOf(frame, bucketExtremes(run, pixels)), smoothed ? 1 : 1.75, smoothed ? 0.3 : 1);
      return smoothed
        ? `${raw}\n${stroke(index, pathOf(frame, smooth(bucketMeans(run, pixels), smoothing)), 2.25, 1)}`
        : raw;
    })
    .join('\n');
}

function markedSeries(frame: Frame, series: Series, index: number): string {
  const runs = runsOf(series);
  const lines = runs.map((run) => stroke(index, pathOf(frame, run), 2, 1));
  const marks = runs.flat().map((point) => {
    const { x, y } = toPixels(frame, point);
    return `<circle class="fill${index % hues.length} halo" cx="${px(x)}" cy="${px(y)}" r="4.5" fill="${hueOf(index).light}" stroke="${ink.paper}" stroke-width="1.5"/>`;
  });
  return [...lines, ...marks].join('\n');
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

function legend(series: readonly Series[], right: number, y: number): string {
  const size = 12;
  const widths = series.map(({ name }) => 26 + textWidth(name, size));
  let x = right - widths.reduce((sum, width) => sum + width, 0) - 18 * Math.max(0, series.length - 1);
  const parts: string[] = [];
  for (const [i, { name, style }] of series.entries()) {
    parts.push(stroke(i, `M${px(x)} ${px(y - 4)}h18`, 2.25, 1));
    if (style === 'marked')
      parts.push(
        `<circle class="fill${i % hues.length} halo" cx="${px(x + 9)}" cy="${px(y - 4)}" r="4.5" fill="${hueOf(i).light}" stroke="${ink.paper}" stroke-width="1.5"/>`,
      );
    parts.push(text(x + 26, y, name, { size }));
    x += (widths[i] ?? 0) + 18;
  }
  return parts.join('\n');
}

function layOut(series: readonly Series[], options: SvgPlotOptions): { frame: Frame; width: number; height: number } {
  const { width = 760, height = 420, title = '', xLabel = '', yLabel = '' } = options;
  const points = series.flatMap((one) => runsOf(one).flat());
  const top = 20 + (title !== '' || series.length > 0 ? 28 : 0) + (yLabel !== '' ? 24 : 0);
  const bottom = height - (xLabel !== '' ? 58 : 36);
  const y = makeAxis(
    points.map((point) => point.y),
    { count: Math.max(2, (bottom - top) / 45), room: 0.03 },
  );
  const labelWidth = Math.max(0, ...y.ticks.map(({ label }) => textWidth(label, 12)));
  const left = 26 + labelWidth;
  const right = width - (series.some(({ style }) => style === 'marked') ? 56 : 24);
  const whole = points.every((point) => Number.isInteger(point.x));
  const x = makeAxis(
    points.map((point) => point.x),
    { count: Math.max(2, (right - left) / 90), whole, fromZero: true },
  );
  return { frame: { left, right, top, bottom, x, y }, width, height };
}

/**
 * Draws series of numbers as an SVG document. `line` series are thinned and smoothed, the raw line pale behind; `marked` ones show
 * each point and the last value. Values that are not finite leave gaps.
 */
export function svgPlot(series: readonly Series[], options: SvgPlotOptions = {}): string {
  const { title = '', xLabel = '', yLabel = '', smoothing = 0.05 } = options;
  const { frame, width, height } = layOut(series, options);
  const drawn = series.map((one, i) => (one.style === 'marked' ? '' : lineSeries(frame, one, i, smoothing)));
  const marked = series.map((one, i) => (one.style === 'marked' ? markedSeries(frame, one, i) : ''));
  const name = escapeText(title === '' ? series.map((one) => one.name).join(', ') : title);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="${font}">`,
    `<title>${name}</title>`,
    darkStyle(series.length),
    `<rect class="paper" width="${width}" height="${height}" rx="8" fill="${ink.paper}"/>`,
    title === '' ? '' : text(16, 31, title, { size: 16, weight: 600, tone: 'strong' }),
    series.length === 0 ? '' : legend(series, width - 24, 30),
    gridAndAxes(frame, xLabel, yLabel),
    ...drawn,
    ...marked,
    endLabels(frame, series),
    '</svg>',
  ];
  return `${parts.filter((part) => part !== '').join('\n')}\n`;
}
