// The kernels of the WebAssembly backend, alone. The engine is internal, so it is loaded from the built package by path.
import type * as EngineModule from '../../packages/hippo/dist/backends/wasm/engine.js';
import type * as MatmulModule from '../../packages/hippo/dist/backends/wasm/kernels/matmul.js';

const built = new URL('../../../packages/hippo/dist/backends/wasm/', import.meta.url);
const load = async <T>(path: string): Promise<T> => (await import(new URL(path, built).href)) as T;

export type Engine = Awaited<ReturnType<typeof EngineModule.openEngine>>;
/** The calls of the matrix product and of what packs its second operand. */
export type MatmulCalls = typeof MatmulModule;

export const loadMatmulCalls = (): Promise<MatmulCalls> => load<typeof MatmulModule>('kernels/matmul.js');

/** One engine for each number of threads. */
export async function openEngines(threads: readonly number[]): Promise<readonly Engine[]> {
  const { openEngine } = await load<typeof EngineModule>('engine.js');
  return Promise.all(threads.map((count) => openEngine({ threads: count })));
}
