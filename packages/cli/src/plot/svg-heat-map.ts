// Tables of magnitudes over the words of a text as one self-contained SVG (svg-document.ts): a column a word, a row a unit, darker for
// more. Cells of one level are one path and neighbours in a row one rectangle, so that a figure stays small.
import { ink, px, svgDocument, text, textWidth } from './svg-document.ts';

export interface HeatMap {
  readonly title: string;
  /** What stands before each row. */
  readonly rows: readonly string[];
  /** What the rows are, over their names. */
  readonly rowLabel: string;
  /** [columns][rows], none negative. */
  readonly values: readonly (readonly number[])[];
  /** What the darkest shade is: the largest value of all, or each row's own, which then stands behind it. */
  readonly scale: 'all' | 'row';
}

export interface HeatMapOptions {
  readonly title: string;
  /** A line below the title. */
  readonly subtitle: string;
  /** What stands over each column. */
  readonly columns: readonly string[];
}

const hue = { light: '#2563eb', dark: '#6ea8fe' } as const;
const levels = 9;
const leastWidth = 760;
const [margin, right, rowHeight, columnRoom] = [16, 64, 11, 30] as const;
const [leastCell, mostCell] = [16, 30] as const;

interface Grid {
  readonly left: number;
  readonly cell: number;
  readonly width: number;
}

/** Maps below each other over the same columns. */
export function svgHeatMaps(maps: readonly HeatMap[], { title, subtitle, columns }: HeatMapOptions): string {
  const grid = layOut(maps, columns);
  const parts = [
    text(margin, 31, title, { size: 16, weight: 600, tone: 'strong' }),
    text(margin, 51, subtitle),
    legend(grid.width - margin, 30),
  ];
  let top = 64;
  for (const map of maps) {
    parts.push(drawMap(map, { grid, top, columns }));
    top += columnRoom + 22 + map.rows.length * rowHeight + 18;
  }
  const darkRules = [`.cell{fill:${hue.dark}}`];
  return svgDocument(parts, { width: Math.ceil(grid.width), height: Math.ceil(top), name: title, darkRules });
}

function layOut(maps: readonly HeatMap[], columns: readonly string[]): Grid {
  const names = maps.flatMap(({ rows, rowLabel }) => [
    ...rows.map((row) => textWidth(row, 10)),
    textWidth(rowLabel, 11),
  ]);
  const left = margin + Math.max(0, ...names) + 8;
  const longest = Math.max(0, ...columns.map((word) => textWidth(word, 12) + 4));
  const fitting = (leastWidth - left - right) / Math.max(1, columns.length);
  const cell = Math.max(leastCell, longest, Math.min(mostCell, fitting));
  return { left, cell, width: Math.max(leastWidth, left + cell * columns.length + right) };
}

interface Place {
  readonly grid: Grid;
  readonly top: number;
  readonly columns: readonly string[];
}

function drawMap({ title, rows, rowLabel, values, scale }: HeatMap, { grid, top, columns }: Place): string {
  const { left, cell } = grid;
  const first = top + 22 + columnRoom - 8;
  const largest = Math.max(0, ...values.flat());
  const most = rows.map((_, row) =>
    scale === 'all' ? largest : Math.max(0, ...values.map((column) => column[row] ?? 0)),
  );
  const parts = [
    text(margin, top + 16, title, { size: 13, weight: 600, tone: 'strong' }),
    text(left - 8, first - 6, rowLabel, { size: 11, anchor: 'end' }),
    ...columns.map((word, i) => text(left + (i + 0.5) * cell, first - 6, word, { anchor: 'middle', tone: 'strong' })),
    ...rows.map((name, row) => text(left - 8, first + row * rowHeight + 9, name, { size: 10, anchor: 'end' })),
  ];
  const end = left + cell * columns.length;
  if (scale === 'row') {
    parts.push(text(end + 8, first - 6, 'most', { size: 11 }));
    parts.push(...most.map((value, row) => text(end + 8, first + row * rowHeight + 9, short(value), { size: 10 })));
  } else parts.push(text(end + 8, first + 9, `most ${short(largest)}`, { size: 10 }));
  const height = rows.length * rowHeight;
  parts.push(
    `<path class="grid" d="M${px(left)} ${px(first)}h${px(end - left)}v${px(height)}H${px(left)}z" fill="none" stroke="${ink.grid}"/>`,
  );
  const levelOf = (row: number, column: number): number => {
    const share = (values[column]?.[row] ?? 0) / (most[row] || 1);
    return Math.min(levels, Math.max(0, Math.round(share * levels)));
  };
  return [...parts, ...cells({ left, top: first, cell, rows: rows.length, columns: columns.length, levelOf })].join(
    '\n',
  );
}

interface Cells {
  readonly left: number;
  readonly top: number;
  readonly cell: number;
  readonly rows: number;
  readonly columns: number;
  readonly levelOf: (row: number, column: number) => number;
}

/** A path for each level above 0. */
function cells({ left, top, cell, rows, columns, levelOf }: Cells): readonly string[] {
  const paths: string[] = Array.from({ length: levels + 1 }, () => '');
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; ) {
      const level = levelOf(row, column);
      let next = column + 1;
      while (next < columns && levelOf(row, next) === level) next++;
      const wide = px((next - column) * cell);
      paths[level] +=
        `M${px(left + column * cell)} ${px(top + row * rowHeight + 0.5)}h${wide}v${rowHeight - 1}h-${wide}z`;
      column = next;
    }
  }
  return paths.flatMap((d, level) => (level === 0 || d === '' ? [] : [shade(level, d)]));
}

function shade(level: number, d: string): string {
  return `<path class="cell" d="${d}" fill="${hue.light}" fill-opacity="${(level / levels).toFixed(2)}"/>`;
}

/** Shades from nothing to the most. */
function legend(end: number, y: number): string {
  const from = end - textWidth('most', 12) - 6 - levels * 14;
  const boxes = Array.from({ length: levels }, (_, i) => shade(i + 1, `M${px(from + i * 14)} ${y - 10}h14v11h-14z`));
  return [text(from - 6, y, '0', { anchor: 'end' }), ...boxes, text(end, y, 'most', { anchor: 'end' })].join('\n');
}

/** Three significant digits, without an exponent. */
function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
