// `hippo synthetic`: the paper's small experiments. Which models can recall a token they have seen, and compare it with others?
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { enableWideVectors, syntheticData, syntheticJsonl, syntheticTaskNames, UsageError } from 'hippo';
import { replaceFile } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { openLiveTable } from '../progress/live-table.ts';
import { formatDuration } from '../report/format.ts';
import { chooseTasks } from '../synthetic/choose-tasks.ts';
import { byModel, endLine, liveLines, resultsMarkdown } from '../synthetic/results-table.ts';
import { performRuns } from '../synthetic/run-pool.ts';
import { afterEvent, newRecord, type RunRecord } from '../synthetic/run-record.ts';
import type { RunTask } from '../synthetic/run-task.ts';
import { writeResults } from '../synthetic/write-results.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'synthetic',
  summary: "The paper's small experiments: induction head and associative recall",
  description:
    "Trains each model from each seed, several at a time, and measures how often it gets the last token of unseen examples right. The settings are the paper's unless an option changes them. Ctrl-C finishes the running steps and writes what is there.",
  positionals: {},
  options: {
    task: {
      type: 'choice',
      choices: ['both', ...syntheticTaskNames] as const,
      help: 'the language',
      defaultText: 'both',
    },
    models: { type: 'string', placeholder: 'names', help: 'from s4d, gss, h3, hybrid, attention', defaultText: 'all' },
    seeds: { type: 'integers', min: 0, help: 'a run for each', defaultText: '0' },
    reproduce: { type: 'boolean', help: "the paper's table: both tasks, all models, seeds 0, 1 and 2" },
    out: {
      type: 'string',
      short: 'o',
      default: 'runs/synthetic',
      placeholder: 'folder',
      help: 'for results.json, results.md, figures and models',
    },
    steps: { type: 'integer', min: 1, short: 'n', help: 'training steps at most', defaultText: "the paper's epochs" },
    learningRate: { type: 'number', above: 0, default: 5e-4, aliases: ['lr'], help: 'highest learning rate' },
    initializerRange: {
      type: 'number',
      above: 0,
      default: 0.02,
      help: 'standard deviation of the initial weights',
    },
    length: { type: 'integer', min: 1, help: 'tokens before the last trigger', defaultText: '30 and 20' },
    vocabulary: { type: 'integer', min: 4, help: 'words, two of them special', defaultText: '20 and 10' },
    triggers: { type: 'integer', min: 1, default: 1, help: 'induction head: the most triggers in an example' },
    keyWords: { type: 'integer', min: 1, default: 1, help: 'associative recall: words of a key' },
    examples: { type: 'integer', min: 1, default: 5000, help: 'training examples' },
    tests: { type: 'integer', min: 1, default: 500, help: 'test examples' },
    dataSeed: { type: 'integer', min: 0, default: 0, help: 'the examples follow from it' },
    evaluateEvery: { type: 'integer', min: 1, default: 250, help: 'steps between measurements' },
    solvedAt: {
      type: 'number',
      above: 0,
      max: 2,
      default: 0.995,
      help: 'accuracy that ends a run when it is reached twice in a row; above 1: never',
    },
    longer: {
      type: 'integers',
      min: 2,
      help: 'test the trained models on examples so many times longer',
      defaultText: 'none',
    },
    jobs: { type: 'integer', min: 1, max: 256, short: 'j', help: 'runs at a time', defaultText: 'one a core' },
    writeData: { type: 'string', placeholder: 'file', help: 'write the examples of --task as JSON lines and end' },
    json: { type: 'boolean', help: 'print the results as one JSON document' },
  },
  examples: [
    { line: 'hippo synthetic --task associative-recall --models h3,s4d', help: 'two models side by side' },
    { line: 'hippo synthetic --reproduce', help: "the paper's table" },
    { line: 'hippo synthetic --models h3 --longer 2,4,8,32', help: 'and how they do on longer examples' },
    { line: 'hippo synthetic --task induction-head --write-data induction.jsonl', help: 'the examples alone' },
  ],
});

type Options = ValuesOf<typeof command>;

export async function run(options: Options, io: CommandIo): Promise<number | undefined> {
  const tasks = chooseTasks(options);
  if (options.writeData !== undefined) return writeData(options.writeData, tasks, io);
  // For the whole process and its threads, before anything is compiled.
  enableWideVectors();
  const signal = io.onInterrupt('finishing the running steps and writing the results');
  const records = await performAll(tasks, { jobs: options.jobs ?? availableParallelism(), signal, io });
  const files = await writeResults(options.out, records);
  if (options.json) io.out.line(JSON.stringify(records));
  else if (byModel(records).length > 0) io.out.write(resultsMarkdown(records));
  io.err.line(io.err.colors.dim(files.join(', ')));
  return signal.aborted ? 130 : undefined;
}

async function performAll(
  tasks: readonly RunTask[],
  { jobs, signal, io }: { readonly jobs: number; readonly signal: AbortSignal; readonly io: CommandIo },
): Promise<readonly RunRecord[]> {
  const started = performance.now();
  const table = openLiveTable(io.err);
  const records = tasks.map(newRecord);
  await performRuns(tasks, {
    jobs,
    signal,
    see: (index, event) => {
      const before = records[index];
      if (!before) return;
      const record = afterEvent(before, event);
      records[index] = record;
      if (event.kind === 'end') table.log(endLine(record));
      table.update(() => liveLines(records));
    },
  });
  table.finish();
  const done = records.filter(({ state }) => state === 'solved' || state === 'ended').length;
  io.err.line(`${done} of ${tasks.length} runs in ${formatDuration((performance.now() - started) / 1000)}`);
  return records;
}

async function writeData(path: string, tasks: readonly RunTask[], io: CommandIo): Promise<undefined> {
  const [first] = tasks;
  if (!first || tasks.some(({ taskName }) => taskName !== first.taskName)) {
    throw new UsageError(
      'write-data-task',
      'synthetic, --write-data: one file holds the examples of one task; got both. Name one with --task.',
    );
  }
  const { language, trainingExamples, testExamples, dataSeed } = first;
  const data = syntheticData({ language, trainingExamples, testExamples, seed: dataSeed });
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, syntheticJsonl(data));
  io.err.line(`${trainingExamples} training and ${testExamples} test examples → ${path}`);
  return undefined;
}
