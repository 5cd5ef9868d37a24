// What the benchmarks of single kernels share: the built engine, operands in its memory, interleaved rounds, medians.
import type * as EngineModule from '../../packages/hippo/dist/backends/wasm/engine.js';
import type { KernelCalls } from '../../packages/hippo/dist/backends/wasm/kernels/call.js';

export type Engine = Awaited<ReturnType<typeof EngineModule.openEngine>>;

// The kernels are internal, so they are loaded from the built package by path.
const built = new URL('../../../packages/hippo/dist/', import.meta.url);

/** A module of the built package. */
export async function load<T>(path: string): Promise<T> {
  return (await import(new URL(path, built).href)) as T;
}

/** One thread, so that figures are those of a core. */
export async function openEngine(): Promise<Engine> {
  const engine = await load<typeof EngineModule>('backends/wasm/engine.js');
  return await engine.openEngine({ threads: 1 });
}

/** `count` numbers uniform on [from, to), the same every time. */
export function noise(count: number, seed: number, [from, to]: readonly [number, number] = [-1, 1]): Float32Array {
  let state = Math.imul(seed + 1, 2654435761) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return from + ((to - from) * state) / 2 ** 32;
  });
}

/** A kernel with its operands in place. */
export interface Prepared {
  run(): void;
  output(index: number): Float32Array;
  release(): void;
}

/** Copies the operands into the engine's memory and makes the plan; undefined inputs are absent. */
export function prepare(
  engine: Engine,
  calls: KernelCalls,
  inputs: readonly (Float32Array | undefined)[],
  outputs: readonly number[],
): Prepared {
  const blocks: number[] = [];
  const allocate = (bytes: number): number => {
    const address = engine.allocate(Math.max(16, bytes));
    blocks.push(address);
    return address;
  };
  const put = (data: Float32Array): number => {
    const address = allocate(data.byteLength);
    new Float32Array(engine.memory.buffer, address, data.length).set(data);
    return address;
  };
  const at = {
    inputs: inputs.map((data) => (data ? put(data) : 0)),
    outputs: outputs.map((count) => allocate(count * 4)),
    workspace: allocate(calls.workspaceBytes(1)),
  };
  const plan = engine.load(calls.calls(at, 1));
  return {
    run: () => engine.run(plan),
    output: (index) => new Float32Array(engine.memory.buffer, at.outputs[index] ?? 0, outputs[index] ?? 0).slice(),
    release() {
      engine.unload(plan);
      for (const address of blocks) engine.free(address);
    },
  };
}

/** The largest error, relative to the largest magnitude. */
export function relativeError(got: Float32Array, want: ArrayLike<number>): number {
  let [scale, worst] = [1e-30, 0];
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs((got[i] ?? Number.NaN) - (want[i] ?? 0));
    scale = Math.max(scale, Math.abs(want[i] ?? 0));
    if (!(error <= worst)) worst = error;
  }
  return worst / scale;
}

export const median = (values: readonly number[]): number =>
  [...values].sort((x, y) => x - y)[values.length >> 1] ?? Number.NaN;

/** Processor time of this program in milliseconds, which leaves out when others had the core. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Seconds of each kernel: least and median over rounds in which all take turns of a few milliseconds at least. */
export function timeInTurns(
  kernels: readonly Prepared[],
  rounds: number,
): readonly { readonly median: number; readonly best: number }[] {
  const repeats = kernels.map((kernel) => {
    kernel.run();
    const start = processorTime();
    for (let i = 0; i < 4; i++) kernel.run();
    return Math.max(1, Math.ceil(12 / Math.max(0.001, processorTime() - start)));
  });
  const times: number[][] = kernels.map(() => []);
  for (let round = -1; round < rounds; round++) {
    for (const [index, kernel] of kernels.entries()) {
      const count = repeats[index] ?? 1;
      const start = processorTime();
      for (let i = 0; i < count; i++) kernel.run();
      if (round >= 0) times[index]?.push((processorTime() - start) / count / 1000);
    }
  }
  return times.map((list) => ({ median: median(list), best: Math.min(...list) }));
}
