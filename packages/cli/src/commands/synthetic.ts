// `hippo synthetic`: the paper's small experiments. Which models can recall a token they have seen, and compare it with others?
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { enableWideVectors, syntheticData, syntheticJsonl, syntheticTaskNames, UsageError } from 'hippo';
import { replaceFile } from 'hippo/node';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { deviceOptions } from '../model/device-options.ts';
import { chooseTasks } from '../synthetic/choose-tasks.ts';
import { experimentOptions } from '../synthetic/experiment-options.ts';
import { lookInsideLine } from '../synthetic/look-inside.ts';
import { performAll } from '../synthetic/perform-all.ts';
import { byModel, resultsMarkdown } from '../synthetic/results-table.ts';
import { completeRuns } from '../synthetic/resume.ts';
import type { RunTask } from '../synthetic/run-task.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'synthetic',
  summary: "The paper's small experiments: induction head and associative recall",
  description:
    "Trains each model from each seed, several at a time, and measures how often it gets the last token of unseen examples right. The settings are the paper's unless an option changes them. Results are written whenever a run ends; Ctrl-C finishes the running steps first.",
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
    vary: {
      type: 'string',
      placeholder: 'option=values',
      help: 'a run for each value of one option, as in head-dim=1,2,4',
      defaultText: 'nothing',
    },
    reproduce: { type: 'boolean', help: "the paper's table: both tasks, all models, seeds 0, 1 and 2" },
    out: {
      type: 'string',
      short: 'o',
      default: 'runs/synthetic',
      placeholder: 'folder',
      help: 'for results.json, results.md, figures and models',
    },
    resume: { type: 'boolean', help: 'keep the complete runs that are in --out, and make the others' },
    steps: { type: 'integer', min: 1, short: 'n', help: 'training steps at most', defaultText: "the paper's epochs" },
    ...experimentOptions,
    triggers: {
      type: 'integer',
      min: 1,
      help: 'induction head: the most triggers in an example',
      defaultText: '1',
    },
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
    jobs: {
      type: 'integer',
      min: 1,
      max: 256,
      short: 'j',
      help: 'runs at a time',
      defaultText: 'one a core, with webgpu one',
    },
    backend: deviceOptions.backend,
    precision: deviceOptions.precision,
    writeData: { type: 'string', placeholder: 'file', help: 'write the examples of --task as JSON lines and end' },
    json: { type: 'boolean', help: 'print the results as one JSON document' },
  },
  examples: [
    { line: 'hippo synthetic --task associative-recall --models h3,s4d', help: 'two models side by side' },
    { line: 'hippo synthetic --reproduce', help: "the paper's table" },
    { line: 'hippo synthetic --models h3 --longer 2,4,8,32', help: 'and how they do on longer examples' },
    {
      line: 'hippo synthetic --models h3 --task associative-recall --vary key-words=1,2,3',
      help: 'an option through several values',
    },
    { line: 'hippo synthetic --reproduce --resume', help: 'go on after an interruption' },
    { line: 'hippo synthetic --models attention --backend webgpu', help: 'on the GPU' },
    { line: 'hippo synthetic --task induction-head --write-data induction.jsonl', help: 'the examples alone' },
  ],
});

type Options = ValuesOf<typeof command>;

export async function run(options: Options, io: CommandIo): Promise<number | undefined> {
  const tasks = chooseTasks(options);
  if (options.writeData !== undefined) return writeData(options.writeData, tasks, options.vary, io);
  const complete = options.resume ? await completeRuns(options.out, tasks) : new Map();
  if (options.resume) io.err.line(`${complete.size} of ${tasks.length} runs are complete in ${options.out}`);
  // For the whole process and its threads, before anything is compiled.
  if (options.backend === 'wasm') enableWideVectors();
  const signal = io.onInterrupt('finishing the running steps and writing the results');
  const { records, files } = await performAll(tasks, { complete, out: options.out, jobs: options.jobs, signal, io });
  if (options.json) io.out.line(JSON.stringify(records));
  else if (byModel(records).length > 0) io.out.write(resultsMarkdown(records));
  io.err.line(io.err.colors.dim(files.join(', ')));
  const inside = lookInsideLine(records);
  if (inside) io.err.line(`what a state holds: ${inside}`);
  return signal.aborted ? 130 : undefined;
}

async function writeData(
  path: string,
  tasks: readonly RunTask[],
  vary: string | undefined,
  io: CommandIo,
): Promise<undefined> {
  if (vary !== undefined) {
    throw new UsageError(
      'write-data-vary',
      `synthetic, --write-data: one file holds the examples of one language; got --vary ${vary} too. Leave one of them out.`,
      { vary },
    );
  }
  const [first] = tasks;
  if (!first || tasks.some(({ taskName }) => taskName !== first.taskName)) {
    throw new UsageError(
      'write-data-task',
      'synthetic, --write-data: one file holds the examples of one task; got both. Name one with --task.',
    );
  }
  const { language, trainingExamples, testExamples, dataSeed } = first.settings;
  const data = syntheticData({ language, trainingExamples, testExamples, seed: dataSeed });
  await mkdir(dirname(path), { recursive: true });
  await replaceFile(path, syntheticJsonl(data));
  io.err.line(`${trainingExamples} training and ${testExamples} test examples → ${path}`);
  return undefined;
}
