// A plot in text: lines in braille (2 × 4 dots a character), marked series as symbols on top, so that it reads without colours.
// Layout: a title with the legend, the y axis on the left, the x axis below, its label at the right end.
import picocolors from 'picocolors';
import type { Colors } from 'picocolors/types.js';
import { cutVisible, padVisible } from '../terminal/visible-text.ts';
import { type Axis, makeAxis } from './axis.ts';
import { bucketMeans, type Point, runsOf, type Series } from './series.ts';

export interface TerminalPlotOptions {
  /** Columns in all, axis labels included. Default 80; at least 30. */
  readonly width?: number;
  /** Lines of the plot area. Default 12; at least 3. */
  readonly height?: number;
  readonly title?: string;
  readonly xLabel?: string;
  readonly yLabel?: string;
  /** Default: none. */
  readonly colors?: Colors;
}

interface Cell {
  dots: number;
  symbol: string | undefined;
  series: number;
}

const hues = ['cyan', 'yellow', 'magenta', 'green'] as const;
const symbols = ['◆', '●', '▲', '■'] as const;
const lineSample = '⠤⠒⠤';
/** Bit of each dot in a braille character, by row and column. */
const dotBits = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

class Canvas {
  readonly rows: Cell[][];
  readonly columns: number;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = Array.from({ length: rows }, () =>
      Array.from({ length: columns }, () => ({ dots: 0, symbol: undefined, series: 0 })),
    );
  }

  dot(x: number, y: number, series: number): void {
    const cell = this.rows[y >> 2]?.[x >> 1];
    if (!cell) return;
    cell.dots |= dotBits[y & 3]?.[x & 1] ?? 0;
    cell.series = series;
  }

  line(from: Point, to: Point, series: number): void {
    const steps = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y), 1);
    for (let i = 0; i <= steps; i++)
      this.dot(
        Math.round(from.x + ((to.x - from.x) * i) / steps),
        Math.round(from.y + ((to.y - from.y) * i) / steps),
        series,
      );
  }

  mark(x: number, y: number, symbol: string, series: number): void {
    const cell = this.rows[y >> 2]?.[x >> 1];
    if (cell) Object.assign(cell, { symbol, series });
  }
}

function draw(canvas: Canvas, series: readonly Series[], x: Axis, y: Axis): void {
  const dotsX = canvas.columns * 2 - 1;
  const dotsY = canvas.rows.length * 4 - 1;
  const place = (point: Point): Point => ({
    x: Math.round(((point.x - x.min) / (x.max - x.min)) * dotsX),
    y: Math.round((1 - (point.y - y.min) / (y.max - y.min)) * dotsY),
  });
  // Marked series come last, so that no line covers them.
  for (const [index, one] of series.entries()) {
    if (one.style === 'marked') continue;
    for (const run of runsOf(one)) {
      const placed = bucketMeans(run, canvas.columns * 2).map(place);
      for (const [i, to] of placed.entries()) canvas.line(placed[i - 1] ?? to, to, index);
    }
  }
  for (const [index, one] of series.entries()) {
    if (one.style !== 'marked') continue;
    for (const point of runsOf(one).flat()) {
      const at = place(point);
      canvas.mark(at.x, at.y, symbols[index % symbols.length] ?? '◆', index);
    }
  }
}

function paint(colors: Colors, series: number, text: string): string {
  return colors[hues[series % hues.length] ?? 'cyan'](text);
}

function rowText(cells: readonly Cell[], colors: Colors): string {
  return cells
    .map(({ dots, symbol, series }) => {
      if (symbol === undefined && dots === 0) return ' ';
      return paint(colors, series, symbol ?? String.fromCharCode(0x2800 + dots));
    })
    .join('')
    .trimEnd();
}

function legend(series: readonly Series[], colors: Colors): string {
  const entries = series.map(({ name, style }, i) => {
    const sample = style === 'marked' ? (symbols[i % symbols.length] ?? '◆') : lineSample;
    return `${paint(colors, i, sample)} ${name}`;
  });
  return entries.join('   ');
}

/** Two lines under the plot area: the axis with its ticks, and their labels where they leave room for the axis's own. */
function xAxisLines(axis: Axis, columns: number, name: string): readonly [string, string] {
  const rule = Array.from({ length: columns }, () => '─');
  const end = name === '' ? columns : columns - name.length - 2;
  let labels = '';
  for (const { at, label } of axis.ticks) {
    const column = Math.round(((at - axis.min) / (axis.max - axis.min)) * (columns - 1));
    const start = Math.max(0, column - (label.length >> 1));
    if (start + label.length > end || (labels !== '' && start < labels.length + 2)) continue;
    rule[column] = '┬';
    labels = labels.padEnd(start) + label;
  }
  return [rule.join(''), name === '' ? labels : labels.padEnd(end + 2) + name];
}

/**
 * Draws series of numbers as lines of text, without a newline at the end. Series that are long are averaged dot column by dot
 * column; values that are not finite leave gaps; nothing to show gives an empty frame.
 */
export function terminalPlot(series: readonly Series[], options: TerminalPlotOptions = {}): string {
  const { title = '', xLabel = '', yLabel = '', colors = picocolors.createColors(false) } = options;
  const height = Math.max(3, Math.floor(options.height ?? 12));
  const width = Math.max(30, Math.floor(options.width ?? 80));
  const points = series.flatMap((one) =>
    runsOf(one).flatMap((run) => (one.style === 'marked' ? run : bucketMeans(run, width * 2))),
  );
  const y = makeAxis(
    points.map((point) => point.y),
    { count: Math.max(2, height / 2.5), room: 0.04 },
  );
  const labelWidth = Math.max(...y.ticks.map(({ label }) => label.length));
  const columns = width - labelWidth - 3;
  const wholeX = points.every((point) => Number.isInteger(point.x));
  const x = makeAxis(
    points.map((point) => point.x),
    { count: Math.max(2, columns / 12), whole: wholeX, fromZero: true },
  );
  const canvas = new Canvas(columns, height);
  draw(canvas, series, x, y);

  const labels = new Map<number, string>();
  for (const { at, label } of y.ticks)
    labels.set(Math.round((1 - (at - y.min) / (y.max - y.min)) * (height - 1)), label);
  const heading = [title === '' ? '' : colors.bold(title), legend(series, colors)].filter((text) => text !== '');
  const lines = [cutVisible(` ${heading.join('   ')}`, width)];
  if (yLabel !== '') lines.push(colors.dim(` ${yLabel}`));
  for (const [i, cells] of canvas.rows.entries()) {
    const label = labels.get(i);
    const axis = `${padVisible(label ?? '', labelWidth + 1, 'right')} ${label === undefined ? '│' : '┤'}`;
    lines.push(colors.dim(axis) + rowText(cells, colors));
  }
  const [rule, under] = xAxisLines(x, columns, xLabel);
  lines.push(colors.dim(`${' '.repeat(labelWidth + 2)}└${rule}`), colors.dim(`${' '.repeat(labelWidth + 3)}${under}`));
  return lines.join('\n');
}
