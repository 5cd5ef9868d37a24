// Rebuilds a graph node by node, which is how every pass works: the visitor returns what replaces a node's results, given the
// already rebuilt inputs, or undefined to keep the node as it is.
import { VerifyError } from '../errors.ts';
import type { Graph } from './graph.ts';
import { applyOperation, assign, input, read, traceGraph, withOrigin } from './trace.ts';
import type { Node, Value } from './value.ts';
import type { Variable } from './variable.ts';

export type Visitor = (node: Node, inputs: readonly Value[]) => readonly Value[] | undefined;

export function rewrite(graph: Graph, visit: Visitor): Graph {
  return traceGraph(() => {
    const renamed = new Map<Value, Value>();
    const follow = (value: Value): Value => {
      const found = renamed.get(value);
      if (found) return found;
      throw new VerifyError(
        'dangling-value',
        `rewrite: value %${value.id} of ${value.node.operation.name} is used before it is made.`,
      );
    };
    for (const node of graph.nodes) {
      withOrigin(node.origin, () => {
        const inputs = node.inputs.map(follow);
        const replacement =
          rebuildLeaf(node) ?? visit(node, inputs) ?? applyOperation(node.operation, inputs, node.attributes);
        node.outputs.forEach((value, index) => {
          const made = replacement[index];
          if (made) renamed.set(value, made);
        });
      });
    }
    for (const [variable, value] of graph.assignments) assign(variable, follow(value));
    return Object.fromEntries([...graph.outputs].map(([name, value]) => [name, follow(value)]));
  });
}

function rebuildLeaf(node: Node): readonly Value[] | undefined {
  if (node.operation.leaf === 'input') {
    const [value] = node.outputs;
    return value && [input(String(node.attributes.name), value)];
  }
  if (node.operation.leaf === 'variable') return [read(node.attributes.variable as Variable)];
  return undefined;
}
