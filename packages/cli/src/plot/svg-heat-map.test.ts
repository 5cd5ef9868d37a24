import { describe, expect, it } from 'vitest';
import { type HeatMap, svgHeatMaps } from './svg-heat-map.ts';

const map = (changes: Partial<HeatMap> = {}): HeatMap => ({
  title: 'diagonal <state>',
  rows: ['0', '1'],
  rowLabel: 'head',
  values: [
    [0, 5],
    [1, 10],
    [1, 0],
  ],
  scale: 'row',
  ...changes,
});
const words = ['0', '5', '=>'];
const options = { title: 'A & B', subtitle: 'below', columns: words };
/** What is drawn: [opacity, rectangles as x, y and width]. */
const shadesOf = (svg: string): readonly (readonly [string, readonly string[]])[] =>
  [...svg.matchAll(/class="cell" d="([^"]*)"[^>]*fill-opacity="([\d.]+)"/g)]
    .slice(9)
    .map(([, d = '', opacity = '']) => [opacity, d.split('M').slice(1)]);

describe('svgHeatMaps', () => {
  it('is well formed, with all words, names and titles', () => {
    const svg = svgHeatMaps([map(), map({ title: 'other' })], options);
    for (const tag of ['svg', 'text', 'title', 'style'])
      expect(svg.match(new RegExp(`<${tag}[ >]`, 'g'))?.length).toBe(svg.match(new RegExp(`</${tag}>`, 'g'))?.length);
    expect(svg).not.toMatch(/NaN|undefined|<state>/);
    expect(svg).toContain('<title>A &amp; B</title>');
    const texts = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, content]) => content);
    for (const content of ['0', '5', '=&gt;', 'head', 'diagonal &lt;state&gt;', 'other', 'below', '1', '10'])
      expect(texts).toContain(content);
    expect(texts.filter((content) => content === '=&gt;')).toHaveLength(2);
  });

  it('shades each row by its own largest value, or all by the largest of all', () => {
    const own = shadesOf(svgHeatMaps([map()], options));
    expect(own.map(([opacity, cells]) => [opacity, cells.length])).toEqual([
      ['0.56', 1],
      ['1.00', 2],
    ]);
    const all = shadesOf(svgHeatMaps([map({ scale: 'all' })], options));
    expect(all.map(([opacity]) => opacity)).toEqual(['0.11', '0.56', '1.00']);
    // Two equal neighbours are one rectangle of twice the width.
    expect(all[0]?.[1]).toHaveLength(1);
    const wide = (rectangle: string | undefined): number => Number(/h([\d.]+)v/.exec(rectangle ?? '')?.[1]);
    expect(wide(all[0]?.[1][0]) / wide(all[2]?.[1][0])).toBeCloseTo(2, 1);
  });

  it('takes nothing and zeros', () => {
    const zero = map({ values: [[0, 0]], rows: ['0', '1'] });
    for (const scale of ['all', 'row'] as const) {
      const svg = svgHeatMaps([{ ...zero, scale }], { ...options, columns: ['0'] });
      expect(shadesOf(svg)).toEqual([]);
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    }
    expect(svgHeatMaps([], { ...options, columns: [] })).not.toMatch(/NaN|Infinity/);
  });

  it('grows with the words, and stays below 200 kB for the paper’s models and examples', () => {
    const long = Array.from({ length: 128 }, (_, i) => String(i));
    const values = long.map((_, t) => Array.from({ length: 32 }, (_value, i) => ((t * 37 + i * 17) % 97) + 1));
    const full = map({ rows: Array.from({ length: 32 }, (_, i) => String(i)), values });
    const svg = svgHeatMaps([full, full], { ...options, columns: long });
    expect(Number(/width="(\d+)"/.exec(svg)?.[1])).toBeGreaterThan(128 * 16);
    const example = svgHeatMaps([full, full, full, full], { ...options, columns: long.slice(0, 32) });
    expect(example.length).toBeLessThan(200_000);
  });
});
