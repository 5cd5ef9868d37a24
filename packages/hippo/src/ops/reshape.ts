// Reshape: the same elements in the same order under another shape. Costs nothing: the plan lets both share memory.

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { elementCount, formatShape, type Shape, sameShape } from '../tensor/shape.ts';

export const reshapeOperation: Operation<{ readonly shape: Shape }> = {
  name: 'reshape',
  alias: true,
  infer: (inputs, { shape }) => {
    const input = operand(inputs, 0);
    rule(
      elementCount(shape) === elementCount(input.shape),
      () =>
        `the number of elements must stay ${elementCount(input.shape)}; got ${formatShape(input.shape)} → ${formatShape(shape)}.`,
    );
    return [{ shape, dtype: input.dtype }];
  },
  gradient: ({ inputs: [x], outputGradients: [g] }) => (x && g ? [reshape(g, x.shape)] : []),
  reference: ([x]) => (x ? [x.data] : []),
  simplify: ([x], { shape }) => {
    if (!x) return undefined;
    if (sameShape(x.shape, shape)) return x;
    const source = x.node.operation === reshapeOperation ? x.node.inputs[0] : undefined;
    return source && reshape(source, shape);
  },
};

/** `x` under another shape; at most one size may be −1 and is then worked out. */
export function reshape(x: Value, shape: Shape): Value {
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const resolved = shape.map((size) => (size === -1 ? elementCount(x.shape) / Math.max(known, 1) : size));
  return sameShape(x.shape, resolved) ? x : applySingle(reshapeOperation, [x], { shape: resolved });
}
