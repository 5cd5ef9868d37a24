// What each elementwise operation is in WGSL.
import type { DType } from '../../../tensor/dtype.ts';

export interface ElementwiseExpression {
  readonly text: (...operands: string[]) => string;
  /** Type of the result; `operand`: that of the first operand. */
  readonly result: DType | 'operand';
  /** Functions of math.ts that the text calls. */
  readonly functions?: readonly string[];
}

const f32 = (text: ElementwiseExpression['text'], ...functions: string[]): ElementwiseExpression => ({
  text,
  result: 'f32',
  functions,
});

export const elementwiseExpressions: Readonly<Record<string, ElementwiseExpression>> = {
  copy: { text: (x) => x ?? '', result: 'operand' },
  neg: f32((x) => `-${x}`),
  abs: f32((x) => `abs(${x})`),
  add: f32((a, b) => `${a} + ${b}`),
  sub: f32((a, b) => `${a} - ${b}`),
  mul: f32((a, b) => `${a} * ${b}`),
  div: f32((a, b) => `${a} / ${b}`),
  castToF32: f32((x) => `f32(${x})`),
  addI32: { text: (a, b) => `${a} + ${b}`, result: 'i32' },
};
