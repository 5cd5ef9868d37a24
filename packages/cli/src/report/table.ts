// Columns of text that line up, whatever colours they carry.
import { padVisible, visibleWidth } from '../terminal/visible-text.ts';

export interface TableOptions {
  /** Alignment by column. Default: left. */
  readonly align?: readonly ('left' | 'right')[];
  /** Spaces between columns. Default: 2. */
  readonly gap?: number;
}

/** Rows → lines joined by newlines, each column as wide as its widest cell, without blanks at line ends. */
export function alignTable(rows: readonly (readonly string[])[], options: TableOptions = {}): string {
  const { align = [], gap = 2 } = options;
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, visibleWidth(cell));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => padVisible(cell, widths[column] ?? 0, align[column] ?? 'left')).join(' '.repeat(gap));
  return rows.map((row) => line(row).trimEnd()).join('\n');
}
