// The WebAssembly engine: the kernels' memory, its threads, and plans of kernel calls that run without returning to
// JavaScript between kernels. The calling thread is thread 0; the loop that all threads share is kernels/engine.as.ts.
import { BackendError } from '../../errors.ts';
import { createHeap, type Heap } from './engine-heap.ts';
import { chooseRelaxed, chooseThreads } from './engine-options.ts';
import { type EngineWorker, startWorker } from './engine-workers.ts';
import type { KernelCall } from './kernels/call.ts';
import { compileKernels } from './module.ts';
import { wideVectors } from './wide-vectors.ts';

/** Calls laid out in the engine's memory. Belongs to the engine that loaded it. */
export interface LoadedPlan {
  readonly address: number;
  /** How many calls it has. */
  readonly count: number;
}

export interface WasmEngine {
  /** Grows: take views of `memory.buffer` anew after every `allocate` or `load`. */
  readonly memory: WebAssembly.Memory;
  readonly threads: number;
  readonly relaxedSimd: boolean;
  readonly sharedMemory: boolean;
  /** Pairs of 128-bit operations run as 256-bit ones. */
  readonly wideVectors: boolean;
  /** The 64-byte aligned address of a new block; its content is arbitrary. @throws BackendError `out-of-memory` */
  allocate(bytes: number): number;
  /** Gives a block back. @throws BackendError `bad-free` when no block in use starts there. */
  free(address: number): void;
  readonly allocatedBytes: number;
  /** Writes the calls into memory, once. @throws BackendError `unknown-kernel`, `out-of-memory` */
  load(calls: readonly KernelCall[]): LoadedPlan;
  /**
   * Runs calls [from, to), by default all, and returns when the last one is finished. Allocates nothing.
   * @throws BackendError `kernel-trap` when a kernel trapped; the engine can then only be disposed of.
   */
  run(plan: LoadedPlan, from?: number, to?: number): void;
  unload(plan: LoadedPlan): void;
  /** Stops the workers. Afterwards every method throws BackendError `engine-closed`. */
  dispose(): Promise<void>;
}

const PAGE = 65536;
const HEAP_START = 1 << 20; // the kernels' constants lie below
const ENTRY_BYTES = 16;
const CONTROL_BYTES = 256;

interface Exports {
  readonly engineRun: (control: number, table: number, from: number, to: number, parts: number) => number;
  readonly engineRunAlone: (table: number, from: number, to: number) => void;
  readonly engineStop: (control: number) => void;
  readonly table: WebAssembly.Table;
}

/**
 * Opens an engine.
 * @param options.threads default: the number of cores, at most 16; one where threads cannot share memory or wait.
 * @param options.relaxed false: the build without relaxed SIMD. Default: relaxed where the engine has it.
 * @param options.wide kernels made for wide vectors, or not. Default: where those are switched on (wide-vectors.ts). Elsewhere
 * they give the same numbers, slower.
 * @throws BackendError `bad-threads`, `no-threads`, `no-relaxed-simd`, `worker-failed`
 */
export async function openEngine(
  options: { readonly threads?: number; readonly relaxed?: boolean; readonly wide?: boolean } = {},
): Promise<WasmEngine> {
  const threads = chooseThreads(options.threads);
  const relaxed = chooseRelaxed(options.relaxed);
  const wide = options.wide ?? (relaxed && wideVectors().on);
  const build = await compileKernels({ relaxed });
  const { memory, maximum } = createMemory(build.sharedMemory);
  const instance = await WebAssembly.instantiate(build.module, { env: { memory } });
  const exports = instance.exports as unknown as Exports; // the module is ours
  const kernels = Object.keys(instance.exports)
    .filter((name) => typeof instance.exports[name] === 'function')
    .sort();
  const first = exports.table.grow(kernels.length);
  kernels.forEach((name, i) => {
    exports.table.set(first + i, instance.exports[name]);
  });
  const heap = createHeap(HEAP_START, {
    end: memory.buffer.byteLength,
    limit: maximum * PAGE,
    grow: (end) => growTo(memory, { end, maximum }),
  });
  const control = heap.allocate(CONTROL_BYTES);
  new Uint8Array(memory.buffer, control, CONTROL_BYTES).fill(0);
  const workers = Array.from({ length: threads - 1 }, (_, i) =>
    startWorker({ module: build.module, memory, kernels, control, part: i + 1, parts: threads }),
  );
  await allReady(workers, () => exports.engineStop(control));
  const indices = new Map(kernels.map((name, i) => [name, first + i]));
  return createEngine({ ...build, wideVectors: wide, threads, memory, heap, control, exports, indices, workers });
}

interface Parts {
  readonly relaxedSimd: boolean;
  readonly sharedMemory: boolean;
  readonly wideVectors: boolean;
  readonly threads: number;
  readonly memory: WebAssembly.Memory;
  readonly heap: Heap;
  readonly control: number;
  readonly exports: Exports;
  readonly indices: ReadonlyMap<string, number>;
  readonly workers: readonly EngineWorker[];
}

