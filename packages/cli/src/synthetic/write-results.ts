// The files an experiment leaves: results.json, results.md and a figure a task. Written also when it was interrupted.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from 'hippo/node';
import { accuracyFigures } from './figures.ts';
import { longerMarkdown, resultsMarkdown } from './results-table.ts';
import type { RunRecord } from './run-record.ts';

/** Writes them and returns their paths. */
export async function writeResults(folder: string, records: readonly RunRecord[]): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const longer = longerMarkdown(records);
  const contents = new Map([
    ['results.json', `${JSON.stringify(records, undefined, 1)}\n`],
    ['results.md', longer === undefined ? resultsMarkdown(records) : `${resultsMarkdown(records)}\n${longer}`],
    ...[...accuracyFigures(records)].map(([task, svg]) => [`${task}.svg`, svg] as const),
  ]);
  const paths = [...contents.keys()].map((name) => join(folder, name));
  for (const [name, content] of contents) await replaceFile(join(folder, name), [content]);
  return paths;
}
