// All runs of an experiment: those of the results that count already, the others side by side with a live table, the results on disk
// after every run that ends.
import { availableParallelism } from 'node:os';
import { openLiveTable } from '../progress/live-table.ts';
import { formatDuration } from '../report/format.ts';
import type { CommandIo } from '../terminal/io.ts';
import { endLine, liveLines } from './results-table.ts';
import { performRuns } from './run-pool.ts';
import { afterEvent, isComplete, newRecord, type RunRecord } from './run-record.ts';
import type { RunTask } from './run-task.ts';
import { writeResults } from './write-results.ts';

export interface PerformAllOptions {
  /** Records of runs that are complete, by the index of their task. */
  readonly complete: ReadonlyMap<number, RunRecord>;
  /** Folder of the results. */
  readonly out: string;
  /** Runs at a time; default: one a core, and on a GPU one, which has it to itself. */
  readonly jobs: number | undefined;
  readonly signal: AbortSignal;
  readonly io: CommandIo;
}

/** Returns the records in the order of the tasks, and the files that hold them. */
export async function performAll(
  tasks: readonly RunTask[],
  { complete, out, jobs = usualJobs(tasks), signal, io }: PerformAllOptions,
): Promise<{ readonly records: readonly RunRecord[]; readonly files: readonly string[] }> {
  const started = performance.now();
  const table = openLiveTable(io.err);
  const records = tasks.map((task, index) => complete.get(index) ?? newRecord(task));
  const missing = [...tasks.keys()].filter((index) => !complete.has(index));
  const writer = resultsWriter(out, records);
  const devices = new Set<string>();
  try {
    await performRuns(
      missing.flatMap((index) => tasks[index] ?? []),
      {
        jobs,
        signal,
        see: (place, event) => {
          const index = missing[place] ?? -1;
          const before = records[index];
          if (!before) return;
          const record = afterEvent(before, event);
          records[index] = record;
          if (event.kind === 'device') {
            if (!devices.has(event.description)) table.log(io.err.colors.dim(event.description));
            devices.add(event.description);
            return;
          }
          if (event.kind === 'end') {
            table.log(endLine(record));
            writer.write();
          }
          table.update(() => liveLines(records));
        },
      },
    );
  } finally {
    await writer.last();
  }
  table.finish();
  const done = records.filter(isComplete).length;
  io.err.line(`${done} of ${tasks.length} runs in ${formatDuration((performance.now() - started) / 1000)}`);
  writer.write();
  return { records, files: await writer.last() };
}

function usualJobs(tasks: readonly RunTask[]): number {
  return tasks.some(({ settings }) => settings.backend === 'webgpu') ? 1 : availableParallelism();
}

/** One writing after the other, each of the records as they are when its turn comes. */
function resultsWriter(out: string, records: readonly RunRecord[]) {
  let last = Promise.resolve<readonly string[]>([]);
  return {
    write: (): void => {
      last = last.then(() => writeResults(out, records));
      // Whoever awaits the last one hears of a failure; until then it must not count as unheard.
      last.catch(() => undefined);
    },
    last: (): Promise<readonly string[]> => last,
  };
}
