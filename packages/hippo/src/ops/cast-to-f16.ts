// f32 → f16, rounded to the nearest and to even (IEEE 754-2019, 4.3.1): how a backend keeps factors of matrix products in memory, so that
// reading them takes half the bytes. Only planning makes this node (plan/halve-factors.ts), for backends that ask for it; gradients
// were taken before.
import { operand, rule } from '../graph/rule.ts';
import type { Numbers, Operation } from '../graph/value.ts';
import { float16ToFloat, floatToFloat16 } from '../tensor/half-floats.ts';

/** Input [x f32], output [x f16]. */
export const castToF16Operation: Operation = {
  name: 'castToF16',
  elementwise: true,
  infer: (inputs) => {
    const { shape, dtype } = operand(inputs, 0);
    rule(dtype === 'f32', () => `takes f32; got ${dtype}.`);
    return [{ shape, dtype: 'f16' }];
  },
  reference: ([x]) => (x ? [roundToF16(x.data)] : []),
};

/** Inputs [x₁, x₂, …], outputs the same rounded: many weights in few dispatches. */
export const castAllToF16Operation: Operation = {
  name: 'castAllToF16',
  infer: (inputs) =>
    inputs.map(({ shape, dtype }) => {
      rule(dtype === 'f32', () => `takes f32; got ${dtype}.`);
      return { shape, dtype: 'f16' };
    }),
  reference: (inputs) => inputs.map(({ data }) => roundToF16(data)),
};

/** The numbers in half precision. */
export function roundToF16(numbers: Numbers): Float64Array {
  return Float64Array.from(numbers, (number) => float16ToFloat(floatToFloat16(number)));
}
