// Elementwise operations: one row each. Operands broadcast by NumPy's rule; a row says its dtypes, its definition in plain
// numbers and its gradient. Backends map the row's name to an instruction (a bytecode, a line of shader text).

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type {
  Attributes,
  GradientContext,
  Numbers,
  NumbersWithShape,
  Operation,
  Value,
  ValueType,
} from '../graph/value.ts';
import type { DType } from '../tensor/dtype.ts';
import { broadcastShapes, broadcastStrides, elementCount, formatShape } from '../tensor/shape.ts';
import { erf as erfOf, geluTanh, geluTanhDerivative } from '../tensor/special.ts';
import { asValue, type Operand } from './constant.ts';
import { addInto, simplifyElementwise } from './elementwise-simplify.ts';
import { joinPads } from './join-pads.ts';
import { sumTo } from './sum.ts';

export interface ElementwiseOperation extends Operation {
  readonly elementwise: true;
  /** The definition for one element. */
  readonly evaluate: (a: number, b: number, c: number) => number;
}

type GradientRule = (gradient: Value, inputs: readonly Value[], output: Value) => readonly (Value | undefined)[];

interface Row {
  readonly name: string;
  readonly operands: readonly DType[];
  readonly result: DType;
  readonly evaluate: (a: number, b: number, c: number) => number;
  /** Absent: not differentiable. `zero`: the derivative is zero wherever it exists. */
  readonly gradient?: GradientRule | 'zero';
}

function define(row: Row): ElementwiseOperation {
  const { gradient } = row;
  const rules: Pick<ElementwiseOperation, 'gradient'> = gradient
    ? { gradient: (context: GradientContext<Attributes>) => applyGradientRule(gradient, context) }
    : {};
  return {
    name: row.name,
    elementwise: true,
    evaluate: row.evaluate,
    infer: (inputs) => [inferBroadcast(inputs, row)],
    reference: (inputs, _, [output]) => [evaluateAll(row, inputs, output)],
    simplify: (inputs, _, onlyReader) =>
      simplifyElementwise(row.name, row.evaluate, row.result, inputs) ??
      (row.name === 'add' ? (addInto(inputs, onlyReader) ?? joinPads(inputs, onlyReader)) : undefined),
    ...rules,
  };
}

function inferBroadcast(inputs: readonly ValueType[], row: Row): ValueType {
  rule(inputs.length === row.operands.length, () => `takes ${row.operands.length} operands; got ${inputs.length}.`);
  let shape: readonly number[] = [];
  row.operands.forEach((dtype, index) => {
    const input = operand(inputs, index);
    rule(input.dtype === dtype, () => `operand ${index} must be ${dtype}; got ${input.dtype}. Cast it first.`);
    const joint = broadcastShapes(shape, input.shape);
    rule(
      joint !== undefined,
      () =>
        `shapes must be equal or broadcast (aligned right, sizes equal or 1); got ${inputs.map((v) => formatShape(v.shape)).join(' and ')}.`,
    );
    shape = joint;
  });
  return { shape, dtype: row.result };
}

function applyGradientRule(gradient: GradientRule | 'zero', context: GradientContext<Attributes>) {
  const [outputGradient] = context.outputGradients;
  const [output] = context.outputs;
  if (gradient === 'zero' || !outputGradient || !output) return [];
  return gradient(outputGradient, context.inputs, output).map((value, index) => {
    const input = context.inputs[index];
    return value && input && context.needs[index] ? sumTo(value, input.shape) : undefined;
  });
}

