// Halve: factors of matrix products that a backend would rather read as f16 are rounded once, where they are made or in a pass of their
// own, and read by halves from then on. A factor gains when two products read it (a weight forward and backward, an activation forward and
// in its weight's gradient) or when a fused group makes it, which then writes halves at no cost.
import type { Graph } from '../graph/graph.ts';
import { rewrite } from '../graph/rewrite.ts';
import { applyOperation, applySingle } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { castToF16Operation } from '../ops/cast-to-f16.ts';
import { reshape } from '../ops/reshape.ts';
import { storageOf } from './fuse.ts';
import type { KernelTable, LoweredKernel } from './kernel.ts';

export function halveFactors(graph: Graph, kernels: KernelTable<LoweredKernel>): Graph {
  if (!kernels.halves) return graph;
  const readers = new Map<Value, number>();
  for (const node of graph.nodes) {
    for (const at of kernels.halves(node)) {
      const value = node.inputs[at];
      if (value) readers.set(storageOf(value), (readers.get(storageOf(value)) ?? 0) + 1);
    }
  }
  const isWorth = (storage: Value): boolean => {
    const { elementwise, view } = storage.node.operation;
    return (readers.get(storage) ?? 0) > 1 || elementwise === true || view !== undefined;
  };
  const halved = new Map<Value, Value>();
  /** The rounded storage, under the shape in which it is read. */
  const halfOf = (value: Value): Value => {
    const storage = storageOf(value);
    const half = halved.get(storage) ?? applySingle(castToF16Operation, [storage], {});
    halved.set(storage, half);
    return half.shape === value.shape ? half : reshape(half, value.shape);
  };
  return rewrite(graph, (node, inputs) => {
    const gaining = (kernels.halves?.(node) ?? []).filter((at) => isWorth(storageOf(node.inputs[at] as Value)));
    if (gaining.length === 0) return undefined;
    const operands = inputs.map((value, at) => (gaining.includes(at) ? halfOf(value) : value));
    return applyOperation(node.operation, operands, node.attributes);
  });
}
