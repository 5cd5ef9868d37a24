// Simplify: asks each operation for a simpler value (constants fold, identities vanish) until none has one.
import type { Graph } from './graph.ts';
import { rewrite } from './rewrite.ts';
import { applyOperation } from './trace.ts';
import type { Value } from './value.ts';

export function simplify(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    if (node.operation.leaf || node.outputs.length !== 1) return undefined;
    const [made] = applyOperation(node.operation, inputs, node.attributes);
    return made && [simplest(made)];
  });
}

function simplest(value: Value): Value {
  const { operation, inputs, attributes, outputs } = value.node;
  const simpler = outputs.length === 1 ? operation.simplify?.(inputs, attributes) : undefined;
  return simpler && simpler !== value ? simplest(simpler) : value;
}
