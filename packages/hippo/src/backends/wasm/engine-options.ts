// What the engine makes of its options and of where it runs: the number of threads, and the build of the kernels.
import { BackendError } from '../../errors.ts';
import { canStartWorkers, nodeModule } from './engine-workers.ts';
import { hasRelaxedSimd } from './module.ts';

const MAX_THREADS = 16; // more threads than that wait for memory, not for arithmetic

/** How many threads to open: as asked, else one for each core. @throws BackendError `bad-threads`, `no-threads` */
export function chooseThreads(asked: number | undefined): number {
  const possible = canStartWorkers();
  if (asked === undefined) return possible ? Math.max(1, Math.min(MAX_THREADS, cores())) : 1;
  if (!Number.isInteger(asked) || asked < 1 || asked > 256) {
    throw new BackendError('bad-threads', `wasm engine: threads must be a whole number from 1 to 256; got ${asked}.`, {
      threads: asked,
    });
  }
  if (asked > 1 && !possible) {
    const sentence =
      `wasm engine: several threads need shared memory, and a thread that may wait; got threads ${asked} where one of ` +
      'these is missing. In a browser serve the page cross-origin isolated and open the engine in a worker, or leave threads out.';
    throw new BackendError('no-threads', sentence, { threads: asked });
  }
  return asked;
}

function cores(): number {
  return nodeModule('node:os')?.availableParallelism() ?? navigator.hardwareConcurrency;
}

/**
 * Whether to take the relaxed-SIMD build. Node 20 has relaxed SIMD behind a flag, which must be set before compiling and then
 * holds for all threads.
 * @throws BackendError `no-relaxed-simd`
 */
export function chooseRelaxed(asked: boolean | undefined): boolean {
  if (asked !== false && !hasRelaxedSimd()) {
    nodeModule('node:v8')?.setFlagsFromString('--experimental-wasm-relaxed-simd');
  }
  const has = hasRelaxedSimd();
  if (asked && !has) {
    throw new BackendError(
      'no-relaxed-simd',
      'wasm engine: this JavaScript engine has no relaxed SIMD; got { relaxed: true }. Leave it out.',
    );
  }
  return asked ?? has;
}
