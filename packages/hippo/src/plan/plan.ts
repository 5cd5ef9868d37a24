// The plan: a list of kernel calls with a place in memory for everything they touch. Running it allocates nothing.
import type { Graph } from '../graph/graph.ts';
import { prune } from '../graph/prune.ts';
import { share } from '../graph/share.ts';
import { simplify } from '../graph/simplify.ts';
import { verify } from '../graph/verify.ts';
import type { Value, ValueType } from '../graph/value.ts';
import type { Variable } from '../graph/variable.ts';
import { assignMemory } from './assign-memory.ts';
import type { KernelTable, LoweredKernel } from './kernel.ts';
import { lower } from './lower.ts';
import { schedule } from './schedule.ts';

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
  readonly constantBytes: number;
  readonly arenaBytes: number;
  /** The largest workspace of any step. */
  readonly workspaceBytes: number;
  readonly graph: Graph;
}

/** Lowers, fuses, schedules and places a traced graph. With `verify` the graph is checked after each pass. */
export function makePlan<K extends LoweredKernel>(traced: Graph, kernels: KernelTable<K>, options: { readonly verify?: boolean } = {}): Plan<K> {
  const check = (graph: Graph, pass: string): Graph => {
    if (options.verify) verify(graph, pass);
    return graph;
  };
  let graph = check(traced, 'trace');
  graph = check(simplify(graph), 'simplify');
  graph = check(share(graph), 'share');
  graph = check(prune(graph), 'prune');
  graph = check(prune(lower(graph, kernels)), 'lower');
  return assignMemory(graph, schedule(graph, kernels));
}
