// The engine's other threads: Node's worker_threads or the browser's Worker behind one small interface. A worker's
// JavaScript only puts the kernels on the shared memory and enters `engineWorker`, which returns to the event loop when the
// engine stops and not before. Nothing of Node is imported by name, since this file is bundled for browsers too.
import { BackendError } from '../../errors.ts';

/** What a worker needs to take part. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Exported kernels in the order of the function table. */
  readonly kernels: readonly string[];
  readonly control: number;
  readonly part: number;
  readonly parts: number;
}

export interface EngineWorker {
  /** Settles when the worker waits for its first call. @throws BackendError `worker-failed` */
  readonly ready: Promise<void>;
  /** Settles when the thread, told to stop, has ended. */
  ended(): Promise<void>;
}

// A trap in a kernel must not leave thread 0 waiting: engineFail counts the part as done and raises a flag. The rethrown error
// ends the thread.
const life = `(start, tell) => {
  const { module, memory, kernels, control, part, parts } = start;
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const first = exports.table.grow(kernels.length);
  kernels.forEach((name, i) => exports.table.set(first + i, exports[name]));
  tell('ready');
  try {
    exports.engineWorker(control, part, parts);
  } catch (error) {
    exports.engineFail(control);
    throw error;
  }
}`;

/** True where this thread can start workers and wait for them. */
export function canStartWorkers(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false;
  if (nodeModule('node:worker_threads')) return true;
  return typeof Worker !== 'undefined' && typeof Blob !== 'undefined' && mayBlock();
}

interface NodeModules {
  readonly 'node:fs': typeof import('node:fs');
  readonly 'node:os': typeof import('node:os');
  readonly 'node:v8': typeof import('node:v8');
  readonly 'node:worker_threads': typeof import('node:worker_threads');
}

/** A module of Node, or undefined where there is no Node. */
export function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | undefined {
  return typeof process === 'undefined' ? undefined : process.getBuiltinModule?.(name);
}

/** False on a browser's main thread, which may not wait. */
function mayBlock(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

export function startWorker(start: WorkerStart): EngineWorker {
  return nodeModule('node:worker_threads') ? startNodeWorker(start) : startBrowserWorker(start);
}

function startNodeWorker(start: WorkerStart): EngineWorker {
  const threads = nodeModule('node:worker_threads');
  if (!threads) throw new Error('not in Node');
  const source = `const { workerData, parentPort } = process.getBuiltinModule('node:worker_threads');
(${life})(workerData, (word) => parentPort.postMessage(word));`;
  const worker = new threads.Worker(source, { eval: true, workerData: start, execArgv: [], stdin: false });
  const exit = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const ready = new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve());
    // Later errors are traps, which thread 0 learns of through the control block; the listener stays so that none is uncaught.
    worker.on('error', (error) => reject(startFailed(start, error)));
  }).finally(() => worker.unref());
  return {
    ready,
    async ended() {
      worker.ref();
      await exit;
    },
  };
}

function startBrowserWorker(start: WorkerStart): EngineWorker {
  const source = `onmessage = ({ data }) => {
  try { (${life})(data, postMessage); } finally { postMessage('ended'); close(); }
};`;
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(url);
  let hasEnded = (): void => undefined;
  const exit = new Promise<void>((resolve) => {
    hasEnded = resolve;
  });
  const ready = new Promise<void>((resolve, reject) => {
    worker.onmessage = ({ data }) => (data === 'ready' ? resolve() : hasEnded());
    worker.onerror = (event) => reject(startFailed(start, event.message));
  }).finally(() => URL.revokeObjectURL(url));
  worker.postMessage(start);
  return {
    ready,
    async ended() {
      await exit;
      worker.terminate();
    },
  };
}

function startFailed({ part, parts }: WorkerStart, cause: unknown): BackendError {
  const sentence =
    `wasm engine: every thread must start; thread ${part + 1} of ${parts} did not: ${String(cause)}. ` +
    'Open the engine with fewer threads, or with { threads: 1 }.';
  return new BackendError('worker-failed', sentence, { part, parts }, { cause });
}
