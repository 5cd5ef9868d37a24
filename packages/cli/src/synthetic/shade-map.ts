// A table of numbers as shades of grey in text: a row a unit, a column a moment. Darker is larger; each map has its own scale.
import { alignTable } from '../report/table.ts';

const shades = [' ', '░', '▒', '▓', '█'] as const;

/**
 * @param columns [moments][units], none negative: `columns[t][u]` is unit u at moment t.
 * @param options.heads what stands over each moment, at most three characters wide.
 * @param options.names what stands before each unit.
 */
export function shadeMap(
  columns: readonly (readonly number[])[],
  { heads, names }: { readonly heads: readonly string[]; readonly names: readonly string[] },
): string {
  const largest = Math.max(...columns.flat());
  const shade = (value: number): string => {
    const level = largest > 0 ? Math.min(shades.length - 1, Math.floor((value / largest) * shades.length)) : 0;
    return (shades[level] ?? ' ').repeat(2);
  };
  const rows = names.map((name, unit) => [name, ...columns.map((column) => shade(column[unit] ?? 0))]);
  return alignTable([['', ...heads], ...rows], { align: ['right'], gap: 1 });
}