function evaluateAll(row: Row, inputs: readonly NumbersWithShape[], output: ValueType | undefined): Numbers {
  const shape = output?.shape ?? [];
  const count = elementCount(shape);
  const result: Numbers = row.result === 'f32' ? new Float64Array(count) : new Int32Array(count);
  const strides = inputs.map((input) => broadcastStrides(input.shape, shape));
  const index = new Array<number>(shape.length).fill(0);
  const at = inputs.map(() => 0);
  for (let i = 0; i < count; i++) {
    result[i] = row.evaluate(
      inputs[0]?.data[at[0] ?? 0] ?? 0,
      inputs[1]?.data[at[1] ?? 0] ?? 0,
      inputs[2]?.data[at[2] ?? 0] ?? 0,
    );
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const position = (index[axis] ?? 0) + 1;
      const wraps = position === shape[axis];
      index[axis] = wraps ? 0 : position;
      for (let k = 0; k < at.length; k++) {
        const stride = strides[k]?.[axis] ?? 0;
        at[k] = (at[k] ?? 0) + (wraps ? -stride * (position - 1) : stride);
      }
      if (!wraps) break;
    }
  }
  return result;
}

const one = (evaluate: (a: number) => number, gradient?: GradientRule | 'zero') => ({
  operands: ['f32'] as const,
  result: 'f32' as const,
  evaluate,
  ...(gradient && { gradient }),
});
const two = (evaluate: (a: number, b: number) => number, gradient?: GradientRule | 'zero') => ({
  operands: ['f32', 'f32'] as const,
  result: 'f32' as const,
  evaluate,
  ...(gradient && { gradient }),
});

/** Applies a unary gradient of the form g · f(x, y). */
const chain =
  (local: (x: Value, y: Value) => Value): GradientRule =>
  (g, [x], y) =>
    x ? [mul(g, local(x, y))] : [];
/** Applies a binary gradient. */
const pair =
  (local: (g: Value, a: Value, b: Value, y: Value) => readonly (Value | undefined)[]): GradientRule =>
  (g, [a, b], y) =>
    a && b ? local(g, a, b, y) : [];

