// A finished trace: nodes in an order that respects their inputs, and what goes in and out. Assignments are the only effects,
// and all of them happen at the end of a run, so the nodes in between are pure.
import type { Node, Value } from './value.ts';
import type { Variable } from './variable.ts';

export interface Graph {
  readonly nodes: readonly Node[];
  readonly inputs: ReadonlyMap<string, Value>;
  readonly outputs: ReadonlyMap<string, Value>;
  readonly assignments: ReadonlyMap<Variable, Value>;
}

/** Everything the graph must produce: its outputs and the assigned values. */
export function results(graph: Graph): readonly Value[] {
  return [...graph.outputs.values(), ...graph.assignments.values()];
}

/** How many times each value is read, by nodes and as a result. */
export function countUses(graph: Graph): ReadonlyMap<Value, number> {
  const uses = new Map<Value, number>();
  const use = (value: Value): void => void uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of graph.nodes) node.inputs.forEach(use);
  results(graph).forEach(use);
  return uses;
}
