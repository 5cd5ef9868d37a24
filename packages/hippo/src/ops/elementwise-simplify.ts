// Identities of elementwise operations: constants fold, x + 0, x·1, x/1, x − 0, −−x. Nothing that would change a NaN or an
// infinity (x·0, x − x) is rewritten. A sum with the result of an operation that can add to a base takes that form.

import type { Value } from '../graph/value.ts';
import type { DType } from '../tensor/dtype.ts';
import { broadcastShapes, sameShape } from '../tensor/shape.ts';
import { filledWith, full } from './constant.ts';

type Evaluate = (a: number, b: number, c: number) => number;

/** Which constant in which operand leaves the other operand unchanged. */
const neutral: Readonly<Record<string, readonly { readonly operand: 0 | 1; readonly constant: number }[]>> = {
  add: [
    { operand: 0, constant: 0 },
    { operand: 1, constant: 0 },
  ],
  addI32: [
    { operand: 0, constant: 0 },
    { operand: 1, constant: 0 },
  ],
  sub: [{ operand: 1, constant: 0 }],
  mul: [
    { operand: 0, constant: 1 },
    { operand: 1, constant: 1 },
  ],
  div: [{ operand: 1, constant: 1 }],
  pow: [{ operand: 1, constant: 1 }],
};

export function simplifyElementwise(
  name: string,
  evaluate: Evaluate,
  result: DType,
  inputs: readonly Value[],
): Value | undefined {
  const fills = inputs.map(filledWith);
  if (fills.every((fill) => fill !== undefined)) {
    const shape = inputs.reduce<readonly number[]>((joint, input) => broadcastShapes(joint, input.shape) ?? joint, []);
    const [a = 0, b = 0, c = 0] = fills;
    return full(shape, result === 'f32' ? Math.fround(evaluate(a, b, c)) : evaluate(a, b, c), result);
  }
  for (const { operand, constant } of neutral[name] ?? []) {
    const [constantSide, otherSide] = [inputs[operand], inputs[1 - operand]];
    if (fills[operand] !== constant || !constantSide || !otherSide) continue;
    const shape = broadcastShapes(constantSide.shape, otherSide.shape);
    if (shape && sameShape(shape, otherSide.shape)) return otherSide;
  }
  const inner = inputs[0]?.node;
  if (name === 'neg' && inner?.operation.name === 'neg') return inner.inputs[0];
  return undefined;
}

/** a + b where one of them comes from an operation that can add to a base and is read here only. */
export function addInto(inputs: readonly Value[], onlyReader: readonly boolean[]): Value | undefined {
  for (const [index, base] of [
    [1, inputs[0]],
    [0, inputs[1]],
  ] as const) {
    const added = inputs[index];
    if (!added || !base || !onlyReader[index] || !sameShape(added.shape, base.shape)) continue;
    const { operation, inputs: operands, attributes } = added.node;
    const sum = operation.addTo?.(base, operands, attributes);
    if (sum) return sum;
  }
  return undefined;
}