/** The one table. */
export const elementwiseTable = {
  neg: define({
    name: 'neg',
    ...one(
      (x) => -x,
      (g) => [neg(g)],
    ),
  }),
  abs: define({
    name: 'abs',
    ...one(
      Math.abs,
      chain((x) => sign(x)),
    ),
  }),
  exp: define({
    name: 'exp',
    ...one(
      Math.exp,
      chain((_, y) => y),
    ),
  }),
  log: define({
    name: 'log',
    ...one(
      Math.log,
      chain((x) => reciprocal(x)),
    ),
  }),
  log1p: define({
    name: 'log1p',
    ...one(
      Math.log1p,
      chain((x) => reciprocal(add(x, 1))),
    ),
  }),
  sqrt: define({
    name: 'sqrt',
    ...one(
      Math.sqrt,
      chain((_, y) => div(0.5, y)),
    ),
  }),
  rsqrt: define({
    name: 'rsqrt',
    ...one(
      (x) => 1 / Math.sqrt(x),
      chain((x, y) => mul(-0.5, div(y, x))),
    ),
  }),
  reciprocal: define({
    name: 'reciprocal',
    ...one(
      (x) => 1 / x,
      chain((_, y) => neg(mul(y, y))),
    ),
  }),
  sin: define({
    name: 'sin',
    ...one(
      Math.sin,
      chain((x) => cos(x)),
    ),
  }),
  cos: define({
    name: 'cos',
    ...one(
      Math.cos,
      chain((x) => neg(sin(x))),
    ),
  }),
  tanh: define({
    name: 'tanh',
    ...one(
      Math.tanh,
      chain((_, y) => sub(1, mul(y, y))),
    ),
  }),
  sigmoid: define({
    name: 'sigmoid',
    ...one(
      (x) => 1 / (1 + Math.exp(-x)),
      chain((_, y) => mul(y, sub(1, y))),
    ),
  }),
  erf: define({
    name: 'erf',
    ...one(
      erfOf,
      chain((x) => mul(2 / Math.sqrt(Math.PI), exp(neg(mul(x, x))))),
    ),
  }),
  relu: define({
    name: 'relu',
    ...one(
      (x) => (x > 0 || Number.isNaN(x) ? x : 0),
      chain((x) => less(0, x)),
    ),
  }),
  gelu: define({
    name: 'gelu',
    ...one(
      geluTanh,
      chain((x) => geluDerivative(x)),
    ),
  }),
  geluDerivative: define({ name: 'geluDerivative', ...one(geluTanhDerivative) }),
  sign: define({ name: 'sign', ...one(Math.sign, 'zero') }),
  floor: define({ name: 'floor', ...one(Math.floor, 'zero') }),
  add: define({
    name: 'add',
    ...two(
      (a, b) => a + b,
      (g) => [g, g],
    ),
  }),
  sub: define({
    name: 'sub',
    ...two(
      (a, b) => a - b,
      (g) => [g, neg(g)],
    ),
  }),
  mul: define({
    name: 'mul',
    ...two(
      (a, b) => a * b,
      pair((g, a, b) => [mul(g, b), mul(g, a)]),
    ),
  }),
  div: define({
    name: 'div',
    ...two(
      (a, b) => a / b,
      pair((g, _, b, y) => [div(g, b), neg(div(mul(g, y), b))]),
    ),
  }),
  maximum: define({
    name: 'maximum',
    ...two(
      (a, b) => Math.max(a, b),
      pair((g, a, b) => [select(less(a, b), 0, g), select(less(a, b), g, 0)]),
    ),
  }),
  minimum: define({
    name: 'minimum',
    ...two(
      (a, b) => Math.min(a, b),
      pair((g, a, b) => [select(less(b, a), 0, g), select(less(b, a), g, 0)]),
    ),
  }),
  pow: define({
    name: 'pow',
    ...two(
      (a, b) => a ** b,
      pair((g, a, b, y) => [mul(g, mul(b, pow(a, sub(b, 1)))), mul(g, mul(y, log(a)))]),
    ),
  }),
  atan2: define({
    name: 'atan2',
    ...two(
      Math.atan2,
      pair((g, y, x) => {
        const scaled = div(g, add(mul(x, x), mul(y, y)));
        return [mul(scaled, x), neg(mul(scaled, y))];
      }),
    ),
  }),
  less: define({ name: 'less', ...two((a, b) => (a < b ? 1 : 0), 'zero') }),
  lessEqual: define({ name: 'lessEqual', ...two((a, b) => (a <= b ? 1 : 0), 'zero') }),
  equal: define({ name: 'equal', ...two((a, b) => (a === b ? 1 : 0), 'zero') }),
  select: define({
    name: 'select',
    operands: ['f32', 'f32', 'f32'],
    result: 'f32',
    evaluate: (condition, a, b) => (condition !== 0 ? a : b),
    gradient: (g, [condition]) => (condition ? [undefined, select(condition, g, 0), select(condition, 0, g)] : []),
  }),
  castToF32: define({ name: 'castToF32', operands: ['i32'], result: 'f32', evaluate: (a) => a }),
  castToI32: define({ name: 'castToI32', operands: ['f32'], result: 'i32', evaluate: Math.trunc }),
  addI32: define({ name: 'addI32', operands: ['i32', 'i32'], result: 'i32', evaluate: (a, b) => (a + b) | 0 }),
} as const;

const unary =
  (operation: ElementwiseOperation) =>
  (x: Operand): Value =>
    applySingle(operation, [asValue(x, 'f32')], {});
const binary =
  (operation: ElementwiseOperation) =>
  (a: Operand, b: Operand): Value =>
    applySingle(operation, [asValue(a, 'f32'), asValue(b, 'f32')], {});

