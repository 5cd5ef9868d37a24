// A suite: contests on one subject under one name, and what it leaves for the report. suites/index.ts is the list of them.
import type { Contest } from './contest.ts';
import type { Figure } from './figure.ts';
import type { MachineLimits } from './machine.ts';
import { type Measured, measure, type Skipped } from './measure.ts';

export interface SuiteContext {
  /** Numbers of threads to measure with. */
  readonly threads: readonly number[];
  readonly rounds: number;
  readonly limits: MachineLimits;
  log(line: string): void;
}

/** Measured facts that are no contest: a loss, bytes of memory, seconds of a whole program. */
export type Facts = Readonly<Record<string, string | number | boolean>>;

/** A table of results that are no contest between contestants. The first column names the row. */
export interface Table {
  /** What the numbers are, with their units. */
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface SuiteOutcome {
  readonly tables?: readonly Table[];
  readonly figures?: readonly Figure[];
  readonly skipped?: readonly Skipped[];
  readonly versions?: Readonly<Record<string, string>>;
  readonly facts?: Facts;
}

/** A row of the list of suites; the suite's own file, and the peers it imports, are loaded only when it runs. */
export interface SuiteEntry {
  readonly title: string;
  /** What is measured and how, in a sentence or two: it stands above the table. */
  readonly about: string;
  load(): Promise<{ run(context: SuiteContext): Promise<SuiteOutcome> }>;
}

/** Measures contests one after the other. */
export async function measureAll(
  contests: Iterable<Contest>,
  { rounds, log }: Pick<SuiteContext, 'rounds' | 'log'>,
): Promise<Measured> {
  const figures: Figure[] = [];
  const skipped = new Map<string, Skipped>();
  const versions: Record<string, string> = {};
  for (const contest of contests) {
    const measured = await measure(contest, { rounds });
    for (const { contestant, threads, median, unit, limit } of measured.figures) {
      const share = limit ? `, ${Math.round(100 * limit.share)} % of ${limit.name}` : '';
      log(`  ${contest.name.padEnd(18)} ${contestant.padEnd(30)} ${threads} threads  ${median} ${unit}${share}`);
    }
    figures.push(...measured.figures);
    for (const skip of measured.skipped) skipped.set(`${skip.contestant}: ${skip.reason}`, skip);
    Object.assign(versions, measured.versions);
  }
  return { figures, skipped: [...skipped.values()], versions };
}
