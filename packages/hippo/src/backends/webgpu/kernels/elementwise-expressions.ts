// What each elementwise operation is in WGSL: one text for f32 and for vec4<f32>. Functions with a # come from math.ts.
import type { DType } from '../../../tensor/dtype.ts';

export interface ElementwiseExpression {
  /** # stands for the number of lanes, F for the type of floats, I for that of integers, H for that of halves. */
  readonly text: (...operands: string[]) => string;
  /** Type of the result; `operand`: that of the first operand. */
  readonly result: DType | 'operand';
}

const f32 = (text: ElementwiseExpression['text']): ElementwiseExpression => ({ text, result: 'f32' });
const unary = (name: string): ElementwiseExpression => f32((x) => `${name}(${x})`);
const binary = (name: string): ElementwiseExpression => f32((a, b) => `${name}(${a}, ${b})`);
const comparison = (operator: string): ElementwiseExpression =>
  f32((a, b) => `select(F(0.0), F(1.0), ${a} ${operator} ${b})`);

export const elementwiseExpressions: Readonly<Record<string, ElementwiseExpression>> = {
  copy: { text: (x) => x ?? '', result: 'operand' },
  neg: f32((x) => `-${x}`),
  abs: unary('abs'),
  exp: unary('exp#'),
  log: unary('log#'),
  log1p: unary('log1p#'),
  sqrt: unary('sqrt'),
  rsqrt: f32((x) => `1.0 / sqrt(${x})`),
  reciprocal: f32((x) => `1.0 / ${x}`),
  sin: unary('sin#'),
  cos: unary('cos#'),
  tanh: unary('tanh#'),
  sigmoid: unary('sigmoid#'),
  erf: unary('erf#'),
  // NaN is not ≤ 0 and stays.
  relu: f32((x) => `select(${x}, F(0.0), ${x} <= F(0.0))`),
  gelu: unary('gelu#'),
  geluDerivative: unary('geluDerivative#'),
  sign: f32((x) => `select(select(${x}, F(1.0), ${x} > F(0.0)), F(-1.0), ${x} < F(0.0))`),
  floor: unary('floor'),
  add: f32((a, b) => `${a} + ${b}`),
  sub: f32((a, b) => `${a} - ${b}`),
  mul: f32((a, b) => `${a} * ${b}`),
  div: f32((a, b) => `${a} / ${b}`),
  maximum: binary('maximum#'),
  minimum: binary('minimum#'),
  pow: binary('pow#'),
  atan2: binary('atan2#'),
  less: comparison('<'),
  lessEqual: comparison('<='),
  equal: comparison('=='),
  // NaN is not 0 and takes the first branch.
  select: f32((condition, a, b) => `select(${a}, ${b}, ${condition} == F(0.0))`),
  castToF32: f32((x) => `F(${x})`),
  castToI32: { text: (x) => `I(${x})`, result: 'i32' },
  castToF16: { text: (x) => `H(${x})`, result: 'f16' },
  addI32: { text: (a, b) => `${a} + ${b}`, result: 'i32' },
};