/** −x */
export const neg: (x: Operand) => Value = unary(elementwiseTable.neg);
/** |x| */
export const abs: (x: Operand) => Value = unary(elementwiseTable.abs);
/** eˣ */
export const exp: (x: Operand) => Value = unary(elementwiseTable.exp);
/** Natural logarithm. */
export const log: (x: Operand) => Value = unary(elementwiseTable.log);
/** log(1 + x), accurate near zero. */
export const log1p: (x: Operand) => Value = unary(elementwiseTable.log1p);
/** √x */
export const sqrt: (x: Operand) => Value = unary(elementwiseTable.sqrt);
/** 1/√x */
export const rsqrt: (x: Operand) => Value = unary(elementwiseTable.rsqrt);
/** 1/x */
export const reciprocal: (x: Operand) => Value = unary(elementwiseTable.reciprocal);
/** sin x, x in radians. */
export const sin: (x: Operand) => Value = unary(elementwiseTable.sin);
/** cos x, x in radians. */
export const cos: (x: Operand) => Value = unary(elementwiseTable.cos);
/** Hyperbolic tangent. */
export const tanh: (x: Operand) => Value = unary(elementwiseTable.tanh);
/** 1/(1 + e⁻ˣ) */
export const sigmoid: (x: Operand) => Value = unary(elementwiseTable.sigmoid);
/** The error function. */
export const erf: (x: Operand) => Value = unary(elementwiseTable.erf);
/** max(x, 0) */
export const relu: (x: Operand) => Value = unary(elementwiseTable.relu);
/** GELU by tanh: ½x(1 + tanh(√(2/π)(x + 0.044715x³))). */
export const gelu: (x: Operand) => Value = unary(elementwiseTable.gelu);
/** The derivative of `gelu`. */
export const geluDerivative: (x: Operand) => Value = unary(elementwiseTable.geluDerivative);
/** −1, 0 or 1. */
export const sign: (x: Operand) => Value = unary(elementwiseTable.sign);
/** The largest integer ≤ x. */
export const floor: (x: Operand) => Value = unary(elementwiseTable.floor);
/** a + b */
export const add: (a: Operand, b: Operand) => Value = binary(elementwiseTable.add);
/** a − b */
export const sub: (a: Operand, b: Operand) => Value = binary(elementwiseTable.sub);
/** a·b */
export const mul: (a: Operand, b: Operand) => Value = binary(elementwiseTable.mul);
/** a/b */
export const div: (a: Operand, b: Operand) => Value = binary(elementwiseTable.div);
/** The larger of a and b; where they are equal the gradient goes to a. */
export const maximum: (a: Operand, b: Operand) => Value = binary(elementwiseTable.maximum);
/** The smaller of a and b; where they are equal the gradient goes to a. */
export const minimum: (a: Operand, b: Operand) => Value = binary(elementwiseTable.minimum);
/** aᵇ */
export const pow: (a: Operand, b: Operand) => Value = binary(elementwiseTable.pow);
/** The angle of the point (x, y): atan2(y, x). */
export const atan2: (y: Operand, x: Operand) => Value = binary(elementwiseTable.atan2);
/** 1 where a < b, else 0. */
export const less: (a: Operand, b: Operand) => Value = binary(elementwiseTable.less);
/** 1 where a ≤ b, else 0. */
export const lessEqual: (a: Operand, b: Operand) => Value = binary(elementwiseTable.lessEqual);
/** 1 where a = b, else 0. */
export const equal: (a: Operand, b: Operand) => Value = binary(elementwiseTable.equal);

/** Where condition ≠ 0: a, elsewhere b. A NaN in the branch not taken does not spread. */
export function select(condition: Value, a: Operand, b: Operand): Value {
  return applySingle(elementwiseTable.select, [condition, asValue(a, 'f32'), asValue(b, 'f32')], {});
}

/** i32 → f32 (exact up to 2²⁴). */
export function castToF32(x: Value): Value {
  return applySingle(elementwiseTable.castToF32, [x], {});
}

/** f32 → i32, towards zero. */
export function castToI32(x: Value): Value {
  return applySingle(elementwiseTable.castToI32, [x], {});
}

/** a + b on i32, wrapping. */
export function addI32(a: Operand, b: Operand): Value {
  return applySingle(elementwiseTable.addI32, [asValue(a, 'i32'), asValue(b, 'i32')], {});
}

/** 1 where x is neither infinite nor NaN, else 0: x − x is 0 only for finite x. */
export function finite(x: Value): Value {
  return equal(sub(x, x), 0);
}

/** x² */
export function square(x: Value): Value {
  return mul(x, x);
}

/** GELU by the error function: ½x(1 + erf(x/√2)). The S4 and GSS code uses this one. */
export function geluErf(x: Value): Value {
  return mul(mul(0.5, x), add(1, erf(mul(x, Math.SQRT1_2))));
}
