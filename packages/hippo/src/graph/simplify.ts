// Simplify: asks each operation for a simpler value (constants fold, identities vanish) until none has one.
import { countUses, type Graph } from './graph.ts';
import { rewrite } from './rewrite.ts';
import { applyOperation } from './trace.ts';
import type { Value } from './value.ts';

export function simplify(graph: Graph): Graph {
  const uses = countUses(graph);
  return rewrite(graph, (node, inputs) => {
    if (node.operation.leaf || node.outputs.length !== 1) return undefined;
    const [made] = applyOperation(node.operation, inputs, node.attributes);
    const onlyReader = node.inputs.map((value) => uses.get(value) === 1);
    return made && [simplest(made, onlyReader)];
  });
}

function simplest(value: Value, onlyReader: readonly boolean[] = []): Value {
  const { operation, inputs, attributes, outputs } = value.node;
  const simpler = outputs.length === 1 ? operation.simplify?.(inputs, attributes, onlyReader) : undefined;
  return simpler && simpler !== value ? simplest(simpler) : value;
}
