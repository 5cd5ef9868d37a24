// Epilogues: elementwise operations that alone read a kernel's result become part of that kernel, where the operation and the
// backend allow it (bias, GELU and residual of a matrix product). It runs after lowering, hence after gradients were taken.
import { countUses, type Graph } from '../graph/graph.ts';
import { rewrite } from '../graph/rewrite.ts';
import type { Node, Value } from '../graph/value.ts';
import { storageOf } from './fuse.ts';
import type { KernelTable, LoweredKernel } from './kernel.ts';

export function absorbEpilogues(graph: Graph, { epilogues }: KernelTable<LoweredKernel>): Graph {
  if (!epilogues) return graph;
  const uses = countUses(graph);
  /** Nobody but one reader sees the result, under whatever shapes it passes. */
  const isReadOnce = (value: Value): boolean => {
    if (uses.get(value) !== 1) return false;
    const [source] = value.node.operation.alias ? value.node.inputs : [];
    return source === undefined || isReadOnce(source);
  };
  const absorb = (node: Node, inputs: readonly Value[]): Value | undefined => {
    for (const [at, value] of inputs.entries()) {
      const producer = storageOf(value).node;
      const rule = epilogues.get(producer.operation.name);
      const before = node.inputs[at];
      const made = rule && before && isReadOnce(before) ? rule(producer, node, inputs, at) : undefined;
      if (made) return made;
    }
    return undefined;
  };
  const elementwiseReaders = countElementwiseReaders(graph);
  return rewrite(graph, (node, inputs) => {
    if (!node.operation.elementwise) return undefined;
    // Several elementwise readers would share one pass over memory with the node; without it they would need one each.
    if (node.outputs.some((value) => (elementwiseReaders.get(value) ?? 0) > 1)) return undefined;
    const made = absorb(node, inputs);
    return made && [made];
  });
}

function countElementwiseReaders(graph: Graph): ReadonlyMap<Value, number> {
  const readers = new Map<Value, number>();
  for (const { operation, inputs } of graph.nodes) {
    if (!operation.elementwise) continue;
    for (const value of new Set(inputs)) readers.set(value, (readers.get(value) ?? 0) + 1);
  }
  return readers;
}
