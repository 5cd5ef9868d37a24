// The benchmarks' front door: `npm run bench`. Runs suites, writes results/NAME.json, and renders them into README.md.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { enableWideVectors, openDevice } from 'hippo';
import { type Command, parseCommand, usage } from './harness/arguments.ts';
import { BenchError } from './harness/errors.ts';
import { busyWarning, describeMachine, measureLimits } from './harness/machine.ts';
import { renderReadme } from './harness/render.ts';
import { createResult, readResults, resultName, writeResult } from './harness/report.ts';
import { suites } from './suites/index.ts';

// This file runs from bench/dist.
const resultFolder = fileURLToPath(new URL('../results', import.meta.url));
const readmePath = fileURLToPath(new URL('../README.md', import.meta.url));

type RunCommand = Extract<Command, { kind: 'run' }>;

async function run({ names, threads, rounds, label }: RunCommand): Promise<void> {
  const machine = describeMachine();
  const warning = busyWarning(machine);
  if (warning) console.log(`Note: ${warning}`);
  // First, since these turn on what V8 has behind flags.
  enableWideVectors();
  const opened = await openDevice();
  const device = opened.description;
  await opened.dispose();
  const limits = await measureLimits(threads);
  for (const name of names) {
    const entry = suites[name];
    if (!entry) continue; // the names were checked when they were parsed
    console.log(`${name}: ${entry.title}`);
    const started = performance.now();
    const { run: runSuite } = await entry.load();
    const outcome = await runSuite({ threads, rounds, limits, log: (line) => console.log(line) });
    for (const { contestant, reason } of outcome.skipped ?? []) console.log(`  skipped ${contestant}: ${reason}`);
    const result = createResult(outcome, { suite: name, label, device, rounds, limits, machine });
    writeResult(resultFolder, result);
    const seconds = Math.round((performance.now() - started) / 1000);
    console.log(`  results/${resultName(result)}.json, ${seconds} s`);
  }
}

/** Runs the same command line in another Node, under a label that names it. */
function runElsewhere(node: string, argv: readonly string[]): number {
  const version = execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' });
  const at = argv.findIndex((word) => word === '--node' || word.startsWith('--node='));
  const rest = argv.filter((_, i) => i !== at && !(argv[at] === '--node' && i === at + 1));
  const label = rest.some((word) => word.startsWith('--label')) ? [] : ['--label', `node${version.split('.')[0]}`];
  const main = fileURLToPath(import.meta.url);
  return spawnSync(node, [main, ...rest, ...label], { stdio: 'inherit' }).status ?? 1;
}

async function start(argv: readonly string[]): Promise<number> {
  const command = parseCommand(argv, { suites: Object.keys(suites), cores: availableParallelism() });
  if (command.kind === 'run') {
    if (command.node !== undefined) return runElsewhere(command.node, argv);
    await run(command);
  } else if (command.kind === 'list') {
    for (const [name, { title }] of Object.entries(suites)) console.log(`${name.padEnd(16)} ${title}`);
  } else if (command.kind === 'render') {
    writeFileSync(readmePath, renderReadme(readFileSync(readmePath, 'utf8'), readResults(resultFolder), suites));
  } else console.log(usage);
  return 0;
}

try {
  process.exitCode = await start(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
