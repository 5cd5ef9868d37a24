// Runs side by side: a worker thread a run, so many at a time, each with a device of its own, on the CPU with one kernel thread. Small
// models gain more from several runs side by side than from several threads in one.
import { Worker } from 'node:worker_threads';
import { HippoError } from 'hippo';
import type { RunEvent, RunTask } from './run-task.ts';

export interface PoolOptions {
  /** Runs at a time. */
  readonly jobs: number;
  /** When aborted, runs under way end after their step and the others do not begin. */
  readonly signal: AbortSignal;
  /** Called for each event of the run with this index. */
  readonly see: (index: number, event: RunEvent) => void;
}

// Workers load compiled files; the name is that of run-worker.ts after compiling.
const program = new URL('./run-worker.js', import.meta.url);

/**
 * Performs every task.
 * @throws HippoError what a run threw, after all others have been stopped; Error for a defect in a worker.
 */
export async function performRuns(tasks: readonly RunTask[], { jobs, signal, see }: PoolOptions): Promise<void> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const waiting = [...tasks.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !stop.aborted; next = waiting.shift()) {
      const [index, task] = next;
      await performInWorker(task, { stop, see: (event) => see(index, event) });
    }
  };
  const workers = Array.from({ length: Math.min(jobs, tasks.length) }, () =>
    work().catch((error: unknown) => {
      failed.abort();
      throw error;
    }),
  );
  const ends = await Promise.allSettled(workers);
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure) throw failure.reason;
}

function performInWorker(
  task: RunTask,
  { stop, see }: { readonly stop: AbortSignal; readonly see: (event: RunEvent) => void },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { workerData: task });
    const halt = (): void => worker.postMessage('stop');
    stop.addEventListener('abort', halt);
    worker.on('message', (event: RunEvent) => {
      if (event.kind === 'failure') reject(new HippoError(event.code, event.message));
      else see(event);
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      stop.removeEventListener('abort', halt);
      resolve();
    });
  });
}
