// Halve: factors of matrix products that a backend would rather read as f16 are rounded once, where they are made or in a pass of their
// own, and read by halves from then on. A factor gains when two products read it (a weight forward and backward, an activation forward and
// in its weight's gradient) or when a fused group makes it, which then writes halves at no cost. Sums of such a factor (the gradient of a
// bias) read the halves too, and where nobody else reads it, a kernel that can writes nothing but them. Weights are rounded together, when
// the first of them is read.
import type { Graph } from '../graph/graph.ts';
import { rewrite } from '../graph/rewrite.ts';
import { applyOperation, applySingle, read } from '../graph/trace.ts';
import type { Node, Value } from '../graph/value.ts';
import type { Variable } from '../graph/variable.ts';
import { castAllToF16Operation, castToF16Operation } from '../ops/cast-to-f16.ts';
import { reshape } from '../ops/reshape.ts';
import { storageOf } from './fuse.ts';
import type { Halves, KernelTable, LoweredKernel } from './kernel.ts';

export function halveFactors(graph: Graph, { halves }: KernelTable<LoweredKernel>): Graph {
  if (!halves) return graph;
  const halved = halvedStorages(graph, halves);
  const readAs = (node: Node): readonly number[] => {
    const { wanted = [], accepted = [] } = halves(node);
    return [...new Set([...wanted, ...accepted])].filter((at) => halved.has(storageAt(node, at)));
  };
  const onlyHalves = readByHalvesOnly(graph, readAs);
  const rounded = new Map<Value | undefined, Value>();
  const weights = [...halved].flatMap((storage) => (storage?.node.operation.leaf === 'variable' ? [storage] : []));
  const roundWeights = (): void => {
    const sources = weights.map(({ node }) => read(node.attributes.variable as Variable));
    const halves = applyOperation(castAllToF16Operation, sources, {});
    weights.forEach((weight, at) => {
      rounded.set(weight, halves[at] as Value); // one result a source
    });
  };
  /** The rounded storage, under the shape in which it is read. */
  const halfOf = (value: Value, rebuilt: Value): Value => {
    const storage = storageOf(value);
    if (weights.includes(storage) && !rounded.has(storage)) roundWeights();
    const half = rounded.get(storage) ?? applySingle(castToF16Operation, [storageOf(rebuilt)], {});
    rounded.set(storage, half);
    return half.shape === value.shape ? half : reshape(half, value.shape);
  };
  return rewrite(graph, (node, inputs) => {
    const [result] = node.outputs;
    const { makes } = halves(node);
    const asHalf = readAs(node);
    const writes = makes !== undefined && halved.has(result) && onlyHalves.has(result);
    if (asHalf.length === 0 && !writes) return undefined;
    const operands = inputs.map((value, at) => (asHalf.includes(at) ? halfOf(node.inputs[at] as Value, value) : value));
    const outputs = applyOperation(node.operation, operands, writes ? makes : node.attributes);
    if (writes && outputs[0]) rounded.set(result, outputs[0]);
    return outputs;
  });
}

const storageAt = ({ inputs }: Node, at: number): Value | undefined => inputs[at] && storageOf(inputs[at]);

/** The storages that gain. */
function halvedStorages(graph: Graph, halves: (node: Node) => Halves): ReadonlySet<Value | undefined> {
  const readers = new Map<Value, number>();
  for (const node of graph.nodes) {
    for (const at of halves(node).wanted ?? []) {
      const storage = storageAt(node, at);
      if (storage) readers.set(storage, (readers.get(storage) ?? 0) + 1);
    }
  }
  const gains = ([{ node }, count]: readonly [Value, number]): boolean =>
    count > 1 || node.operation.elementwise === true || node.operation.view !== undefined;
  return new Set([...readers].filter(gains).map(([storage]) => storage));
}

/** Storages that every reader reads as f16. */
function readByHalvesOnly(graph: Graph, readAs: (node: Node) => readonly number[]): ReadonlySet<Value | undefined> {
  const others = new Set<Value>();
  const all = new Set<Value>();
  for (const node of graph.nodes) {
    if (node.operation.alias) continue;
    const asHalf = readAs(node);
    node.inputs.forEach((value, at) => {
      all.add(storageOf(value));
      if (!asHalf.includes(at)) others.add(storageOf(value));
    });
  }
  for (const value of [...graph.outputs.values(), ...graph.assignments.values()]) others.add(storageOf(value));
  return new Set([...all].filter((storage) => !others.has(storage)));
}
