// The JSON of a suite: its outcome, and everything that a reader needs to judge it. results/NAME.json, or results/NAME.LABEL.json
// where the same suite was measured in another way (another Node: node24).
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Machine, MachineLimits } from './machine.ts';
import type { SuiteOutcome } from './suite.ts';

export interface Result extends SuiteOutcome, Machine {
  readonly suite: string;
  /** Absent for the plain measurement. */
  readonly label?: string;
  readonly node: string;
  readonly v8: string;
  /** Flags of V8 and Node on the command line and in NODE_OPTIONS. */
  readonly flags: readonly string[];
  /** How the library describes its default device here: the build of the kernels it chose. */
  readonly device: string;
  readonly rounds: number;
  readonly limits: MachineLimits;
}

export interface ReportOptions {
  readonly suite: string;
  readonly label?: string | undefined;
  readonly device: string;
  readonly rounds: number;
  readonly limits: MachineLimits;
  readonly machine: Machine;
}

export function createResult(
  outcome: SuiteOutcome,
  { suite, label, device, rounds, limits, machine }: ReportOptions,
): Result {
  const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS?.split(' ') ?? [])].filter((flag) => flag !== '');
  const versions = { node: process.version, v8: process.versions.v8 };
  return { suite, ...(label && { label }), ...versions, flags, ...machine, device, rounds, limits, ...outcome };
}

export const resultName = ({ suite, label }: Pick<Result, 'suite' | 'label'>): string =>
  label ? `${suite}.${label}` : suite;

export function writeResult(folder: string, result: Result): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/${resultName(result)}.json`, `${JSON.stringify(result, null, 2)}\n`);
}

/** All results of the folder, in the order of their names. */
export function readResults(folder: string): readonly Result[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.sort().map((file) => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as Result); // written by writeResult
}
