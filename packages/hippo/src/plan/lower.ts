// Lower: every node must have a kernel of the backend, else its decomposition takes its place, else planning fails by name.
import { BackendError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { rewrite } from '../graph/rewrite.ts';
import { formatOrigin } from '../graph/trace.ts';
import type { Node } from '../graph/value.ts';
import type { KernelTable, LoweredKernel } from './kernel.ts';

/** @throws BackendError `no-kernel` naming the operation, the place and the backend. */
export function lower(graph: Graph, kernels: KernelTable<LoweredKernel>): Graph {
  let lowered = graph;
  while (lowered.nodes.some((node) => !isSupported(node, kernels))) {
    lowered = rewrite(lowered, (node, inputs) => {
      if (isSupported(node, kernels)) return undefined;
      const { operation, attributes } = node;
      if (operation.decompose) return operation.decompose(inputs, attributes);
      throw new BackendError(
        'no-kernel',
        `${operation.name}${formatOrigin(node.origin)}: the ${kernels.backend} backend has no kernel for it and it has no decomposition. Use another backend, or add one (CONTRIBUTING.md, "Add an operation").`,
        { operation: operation.name, backend: kernels.backend },
      );
    });
  }
  return lowered;
}

function isSupported(node: Node, kernels: KernelTable<LoweredKernel>): boolean {
  const { operation } = node;
  if (operation.leaf || operation.alias) return true;
  if (kernels.fusion && (operation.view || (operation.elementwise && kernels.fusion.has(operation.name)))) return true;
  return kernels.operation(node) !== undefined;
}
