// Verify: states what a legal graph is, and is run after each pass in tests and with the `verify` option: types agree with the
// operations' rules, every value is made before it is used, names are unique, assignments have their variable's type.
import { VerifyError } from '../errors.ts';
import { sameShape } from '../tensor/shape.ts';
import type { Graph } from './graph.ts';
import { formatOrigin } from './trace.ts';
import { formatType, type Node, type Value, type ValueType } from './value.ts';

/** @throws VerifyError naming the pass, the node and the broken rule. */
export function verify(graph: Graph, pass = 'graph'): void {
  const made = new Set<Value>();
  const variables = new Set<string>();
  const fail = (code: string, node: Node, sentence: string): never => {
    throw new VerifyError(code, `after ${pass}: ${node.operation.name}${formatOrigin(node.origin)}: ${sentence}`, {
      pass,
    });
  };
  for (const node of graph.nodes) {
    node.inputs.forEach((value, index) => {
      if (!made.has(value))
        fail('dangling-value', node, `operand ${index} (%${value.id}) is not made by an earlier node.`);
    });
    const types = node.operation.infer(node.inputs, node.attributes);
    if (types.length !== node.outputs.length)
      fail('result-count', node, `has ${node.outputs.length} results, its rule gives ${types.length}.`);
    node.outputs.forEach((value, index) => {
      const expected = types[index];
      if (value.node !== node || value.output !== index)
        fail('result-owner', node, `result ${index} belongs to another node.`);
      if (expected && !sameType(value, expected))
        fail('result-type', node, `result ${index} is ${formatType(value)}, its rule gives ${formatType(expected)}.`);
      made.add(value);
    });
    if (node.operation.leaf === 'variable') {
      const { name } = node.attributes.variable as { name: string };
      if (variables.has(name)) fail('duplicate-read', node, `variable "${name}" is read by two leaves.`);
      variables.add(name);
    }
  }
  for (const [name, value] of graph.outputs) {
    if (!made.has(value))
      throw new VerifyError('dangling-output', `after ${pass}: output "${name}" is not made by any node.`);
  }
  for (const [variable, value] of graph.assignments) {
    if (!made.has(value))
      throw new VerifyError(
        'dangling-assignment',
        `after ${pass}: the value assigned to "${variable.name}" is not made by any node.`,
      );
    if (!sameType(variable, value))
      throw new VerifyError(
        'assign-type',
        `after ${pass}: "${variable.name}" is ${formatType(variable)}, its value ${formatType(value)}.`,
      );
  }
}

function sameType(a: ValueType, b: ValueType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}
