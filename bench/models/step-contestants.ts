// The programs that do the same training steps, as contestants: ours, jax-js and PyTorch, each in a process of its own, so that the
// memory each has held can be told apart. Losses and gradient norms of the first steps must be those of ours.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type ChildCommand, childContestant } from '../harness/child.ts';
import type { Contestant } from '../harness/contest.ts';
import { Unavailable } from '../harness/errors.ts';
import { installedVersion } from '../harness/installed.ts';
import { checkedSteps, plannedBytesPlace, residentBytesPlace } from './step-program.ts';

/** What the programs told when they were checked. */
export interface StepRecord {
  /** Loss and gradient norm of each checked step of the program that was checked first. */
  expected?: readonly number[];
  /** By contestant. */
  readonly residentBytes: Map<string, number>;
  readonly plannedBytes: Map<string, number>;
}

export interface StepProgram {
  readonly name: string;
  readonly start: (exercise: string, threads: number) => ChildCommand | Promise<ChildCommand>;
}

const built = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

const nodeProgram = (name: string, words: readonly string[]): ChildCommand => ({
  command: process.execPath,
  args: [...process.execArgv, built(name), ...words],
});

export const hippoSteps: StepProgram = {
  name: 'Hippo',
  start: (exercise, threads) => nodeProgram('h3-hippo-program', [exercise, String(threads)]),
};

export const jaxSteps: StepProgram = {
  name: 'jax-js wasm',
  start: (exercise, threads) => {
    installedVersion('@jax-js/jax');
    return nodeProgram('h3-jax-program', [exercise, String(threads)]);
  },
};

export const torchSteps: StepProgram = {
  name: 'PyTorch, native',
  start: async (exercise, threads) => ({
    command: await pythonWithTorch(),
    args: [fileURLToPath(new URL('../../models/h3_torch.py', import.meta.url)), exercise, String(threads)],
  }),
};

/** The interpreter named in HIPPO_BENCH_PYTHON, or the first of the usual ones that has PyTorch. */
async function pythonWithTorch(): Promise<string> {
  const asked = process.env.HIPPO_BENCH_PYTHON;
  for (const python of asked === undefined ? ['python3', '/usr/bin/python3'] : [asked]) {
    const has = await promisify(execFile)(python, ['-c', 'import torch']).then(
      () => true,
      () => false,
    );
    if (has) return python;
  }
  throw new Unavailable('no Python with PyTorch was found (HIPPO_BENCH_PYTHON names one)');
}

/** A program as a contestant. */
export function stepContestant(
  { name, start }: StepProgram,
  { exercise, threads, record }: { readonly exercise: string; readonly threads: number; readonly record: StepRecord },
): Contestant {
  const compared = Array.from({ length: 2 * checkedSteps }, (_, place) => place);
  return childContestant({
    name,
    threads,
    start: () => start(exercise, threads),
    error: async (values) => {
      const answers = await values([...compared, residentBytesPlace, plannedBytesPlace]);
      const [resident = 0, planned = 0] = answers.slice(compared.length);
      record.residentBytes.set(name, resident);
      if (planned > 0) record.plannedBytes.set(name, planned);
      record.expected ??= answers.slice(0, compared.length);
      return Math.max(
        ...record.expected.map((value, place) => Math.abs((answers[place] ?? Number.NaN) - value) / Math.abs(value)),
      );
    },
  });
}
