// What this machine can do at best, measured: arithmetic in 128-bit registers, reading and copying memory. Figures are reported
// as shares of these, so that they mean something on another machine.
import { once } from 'node:events';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { Worker } from 'node:worker_threads';
import { rounded } from './figure.ts';
import type { LimitRequest } from './limit-worker.ts';

/** With a number of threads at once, the best of several attempts. */
export interface ThreadLimits {
  readonly threads: number;
  /** Multiply-adds of four f32, 10⁹ operations a second. */
  readonly gflops: number;
  /** Bytes read from memory, 10⁹ a second. */
  readonly readGigabytes: number;
  /** The same from 8 MiB for each thread, which the last-level cache holds. */
  readonly cachedGigabytes: number;
  /** Copying: bytes read and bytes written together, 10⁹ a second. */
  readonly copyGigabytes: number;
}

export type MachineLimits = readonly ThreadLimits[];

/** The processor as the operating system names it, and how many of its cores this process may use. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** Programs that ran or waited to run in the last minute, on average (getloadavg). */
  readonly load: number;
}

/** As it is now: ask before measuring. */
export const describeMachine = (): Machine => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  load: rounded(loadavg()[0] ?? 0),
});

/** More than this much work of others on each core and the figures say little. */
const BUSY = 0.5;

/** A sentence where other programs take so much that figures will be low, else nothing. */
export const busyWarning = ({ load, cores }: Machine): string | undefined =>
  load > BUSY * cores
    ? `the machine is busy, load ${load} on ${cores} cores: figures will be low and uneven.`
    : undefined;

/** Many and short: the best of them is one that nobody interrupted. */
const ATTEMPTS = 30;
const MILLISECONDS = 10;

/** Measures the limits with each number of threads. Takes about a second and a half for each. */
export async function measureLimits(threads: readonly number[]): Promise<MachineLimits> {
  const limits: ThreadLimits[] = [];
  for (const count of threads) limits.push(await limitsWith(count));
  return limits;
}

async function limitsWith(threads: number): Promise<ThreadLimits> {
  // Always the built file: workers cannot be started from TypeScript.
  const workers = Array.from({ length: threads }, () => new Worker(new URL('./limit-worker.js', import.meta.url)));
  try {
    const best = async (kind: LimitRequest['kind']): Promise<number> => {
      let fastest = 0;
      for (let attempt = 0; attempt < ATTEMPTS; attempt++)
        fastest = Math.max(fastest, await together(workers, { kind, milliseconds: MILLISECONDS }));
      return rounded(fastest / 1e9);
    };
    return {
      threads,
      gflops: await best('multiplyAdd'),
      readGigabytes: await best('read'),
      cachedGigabytes: await best('readCached'),
      copyGigabytes: await best('copy'),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** The sum of the workers' rates while all of them run. */
async function together(workers: readonly Worker[], request: LimitRequest): Promise<number> {
  const rates = workers.map(async (worker) => {
    const answer = once(worker, 'message');
    worker.postMessage(request);
    const [rate] = (await answer) as [number]; // limit-worker.ts posts one number
    return rate;
  });
  return (await Promise.all(rates)).reduce((sum, rate) => sum + rate, 0);
}

/** @throws RangeError for a number of threads that was not measured. */
export function limitsFor(limits: MachineLimits, threads: number): ThreadLimits {
  const found = limits.find((entry) => entry.threads === threads);
  if (!found)
    throw new RangeError(
      `the machine's limits were measured with ${limits.map((entry) => entry.threads)} threads; got ${threads}.`,
    );
  return found;
}

/** Beyond this much, no cache holds the data from one run to the next. */
const CACHED_BYTES = 24e6;

/**
 * Operations a second, 10⁹, that work of so many operations on so many bytes can reach at most: what the arithmetic allows, or
 * what reading its data allows (the roofline of Williams, Waterman and Patterson, CACM 52(4), 2009).
 */
export function roofline(
  { operations, bytes }: { readonly operations: number; readonly bytes: number },
  { gflops, readGigabytes, cachedGigabytes }: ThreadLimits,
): number {
  return Math.min(gflops, (operations / bytes) * (bytes > CACHED_BYTES ? readGigabytes : cachedGigabytes));
}
