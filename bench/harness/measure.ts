// Runs a contest: checks every contestant's result, warms up, then times them in rounds, one sample of each a round, so that a
// machine that slows down or is shared slows all of them alike. A sample repeats the work until it is long enough for the clock.
import { setTimeout } from 'node:timers/promises';
import type { Contest, Contestant, Prepared } from './contest.ts';
import { BenchError, Unavailable } from './errors.ts';
import { type Figure, rounded, summarize } from './figure.ts';

export interface MeasureOptions {
  readonly rounds: number;
  /** A contestant leaves out the later rounds when it has used so much time, but is there for three. */
  readonly longestSeconds?: number;
  /** A sample lasts at least this long. */
  readonly sampleSeconds?: number;
  /** Compilers of JavaScript and WebAssembly replace code while it runs: this long before the first sample. */
  readonly warmUpSeconds?: number;
  /** Seconds since some start; tests pass their own. */
  readonly clock?: () => number;
}

/** A contestant that did not take part, and why. */
export interface Skipped {
  readonly contestant: string;
  readonly reason: string;
}

export interface Measured {
  readonly figures: readonly Figure[];
  readonly skipped: readonly Skipped[];
  /** Versions of those that took part, by contestant. */
  readonly versions: Readonly<Record<string, string>>;
}

interface Entrant {
  readonly contestant: Contestant;
  readonly prepared: Prepared;
  readonly error: number;
  readonly pace: Pace;
  readonly samples: number[];
}

/**
 * Times the contestants of one contest against each other.
 * @throws BenchError `wrong-result` when an error against float64 exceeds the contest's tolerance; nothing was timed then.
 */
export async function measure(contest: Contest, options: MeasureOptions): Promise<Measured> {
  const timer = createTimer(options);
  const { longestSeconds = 3 } = options;
  const isLate = ({ samples, pace }: Entrant): boolean =>
    samples.length >= LEAST_SAMPLES &&
    samples.reduce((sum, seconds) => sum + seconds * pace.repeats, 0) > longestSeconds;
  const skipped: Skipped[] = [];
  const entrants: Entrant[] = [];
  const opened: Prepared[] = [];
  try {
    for (const contestant of contest.contestants) {
      const prepared = await prepareOrSkip(contestant, skipped);
      if (!prepared) continue;
      opened.push(prepared);
      const error = await checked(contest, contestant, prepared);
      entrants.push({ contestant, prepared, error, pace: await timer.warmUp(prepared), samples: [] });
    }
    for (let round = 0; round < options.rounds; round++) {
      // Each round starts with another one, so that nobody always runs after the same rival.
      for (let i = 0; i < entrants.length; i++) {
        const entrant = entrants[(round + i) % entrants.length];
        if (!entrant || isLate(entrant)) continue;
        entrant.samples.push(await timer.sample(entrant.prepared, entrant.pace));
        // Threads that wait for more work spin for a while, which would take time from the next contestant.
        if (entrant.contestant.threads > 1) await setTimeout(SETTLE_MILLISECONDS);
      }
    }
  } finally {
    for (const prepared of opened) await prepared.dispose?.();
  }
  const versions = entrants.flatMap(({ contestant, prepared }) =>
    prepared.version === undefined ? [] : [[contestant.name, prepared.version] as const],
  );
  return {
    figures: entrants.map((entrant) => figure(contest, entrant)),
    skipped,
    versions: Object.fromEntries(versions),
  };
}

async function prepareOrSkip(contestant: Contestant, skipped: Skipped[]): Promise<Prepared | undefined> {
  try {
    return await contestant.prepare();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    skipped.push({ contestant: contestant.name, reason: error.message });
    return undefined;
  }
}

async function checked(contest: Contest, contestant: Contestant, prepared: Prepared): Promise<number> {
  const error = await prepared.check();
  if (error <= contest.tolerance) return Number(error.toPrecision(2));
  throw new BenchError(
    'wrong-result',
    `${contestant.name}, ${contest.name}: the result may differ from float64 by ${contest.tolerance}; got ${error}. Nothing was timed.`,
    { contest: contest.name, contestant: contestant.name, error },
  );
}

function figure({ name, limit, ...contest }: Contest, { contestant, error, pace, samples }: Entrant): Figure {
  const { unit = contest.unit } = contestant;
  const summary = summarize(samples, unit);
  const base = {
    contest: name,
    contestant: contestant.name,
    threads: contestant.threads,
    ...summary,
    repeats: pace.repeats,
    error,
  };
  if (!limit) return base;
  const value = limit.of(contestant.threads);
  const share = unit.better === 'more' ? summary.median / value : value / summary.median;
  return { ...base, limit: { name: limit.name, value: rounded(value), share: rounded(share) } };
}

const LEAST_SAMPLES = 3;
const SETTLE_MILLISECONDS = 10;

/** Runs longer than this leave nothing in the caches that an untimed run before them could bring back. */
const LONG_RUN = 0.02;

/** How an entrant is sampled, found while warming up. */
interface Pace {
  readonly repeats: number;
  readonly runsBeforeSample: number;
}

function createTimer({
  sampleSeconds = 0.005,
  warmUpSeconds = 0.25,
  clock = () => performance.now() / 1000,
}: MeasureOptions) {
  /** Seconds for `repeats` runs. */
  const time = async (prepared: Prepared, repeats: number): Promise<number> => {
    if (prepared.sample) return prepared.sample(repeats);
    const start = clock();
    for (let i = 0; i < repeats; i++) {
      const pending = prepared.run();
      if (pending) await pending; // awaiting nothing would cost a microtask a run
    }
    return clock() - start;
  };
  return {
    /** At least two runs. */
    async warmUp(prepared: Prepared): Promise<Pace> {
      const start = clock();
      let fastest = await time(prepared, 1);
      do fastest = Math.min(fastest, await time(prepared, 1));
      while (clock() - start < warmUpSeconds);
      return { repeats: Math.max(1, Math.ceil(sampleSeconds / fastest)), runsBeforeSample: fastest < LONG_RUN ? 1 : 0 };
    },
    /** Seconds a run. */
    async sample(prepared: Prepared, { repeats, runsBeforeSample }: Pace): Promise<number> {
      // Others ran in between: brings the operands back into the caches and wakes the threads.
      if (runsBeforeSample > 0) await time(prepared, runsBeforeSample);
      return (await time(prepared, repeats)) / repeats;
    },
  };
}
