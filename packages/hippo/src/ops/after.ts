// The identity of one value that may be read only when others are there: orders the steps of a plan and costs nothing.
import { operand } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';

export const afterOperation: Operation = {
  name: 'after',
  alias: true,
  infer: (inputs) => [operand(inputs, 0)].map(({ shape, dtype }) => ({ shape, dtype })),
  gradient: ({ outputGradients: [g] }) => [g],
  reference: ([x]) => (x ? [x.data] : []),
};

/** `x`, which nothing reads before `signals` are computed. */
export function after(x: Value, signals: readonly Value[]): Value {
  return applySingle(afterOperation, [x, ...signals], {});
}
