// The files an experiment leaves: results.json, results.md and its figures. Written after every run that ends, so that an interruption
// loses no more than the runs under way.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from 'hippo/node';
import { resultFigures } from './figures.ts';
import { resultsMarkdown } from './results-table.ts';
import type { RunRecord } from './run-record.ts';

/** Writes them and returns their paths. */
export async function writeResults(folder: string, records: readonly RunRecord[]): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const contents = new Map([
    ['results.json', `${JSON.stringify(records, undefined, 1)}\n`],
    ['results.md', resultsMarkdown(records)],
    ...[...resultFigures(records)].map(([name, svg]) => [`${name}.svg`, svg] as const),
  ]);
  const paths = [...contents.keys()].map((name) => join(folder, name));
  for (const [name, content] of contents) await replaceFile(join(folder, name), [content]);
  return paths;
}
