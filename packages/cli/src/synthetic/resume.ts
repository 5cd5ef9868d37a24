// `--resume`: which runs of an experiment the results in its folder already hold. A run is known by task, model, seed and, where an
// option is varied, its value; it counts when it came to its end and all its settings are those asked for now.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, UsageError } from 'hippo';
import { kebabCase } from '../arguments/command.ts';
import { isComplete, newRecord, type RunRecord } from './run-record.ts';
import type { RunSettings, RunTask } from './run-task.ts';

/**
 * The records of complete runs, by the index of their task.
 * @throws UsageError `resume-settings` for a complete run with another setting, `resume-runs` for one that is not asked for, whose record
 * would be lost; DataError `results-file` for a file that is none of ours.
 */
export async function completeRuns(folder: string, tasks: readonly RunTask[]): Promise<ReadonlyMap<number, RunRecord>> {
  const path = join(folder, 'results.json');
  const found = (await readRecords(path)).filter(isComplete);
  const indices = new Map(tasks.map((task, index) => [nameOf(newRecord(task)), index]));
  const complete = new Map<number, RunRecord>();
  for (const record of found) {
    const index = indices.get(nameOf(record));
    const task = index === undefined ? undefined : tasks[index];
    if (index === undefined || !task) throw strayRun(record, path);
    checkSettings(record, task.settings, path);
    complete.set(index, record);
  }
  return complete;
}

/** `associative-recall, h3, seed 0, head-dim 2` */
function nameOf({ task, model, seed, varied }: RunRecord): string {
  return `${task}, ${model}, seed ${seed}${varied ? `, ${varied.option} ${varied.value}` : ''}`;
}

/** No file holds no runs. */
async function readRecords(path: string): Promise<readonly RunRecord[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const refuse = (cause?: unknown): never => {
    throw new DataError(
      'results-file',
      `synthetic, --resume: ${path} must hold the runs of hippo synthetic with their settings; got something else. Take another --out, or leave --resume out to begin again.`,
      { path },
      { cause },
    );
  };
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    return refuse(cause);
  }
  return Array.isArray(content) && content.every(isRecord) ? content : refuse();
}

function isRecord(value: unknown): value is RunRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { task, model, seed, state, settings, curve, longer } = value as Record<string, unknown>;
  const texts = [task, model, state].every((one) => typeof one === 'string');
  const lists = Array.isArray(curve) && Array.isArray(longer);
  const language = (settings as { readonly language?: unknown } | undefined)?.language;
  return texts && lists && typeof seed === 'number' && typeof language === 'object' && language !== null;
}

function strayRun(record: RunRecord, path: string): UsageError {
  return new UsageError(
    'resume-runs',
    `synthetic, --resume: every run in ${path} must be asked for again, or it would be lost; got no ${nameOf(record)}. Ask for it too, or take another --out.`,
    { path, run: nameOf(record) },
  );
}

/** How the settings are written on the command line, where it is not their own name. */
const flags: Readonly<Record<string, string>> = {
  trainingExamples: 'examples',
  testExamples: 'tests',
  longerLengths: 'longer, in tokens',
};

function namedSettings({ language, ...others }: RunSettings): ReadonlyMap<string, string> {
  const all = Object.entries({ ...language, ...others });
  return new Map(all.map(([key, value]) => [flags[key] ?? kebabCase(key), JSON.stringify(value)]));
}

/** What results do not say that were written before there was a choice. */
const ofOlderResults = { backend: 'wasm', precision: 'f32' } as const;

function checkSettings(record: RunRecord, wanted: RunSettings, path: string): void {
  const before = namedSettings({ ...ofOlderResults, ...record.settings });
  for (const [name, value] of namedSettings(wanted)) {
    if (before.get(name) === value) continue;
    throw new UsageError(
      'resume-settings',
      `synthetic, --resume: ${nameOf(record)} in ${path} was made with ${name} ${before.get(name) ?? 'unknown'}; got ${value}. Give the same, or take another --out.`,
      { path, setting: name, before: before.get(name), now: value },
    );
  }
}
