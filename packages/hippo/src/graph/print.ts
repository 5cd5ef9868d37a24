// Print: a stable text of a graph, one node a line, numbered in order; snapshots and error reports use it.
import type { Graph } from './graph.ts';
import { type Attribute, formatType, type Node, type Value } from './value.ts';
import type { Variable } from './variable.ts';

export function printGraph(graph: Graph): string {
  const names = new Map<Value, string>();
  for (const node of graph.nodes) for (const value of node.outputs) names.set(value, `%${names.size}`);
  const name = (value: Value): string => names.get(value) ?? '%?';
  const lines = graph.nodes.map((node) => {
    const results = node.outputs.map((value) => `${name(value)}: ${formatType(value)}`).join(', ');
    const path = node.origin.path === '' ? '' : `  # ${node.origin.path}`;
    return `${results} = ${node.operation.name}(${node.inputs.map(name).join(', ')})${printAttributes(node)}${path}`;
  });
  for (const [key, value] of graph.outputs) lines.push(`return ${key} = ${name(value)}`);
  for (const [variable, value] of graph.assignments) lines.push(`assign ${variable.name} = ${name(value)}`);
  return lines.join('\n');
}

function printAttributes(node: Node): string {
  const entries = Object.entries(node.attributes).filter(
    ([key, value]) => value !== undefined && !(node.operation.leaf && (key === 'shape' || key === 'dtype')),
  );
  if (entries.length === 0) return '';
  return ` {${entries.map(([key, value]) => `${key}: ${printAttribute(value)}`).join(', ')}}`;
}

function printAttribute(value: Attribute): string {
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  if (ArrayBuffer.isView(value)) {
    const numbers = Array.from(value as Float64Array | Int32Array);
    return numbers.length <= 8
      ? `[${numbers.join(', ')}]`
      : `[${numbers.slice(0, 4).join(', ')}, … ${numbers.length} numbers]`;
  }
  if (typeof value === 'object') return 'name' in value ? `"${(value as Variable).name}"` : '{…}';
  return String(value);
}
