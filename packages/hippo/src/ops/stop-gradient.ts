// The identity, whose gradient is zero.
import { operand } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';

export const stopGradientOperation: Operation = {
  name: 'stopGradient',
  alias: true,
  infer: (inputs) => [operand(inputs, 0)].map(({ shape, dtype }) => ({ shape, dtype })),
  gradient: () => [],
  reference: ([x]) => (x ? [x.data] : []),
};

/** `x`, through which no gradient flows. */
export function stopGradient(x: Value): Value {
  return applySingle(stopGradientOperation, [x], {});
}
