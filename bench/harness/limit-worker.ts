// A thread of the measurement of the machine's limits (machine.ts): on a message runs one kernel for a while and posts its rate.
import { parentPort } from 'node:worker_threads';
import { compileLimitKernels, type LimitKernels, OPERATIONS_A_ROUND } from './limit-kernels.ts';

/** What the parent asks for. */
export interface LimitRequest {
  readonly kind: 'multiplyAdd' | 'read' | 'readCached' | 'copy';
  readonly milliseconds: number;
}

const HALF = 96 * 2 ** 20; // bytes; beyond the last-level cache
const CACHED = 8 * 2 ** 20;
const ROUNDS = 20_000;

/** One piece of work, and how much it is: operations, or bytes. */
function work(
  kernels: LimitKernels,
  kind: LimitRequest['kind'],
): { readonly amount: number; readonly run: () => void } {
  if (kind === 'multiplyAdd')
    return { amount: ROUNDS * OPERATIONS_A_ROUND, run: () => void kernels.multiplyAdd(ROUNDS) };
  if (kind === 'read') return { amount: 2 * HALF, run: () => void kernels.read(2 * HALF) };
  if (kind === 'readCached') return { amount: CACHED, run: () => void kernels.read(CACHED) };
  return { amount: 2 * HALF, run: () => kernels.copy(HALF, 0, HALF) }; // read and written
}

const kernels = await compileLimitKernels((2 * HALF) / 65536);
new Uint8Array(kernels.memory.buffer).fill(1); // untouched pages would all be one page of zeros
parentPort?.on('message', ({ kind, milliseconds }: LimitRequest) => {
  const { amount, run } = work(kernels, kind);
  const start = performance.now();
  let [done, seconds] = [0, 0];
  do {
    run();
    done += amount;
    seconds = (performance.now() - start) / 1000;
  } while (seconds * 1000 < milliseconds);
  parentPort?.postMessage(done / seconds);
});
