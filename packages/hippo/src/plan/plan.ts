// The plan: a list of kernel calls with a place in memory for everything they touch. Running it allocates nothing.
import type { Graph } from '../graph/graph.ts';
import type { Value, ValueType } from '../graph/value.ts';
import type { Variable } from '../graph/variable.ts';
import type { LoweredKernel } from './kernel.ts';

/** Where a storage lives: in the plan's arena, in its table of constants, or in a variable of the store. */
export type Location =
  | { readonly space: 'arena' | 'constants'; readonly offset: number }
  | { readonly space: 'variable'; readonly variable: Variable };

export interface PlanStep<K extends LoweredKernel = LoweredKernel> {
  readonly kernel: K;
  /** The operations this step performs, in order. */
  readonly operations: readonly string[];
  readonly path: string;
  readonly source: string;
  readonly inputs: readonly Location[];
  /** Value types of the storages read. */
  readonly inputTypes: readonly ValueType[];
  /** Undefined: a result that nobody reads and the kernel skips. */
  readonly outputs: readonly (Location | undefined)[];
  /** Value types of the results, for checks of their numbers. */
  readonly outputTypes: readonly (ValueType | undefined)[];
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly arithmetic: number;
}

export interface Plan<K extends LoweredKernel = LoweredKernel> {
  readonly steps: readonly PlanStep<K>[];
  readonly inputs: ReadonlyMap<string, ValueType & { readonly location: Location }>;
  readonly outputs: ReadonlyMap<string, ValueType & { readonly location: Location }>;
  readonly variables: readonly Variable[];
  readonly constants: readonly { readonly offset: number; readonly value: Value }[];
  /** Where the tables of kernels lie among the constants, by key. */
  readonly tables: ReadonlyMap<string, number>;
  /** Of constants and tables. */
  readonly constantBytes: number;
  readonly arenaBytes: number;
  /** Bytes of the arena's pages; Infinity: it is one piece. */
  readonly pageBytes: number;
  /** Most bytes of the arena in use at one step: what a perfect placement would need. */
  readonly aliveBytes: number;
  /** The largest workspace of any step. */
  readonly workspaceBytes: number;
  readonly graph: Graph;
}
