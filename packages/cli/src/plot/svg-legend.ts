// A plot's legend: beside the title where it fits, else in rows below it.
import type { Series } from './series.ts';
import { px, text, textWidth } from './svg-document.ts';
import { hueIndex, mark, stroke } from './svg-marks.ts';

const legendSize = 12;
export const legendRow = 20;

export interface Legend {
  /** What stands in each row, with its place among the series. */
  readonly rows: readonly (readonly (readonly [series: Series, index: number])[])[];
  /** The only row fits beside the title. */
  readonly beside: boolean;
}

function entryWidth({ name }: Series): number {
  return 26 + textWidth(name, legendSize) + 18;
}

export function breakLegend(series: readonly Series[], title: string, width: number): Legend {
  const total = series.reduce((sum, one) => sum + entryWidth(one), 0);
  const all = [...series.entries()].map(([index, one]) => [one, index] as const);
  if (total + textWidth(title, 17) <= width - 40) return { rows: [all], beside: true };
  const rows: (readonly [Series, number])[][] = [];
  let left = 0;
  for (const entry of all) {
    const wide = entryWidth(entry[0]);
    if (left < wide || rows.length === 0) {
      rows.push([]);
      left = width - 32;
    }
    rows.at(-1)?.push(entry);
    left -= wide;
  }
  return { rows, beside: false };
}

/** Beside the title at the right, or in rows of its own below it. */
export function drawLegend({ rows, beside }: Legend, width: number): string {
  const parts: string[] = [];
  for (const [row, entries] of rows.entries()) {
    const total = entries.reduce((sum, [one]) => sum + entryWidth(one), 0);
    const y = beside ? 30 : 52 + row * legendRow;
    let x = beside ? width - 24 - total + 18 : 16;
    for (const [one, index] of entries) {
      const hue = hueIndex(one, index);
      parts.push(stroke(hue, `M${px(x)} ${px(y - 4)}h18`, 2.25, 1));
      if (one.style === 'marked') parts.push(mark(hue, { x: x + 9, y: y - 4 }));
      parts.push(text(x + 26, y, one.name, { size: legendSize }));
      x += entryWidth(one);
    }
  }
  return parts.join('\n');
}