function createEngine({
  relaxedSimd,
  sharedMemory,
  wideVectors: wide,
  threads,
  memory,
  heap,
  control,
  exports,
  indices,
  workers,
}: Parts): WasmEngine {
  let state: 'open' | 'broken' | 'closed' = 'open';
  const check = (): void => {
    if (state === 'closed') throw new BackendError('engine-closed', 'wasm engine: it was disposed of. Open a new one.');
  };
  const trapped = (cause?: unknown): BackendError => {
    state = 'broken';
    const sentence =
      'wasm engine: a kernel trapped, and the threads cannot go on. Dispose of the engine and open a new one.';
    return new BackendError('kernel-trap', sentence, {}, { cause });
  };
  return {
    memory,
    threads,
    relaxedSimd,
    sharedMemory,
    wideVectors: wide,
    get allocatedBytes() {
      check();
      return heap.allocatedBytes;
    },
    allocate(bytes) {
      check();
      return heap.allocate(bytes);
    },
    free(address) {
      check();
      heap.free(address);
    },
    load(calls) {
      check();
      const address = heap.allocate(planBytes(calls));
      writePlan(new DataView(memory.buffer), address, calls, indices, threads);
      return { address, count: calls.length };
    },
    run(plan, from = 0, to = plan.count) {
      check();
      if (state === 'broken') throw trapped();
      if (!(from >= 0 && to <= plan.count)) {
        const sentence = `wasm engine: the plan has ${plan.count} calls; got the range [${from}, ${to}).`;
        throw new BackendError('bad-range', sentence, { from, to, count: plan.count });
      }
      let failed = 0;
      try {
        if (threads === 1) exports.engineRunAlone(plan.address, from, to);
        else failed = exports.engineRun(control, plan.address, from, to, threads);
      } catch (error) {
        throw trapped(error);
      }
      if (failed) throw trapped();
    },
    unload(plan) {
      check();
      heap.free(plan.address);
    },
    async dispose() {
      if (state === 'closed') return;
      state = 'closed';
      exports.engineStop(control);
      await Promise.all(workers.map((worker) => worker.ended()));
    },
  };
}

const argumentBytes = (call: KernelCall): number => Math.ceil(call.words.length / 4) * 16;

function planBytes(calls: readonly KernelCall[]): number {
  return calls.reduce((bytes, call) => bytes + ENTRY_BYTES + argumentBytes(call), 0);
}

/** The table of calls, and after it their argument blocks. */
function writePlan(
  view: DataView,
  address: number,
  calls: readonly KernelCall[],
  indices: ReadonlyMap<string, number>,
  threads: number,
): void {
  let args = address + calls.length * ENTRY_BYTES;
  calls.forEach((call, i) => {
    const index = indices.get(call.entry);
    if (index === undefined) {
      const sentence = `wasm engine: every call names an exported kernel; got "${call.entry}". Add it to kernels/index.as.ts.`;
      throw new BackendError('unknown-kernel', sentence, { entry: call.entry });
    }
    const entry = address + i * ENTRY_BYTES;
    view.setUint32(entry, index, true);
    view.setUint32(entry + 4, args, true);
    view.setUint32(entry + 8, call.parts ?? threads, true);
    view.setUint32(entry + 12, 0, true);
    call.words.forEach((word, w) => {
      if (typeof word === 'number') view.setUint32(args + 4 * w, word, true);
      else view.setFloat32(args + 4 * w, word.real, true);
    });
    args += argumentBytes(call);
  });
}

/** Waits for all workers; when one cannot start, the others end before the error goes on. */
async function allReady(workers: readonly EngineWorker[], stop: () => void): Promise<void> {
  const results = await Promise.allSettled(workers.map(({ ready }) => ready));
  const failure = results.find((result) => result.status === 'rejected');
  if (!failure) return;
  stop();
  throw failure.reason;
}

/** Shared memory reserves its maximum as address space, which small devices refuse: then less. */
function createMemory(shared: boolean): { readonly memory: WebAssembly.Memory; readonly maximum: number } {
  for (let maximum = 65536; ; maximum /= 2) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 32, maximum, shared }), maximum };
    } catch (error) {
      if (maximum <= 4096) throw error;
    }
  }
}

/** Grows in steps of 4 MiB at least, so that many small tensors do not each cost a system call. */
function growTo(
  memory: WebAssembly.Memory,
  { end, maximum }: { readonly end: number; readonly maximum: number },
): number | undefined {
  const current = memory.buffer.byteLength;
  const wanted = Math.ceil((end - current) / PAGE);
  const roomy = Math.min(maximum - current / PAGE, Math.max(wanted, 64));
  try {
    memory.grow(Math.max(wanted, roomy));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return memory.buffer.byteLength;
}
