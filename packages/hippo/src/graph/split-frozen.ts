// Split: what depends on frozen variables alone (a model's weights while it generates) is computed once and kept in hidden
// variables; the rest of the graph reads those. State-space poles and kernels are such values: without this, each token would
// discretise every layer again.
import type { Graph } from './graph.ts';
import { results } from './graph.ts';
import { rewrite } from './rewrite.ts';
import { applyOperation, read } from './trace.ts';
import type { Node, Value } from './value.ts';
import { stateVariable, type Variable } from './variable.ts';

export interface SplitGraph {
  /** Fills the hidden variables. */
  readonly once: Graph;
  /** Reads them; to be run again and again. */
  readonly each: Graph;
  readonly hidden: readonly Variable[];
}

/**
 * @param frozen variables that keep their content; those the graph assigns are left out.
 * @param prefix begins the hidden variables' names.
 */
export function splitFrozen(graph: Graph, frozen: ReadonlySet<Variable>, prefix: string): SplitGraph {
  const { still, worth } = frozenNodes(graph, frozen);
  const boundary = new Map<Value, Variable>();
  const keep = (value: Value): void => {
    if (!worth.has(value.node) || boundary.has(value) || value.dtype !== 'f32') return;
    boundary.set(value, stateVariable(`${prefix}.frozen${boundary.size}`, value.shape));
  };
  for (const node of graph.nodes) if (!still.has(node)) node.inputs.forEach(keep);
  results(graph).forEach(keep);
  const each = rewrite(graph, (node, inputs) => {
    if (!node.outputs.some((value) => boundary.has(value))) return undefined;
    const made = node.outputs.every((value) => boundary.has(value))
      ? []
      : applyOperation(node.operation, inputs, node.attributes);
    return node.outputs.map((value, index) => {
      const variable = boundary.get(value);
      return variable ? read(variable) : (made[index] as Value);
    });
  });
  const assignments = new Map([...boundary].map(([value, variable]) => [variable, value]));
  const once: Graph = {
    nodes: graph.nodes.filter((node) => still.has(node)),
    inputs: new Map(),
    outputs: new Map(),
    assignments,
  };
  return { once, each, hidden: [...boundary.values()] };
}

/** Nodes that depend on frozen variables and constants alone, and those among them with work behind them. */
function frozenNodes(graph: Graph, frozen: ReadonlySet<Variable>) {
  const still = new Set<Node>();
  const worth = new Set<Node>();
  for (const node of graph.nodes) {
    const { leaf, alias, view } = node.operation;
    if (leaf === 'input') continue;
    if (leaf === 'variable') {
      const variable = node.attributes.variable as Variable;
      if (frozen.has(variable) && !graph.assignments.has(variable)) still.add(node);
      continue;
    }
    if (!node.inputs.every((value) => still.has(value.node))) continue;
    still.add(node);
    // Another arrangement of a weight is no work; of a result it is as good as the result. Constants fold by themselves.
    const own = !leaf && !alias && !view && node.inputs.some((value) => value.node.operation.leaf !== 'constant');
    if (own || node.inputs.some((value) => worth.has(value.node))) worth.add(node);
  }
  return { still, worth };
}
