// Prune: drops nodes that no output and no assignment depends on. Inputs stay, so that a caller's signature never changes.
import { type Graph, results } from './graph.ts';
import type { Node } from './value.ts';

export function prune(graph: Graph): Graph {
  const needed = new Set<Node>();
  const mark = (node: Node): void => {
    const pending = [node];
    for (let next = pending.pop(); next; next = pending.pop()) {
      if (needed.has(next)) continue;
      needed.add(next);
      for (const value of next.inputs) pending.push(value.node);
    }
  };
  for (const value of results(graph)) mark(value.node);
  for (const value of graph.inputs.values()) mark(value.node);
  return { ...graph, nodes: graph.nodes.filter((node) => needed.has(node)) };
}
