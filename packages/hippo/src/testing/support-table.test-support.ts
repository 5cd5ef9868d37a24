// Which backend does what: asks the kernel tables about the nodes of every conformance case, as planning does, and writes the answers
// as the table of docs/support.md.
import { input, traceGraph } from '../graph/trace.ts';
import type { Node, Operation } from '../graph/value.ts';
import { operations } from '../ops/index.ts';
import type { KernelTable } from '../plan/kernel.ts';
import { conformanceCases } from './conformance-cases.ts';

const legend = `# What each backend does

From the kernel tables, asked about every case of the conformance suite (\`testing/support-table.test.ts\` compares, and
\`npx vitest run --project unit support-table --update\` writes it anew). All of it is tested against the reference.

- **kernel**: a kernel of its own.
- **fused**: an instruction of fused elementwise groups, or read through strides by them.
- **decomposed**: made of smaller operations, on the same device. *kernel / decomposed*: for some attributes or shapes.
- **–**: not there; planning fails and names the operation.
- **free**: other names for the same memory, or leaves; nothing to compute.

A GPU is asked about with the limits and features that every WebGPU device has.
`;

/** Every node of an operation that the conformance cases make. */
function nodesByOperation(): ReadonlyMap<string, readonly Node[]> {
  const found = new Map<string, Node[]>();
  for (const { inputs, build } of conformanceCases) {
    const { nodes } = traceGraph(
      () => build(...inputs.map(({ shape, dtype = 'f32' }, index) => input(`x${index}`, { shape, dtype }))),
      { captureSource: false },
    );
    for (const node of nodes) found.set(node.operation.name, [...(found.get(node.operation.name) ?? []), node]);
  }
  return found;
}

function supportOf(operation: Operation, nodes: readonly Node[], { fusion, ...kernels }: KernelTable): string {
  if (operation.leaf || operation.alias) return 'free';
  if (fusion && (operation.view || (operation.elementwise && fusion.has(operation.name)))) return 'fused';
  const having = nodes.filter((node) => kernels.operation(node) !== undefined).length;
  if (having === nodes.length && having > 0) return 'kernel';
  if (!operation.decompose) return having > 0 ? 'kernel / –' : '–';
  return having > 0 ? 'kernel / decomposed' : 'decomposed';
}

/** The whole document. */
export function supportTable(tables: readonly KernelTable[]): string {
  const nodes = nodesByOperation();
  const rows = operations.map((operation) => [
    `\`${operation.name}\``,
    ...tables.map((table) => supportOf(operation, nodes.get(operation.name) ?? [], table)),
  ]);
  const lines = [['operation', ...tables.map(({ backend }) => backend)], ['---', ...tables.map(() => '---')], ...rows];
  return `${legend}\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}
