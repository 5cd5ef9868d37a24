// The program of a worker thread: one run, told over the port; `stop` ends it after the running step.
import { parentPort, workerData } from 'node:worker_threads';
import { HippoError } from 'hippo';
import { performRun } from './perform-run.ts';
import type { RunEvent, RunTask } from './run-task.ts';

const port = parentPort;
if (!port) throw new Error('synthetic: run-worker is the program of a worker thread.');
const controller = new AbortController();
port.on('message', () => controller.abort());
const tell = (event: RunEvent): void => port.postMessage(event);
try {
  // What a pool passes as workerData; see run-pool.ts.
  tell({ kind: 'end', ...(await performRun(workerData as RunTask, { tell, signal: controller.signal })) });
} catch (error) {
  if (!(error instanceof HippoError)) throw error;
  tell({ kind: 'failure', code: error.code, message: error.message });
}
port.close();
