// Subsume: a gradient that computes its forward operation's results on the way (the logits of a loss) gives them too, and then
// the forward node need not run at all. Where such a gradient node does not depend on the forward node, its results take the
// place of the forward's; prune then finds the forward unread.
import type { Graph } from './graph.ts';
import { rewrite } from './rewrite.ts';
import { applyOperation } from './trace.ts';
import type { Attributes, Node, Value } from './value.ts';

export function subsume(graph: Graph): Graph {
  const replacedBy = new Map<Node, Node>();
  let nodes = graph.nodes;
  for (const node of graph.nodes) {
    const forward = node.operation.subsumes && nodes.find((other) => isForwardOf(other, node));
    if (!forward || replacedBy.has(forward)) continue;
    const before = ancestors(node);
    if (before.has(forward)) continue;
    replacedBy.set(forward, node);
    nodes = movedBefore(nodes, forward, before);
  }
  if (replacedBy.size === 0) return graph;
  const made = new Map<Node, readonly Value[]>();
  return rewrite({ ...graph, nodes }, (node, inputs) => {
    const gradient = replacedBy.get(node);
    if (gradient) return gradient.operation.subsumes?.outputs.map((index) => made.get(gradient)?.[index] as Value);
    if (!node.operation.subsumes) return undefined;
    const outputs = applyOperation(node.operation, inputs, node.attributes);
    made.set(node, outputs);
    return outputs;
  });
}

/** Whether `forward` applies the operation that `gradient` subsumes to the same operands, and all its results are given. */
function isForwardOf(forward: Node, gradient: Node): boolean {
  const { subsumes } = gradient.operation;
  return (
    forward.operation === subsumes?.operation &&
    forward.outputs.length === subsumes.outputs.length &&
    forward.inputs.every((value, index) => gradient.inputs[index] === value) &&
    sameAttributes(forward.attributes, gradient.attributes)
  );
}

function sameAttributes(a: Attributes, b: Attributes): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => Object.is(a[name], b[name]));
}

/** The node and everything it depends on. */
function ancestors(node: Node): ReadonlySet<Node> {
  const found = new Set<Node>();
  const pending = [node];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    for (const value of next.inputs) pending.push(value.node);
  }
  return found;
}

/** The same nodes with those in `moved` (closed under dependencies) in front of `mark`, both parts in their old order. */
function movedBefore(nodes: readonly Node[], mark: Node, moved: ReadonlySet<Node>): readonly Node[] {
  const at = nodes.indexOf(mark);
  const later = nodes.slice(at);
  return [
    ...nodes.slice(0, at),
    ...later.filter((node) => moved.has(node)),
    ...later.filter((node) => !moved.has(node)),
  ];
}
