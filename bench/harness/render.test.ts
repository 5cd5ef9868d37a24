import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { suites } from '../suites/index.ts';
import type { Figure } from './figure.ts';
import { formatFigure, renderReadme, renderResult } from './render.ts';
import { type Result, readResults } from './report.ts';
import type { SuiteEntry } from './suite.ts';

const figure = (contestant: string, contest: string, rest: Partial<Figure> = {}): Figure => ({
  ...{ contest, contestant, threads: 1, unit: 'GFLOP/s', median: 42.25, lowerQuartile: 41, upperQuartile: 43.5 },
  ...{ best: 44, samples: 11, repeats: 3, error: 1.2e-7, ...rest },
});

const result = (rest: Partial<Result> = {}): Result => ({
  ...{
    suite: 'tiny',
    node: 'v20',
    v8: '11',
    flags: [],
    processor: 'a processor',
    cores: 2,
    load: 0.3,
    device: 'wasm',
    rounds: 11,
  },
  ...{ limits: [{ threads: 1, gflops: 52, readGigabytes: 31, cachedGigabytes: 80, copyGigabytes: 34 }], ...rest },
});

const tiny: Record<string, SuiteEntry> = {
  tiny: { title: 'Tiny', about: 'Little.', load: () => Promise.reject(new Error('not loaded to render')) },
};

describe('bench/README.md', () => {
  it('has the tables that the committed results render to', () => {
    const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');
    const results = readResults(fileURLToPath(new URL('../results', import.meta.url)));
    expect(results.length).toBeGreaterThan(0);
    expect(renderReadme(readme, results, suites)).toBe(readme); // else: npm run bench -- render
  });
});

describe('renderReadme', () => {
  it('replaces what is between the markers, in the order of the list of suites', () => {
    const readme = 'before\n<!-- results -->\nold\n<!-- end of results -->\nafter\n';
    const rendered = renderReadme(readme, [result({ facts: { loss: 1.5 } })], tiny);
    expect(rendered).toMatch(/^before\n<!-- results -->\n\n## Tiny\n\nLittle\.\n\n\*\*Node v20\*\*/);
    expect(rendered).toContain('| loss | 1.5 |');
    expect(rendered).toMatch(/\n\n<!-- end of results -->\nafter\n$/);
    expect(rendered).not.toContain('old');
    expect(rendered).not.toContain('busy');
    expect(renderReadme(readme, [result({ load: 7.5 })], tiny)).toContain('busy, load 7.5 on 2 cores');
    expect(renderReadme(rendered, [result({ facts: { loss: 1.5 } })], tiny)).toBe(rendered);
  });

  it('refuses a file without markers, and a result of no suite', () => {
    expect(() => renderReadme('nothing', [], tiny)).toThrow(
      'README.md: takes the tables between <!-- results --> and <!-- end of results -->; got no such lines.',
    );
    const readme = '<!-- results -->\n<!-- end of results -->';
    expect(() => renderReadme(readme, [result({ suite: 'old', label: 'node24' })], tiny)).toThrow(
      'results/old.node24.json: the suite must be one of tiny; got "old". Delete the file.',
    );
  });
});

describe('renderResult', () => {
  it('puts the shorter of contests and contestants into columns, with threads and the largest error', () => {
    const contests = ['one', 'two'];
    const wide = ['a', 'b', 'c'].flatMap((name) => contests.map((contest) => figure(name, contest)));
    expect(renderResult(result({ figures: wide })).join('\n')).toContain('|  | one | two | error |');
    const long = [figure('a', 'one'), figure('a', 'two'), figure('a', 'two', { threads: 2, error: 3e-6 })];
    const text = renderResult(result({ figures: [...long, figure('a', 'three')] })).join('\n');
    expect(text).toContain('|  | a | a × 2 | error |');
    expect(text).toContain('| two | 42.3 (41–43.5) | 42.3 (41–43.5) | 3e-6 |');
    expect(text).toContain('| three | 42.3 (41–43.5) | – | 1e-7 |');
  });

  it('has one table for each unit, and names versions and who was absent', () => {
    const figures = [figure('a', 'one'), figure('a', 'two', { unit: 'ms' })];
    const skipped = [{ contestant: 'absent', reason: 'libabsent is not installed' }];
    const paragraphs = renderResult(result({ figures, skipped, versions: { a: '1.2' } }));
    expect(paragraphs.filter((text) => text.startsWith('|'))).toHaveLength(2);
    expect(paragraphs).toContain('Versions: a 1.2.');
    expect(paragraphs).toContain('Did not take part: absent (libabsent is not installed).');
  });

  it('formats a figure with its share of the limit', () => {
    const limit = { name: 'peak', value: 52, share: 0.8125 };
    expect(formatFigure(figure('a', 'one', { median: 1234.5, lowerQuartile: 0.01234, limit }))).toBe(
      '1235 (0.0123–43.5) 81 %',
    );
  });
});
