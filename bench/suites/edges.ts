// What surrounds the work: how long the command line takes to its first token with a small model, what an idle device costs, and
// whether one core gives the speed of one core.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { prompt, saveSmallModel, tokensAStep } from '../edges/small-model.ts';
import { childContestant } from '../harness/child.ts';
import { type Contest, type Contestant, duration, rate } from '../harness/contest.ts';
import { BenchError } from '../harness/errors.ts';
import { quantile } from '../harness/figure.ts';
import { type Facts, measureAll, type SuiteContext, type SuiteOutcome } from '../harness/suite.ts';

const run1 = promisify(execFile);
const program = (name: string): string => fileURLToPath(new URL(`../edges/${name}.js`, import.meta.url)); // the built file
const commandLine = fileURLToPath(new URL('../../../packages/cli/bin/hippo.js', import.meta.url));
const node = (...words: readonly string[]) => run1(process.execPath, [...process.execArgv, ...words]);

/** A process from its start to its end. */
function wholeProcess(name: string, words: readonly string[], expected: RegExp): Contestant {
  return {
    name,
    threads: 1,
    prepare: () => ({
      check: async () => {
        const { stdout } = await node(...words);
        if (expected.test(stdout)) return 0;
        throw new BenchError('wrong-result', `${name}: the output must match ${expected}; got ${stdout.slice(0, 80)}.`);
      },
      run: async () => void (await node(...words)),
    }),
  };
}

function startUp(model: string): Contest {
  const generating = ['generate', '--model', model, '--prompt', prompt, '--max-tokens', '1'];
  return {
    name: 'start-up',
    unit: duration('ms', 1e3),
    tolerance: 0,
    contestants: [
      wholeProcess('hippo generate, one token', [commandLine, ...generating], new RegExp(`^${prompt}.`)),
      wholeProcess('node alone', ['-e', '0'], /^$/),
    ],
  };
}

/** Median milliseconds of each part of the start. */
async function startUpParts(model: string, rounds: number): Promise<Facts> {
  const all: Record<string, number>[] = [];
  for (let round = 0; round < rounds; round++) {
    const { stdout } = await node(program('start-up-program'), model, prompt);
    all.push(JSON.parse(stdout) as Record<string, number>); // written by the program
  }
  const names = Object.keys(all[0] ?? {});
  const medians = names.map((name) => [
    `start-up, ${name}`,
    `${quantile(
      all.map((parts) => parts[name] ?? Number.NaN),
      0.5,
    ).toFixed(1)} ms`,
  ]);
  return Object.fromEntries(medians);
}

const idleSeconds = 3;

async function idle(threads: number): Promise<Facts> {
  const { stdout } = await node(program('idle-program'), String(threads), String(idleSeconds));
  const [used = Number.NaN, waited = Number.NaN] = stdout.split(' ').map(Number);
  const share = `${((100 * used) / waited).toFixed(2)} % of a core`;
  return { [`idle device, ${threads} ${threads === 1 ? 'thread' : 'threads'}`]: share };
}

/** Training on the first core alone, with the number of threads left out and given. */
function oneCore(facts: Record<string, string | number>): Contest {
  const contestant = (name: string, threads?: number): Contestant =>
    childContestant({
      name,
      threads: 1,
      start: () => ({
        command: 'taskset',
        args: [
          '-c',
          '0',
          process.execPath,
          ...process.execArgv,
          program('train-program'),
          ...(threads ? [String(threads)] : []),
        ],
      }),
      error: async (values) => {
        const [loss = Number.NaN, inUse = 0, resident = 0, planned = 0] = await values([0, 1, 2, 3]);
        facts[`threads, ${name}`] = inUse;
        facts[`resident, small training, ${name}`] = `${Math.round(resident / 1e6)} MB`;
        facts[`weights, moments and plan, small training, ${name}`] = `${Math.round(planned / 1e6)} MB`;
        return Number.isFinite(loss) ? 0 : Number.NaN;
      },
    });
  return {
    name: 'one core',
    unit: rate('tokens/s', tokensAStep, 1),
    tolerance: 0,
    contestants: [contestant('threads left out'), contestant('--threads 1', 1)],
  };
}

export async function run(context: SuiteContext): Promise<SuiteOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'hippo-bench-'));
  const facts: Record<string, string | number | boolean> = {};
  try {
    const model = join(folder, 'small');
    await saveSmallModel(model);
    const measured = await measureAll([startUp(model), oneCore(facts as Record<string, string | number>)], context);
    Object.assign(facts, await startUpParts(model, context.rounds));
    for (const threads of context.threads) Object.assign(facts, await idle(threads));
    return { ...measured, facts };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
