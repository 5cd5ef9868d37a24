// One instruction of an elementwise program over one block. Opcodes are those of the table in elementwise.ts.
// Blocks are multiples of 32 bytes; the target may be one of the operands.
import { ATAN2, LOG, LOG1P, POW, choose, cos4, each4, erf4, exp4, gelu4, geluDecay, geluDerivative4, geluDerivativeFrom, geluFrom, pair4, sigmoid4, sin4, tanh4 } from './math.as';

const NEG: i32 = 0;
const ABS: i32 = 1;
const EXP: i32 = 2;
const LOGARITHM: i32 = 3;
const LOG_ONE_PLUS: i32 = 4;
const SQRT: i32 = 5;
const RSQRT: i32 = 6;
const RECIPROCAL: i32 = 7;
const SINE: i32 = 8;
const COSINE: i32 = 9;
const TANH: i32 = 10;
const SIGMOID: i32 = 11;
const ERF: i32 = 12;
const RELU: i32 = 13;
const GELU: i32 = 14;
const GELU_DERIVATIVE: i32 = 15;
const SIGN: i32 = 16;
const FLOOR: i32 = 17;
const CAST_TO_F32: i32 = 18;
const CAST_TO_I32: i32 = 19;
const COPY: i32 = 20;
const ADD: i32 = 21;
const SUB: i32 = 22;
const MUL: i32 = 23;
const DIV: i32 = 24;
const MAXIMUM: i32 = 25;
const MINIMUM: i32 = 26;
const POWER: i32 = 27;
const ARCTANGENT: i32 = 28;
const LESS: i32 = 29;
const LESS_EQUAL: i32 = 30;
const EQUAL: i32 = 31;
const ADD_I32: i32 = 32;
const MUL_I32: i32 = 33;
const LESS_I32: i32 = 34;
const EQUAL_I32: i32 = 35;
const SELECT: i32 = 36;
const GELU_PAIR: i32 = 37; // two targets: the second is in an operand's place

// @ts-ignore: decorator
@inline
function signOf(x: v128): v128 {
  const one = v128.or(v128.and(x, f32x4.splat(-0.0)), f32x4.splat(1.0));
  const ordered = v128.or(f32x4.lt(x, f32x4.splat(0)), f32x4.gt(x, f32x4.splat(0)));
  return choose(ordered, one, x); // zeros and NaN are their own sign
}

/** `op` is a literal wherever this is inlined, so that only its own line is left. */
// @ts-ignore: decorator
@inline
function apply1(op: i32, x: v128): v128 {
  if (op == NEG) return f32x4.neg(x);
  if (op == ABS) return f32x4.abs(x);
  if (op == EXP) return exp4(x);
  if (op == LOGARITHM) return each4(LOG, x);
  if (op == LOG_ONE_PLUS) return each4(LOG1P, x);
  if (op == SQRT) return f32x4.sqrt(x);
  if (op == RSQRT) return f32x4.div(f32x4.splat(1.0), f32x4.sqrt(x));
  if (op == RECIPROCAL) return f32x4.div(f32x4.splat(1.0), x);
  if (op == SINE) return sin4(x);
  if (op == COSINE) return cos4(x);
  if (op == TANH) return tanh4(x);
  if (op == SIGMOID) return sigmoid4(x);
  if (op == ERF) return erf4(x);
  if (op == RELU) return f32x4.max(x, f32x4.splat(0));
  if (op == GELU) return gelu4(x);
  if (op == GELU_DERIVATIVE) return geluDerivative4(x);
  if (op == SIGN) return signOf(x);
  if (op == FLOOR) return f32x4.floor(x);
  if (op == CAST_TO_F32) return f32x4.convert_i32x4_s(x);
  if (op == CAST_TO_I32) return i32x4.trunc_sat_f32x4_s(x);
  return x;
}

// @ts-ignore: decorator
@inline
function apply2(op: i32, a: v128, b: v128): v128 {
  if (op == ADD) return f32x4.add(a, b);
  if (op == SUB) return f32x4.sub(a, b);
  if (op == MUL) return f32x4.mul(a, b);
  if (op == DIV) return f32x4.div(a, b);
  if (op == MAXIMUM) return f32x4.max(a, b);
  if (op == MINIMUM) return f32x4.min(a, b);
  if (op == POWER) return pair4(POW, a, b);
  if (op == ARCTANGENT) return pair4(ATAN2, a, b);
  if (op == LESS) return v128.and(f32x4.lt(a, b), f32x4.splat(1.0));
  if (op == LESS_EQUAL) return v128.and(f32x4.le(a, b), f32x4.splat(1.0));
  if (op == EQUAL) return v128.and(f32x4.eq(a, b), f32x4.splat(1.0));
  if (op == ADD_I32) return i32x4.add(a, b);
  if (op == MUL_I32) return i32x4.mul(a, b);
  if (op == LESS_I32) return v128.and(i32x4.lt_s(a, b), f32x4.splat(1.0));
  return v128.and(i32x4.eq(a, b), f32x4.splat(1.0));
}

// @ts-ignore: decorator
@inline
function map1(op: i32, target: usize, a: usize, bytes: usize): void {
  const end = a + bytes;
  while (a < end) {
    const first = apply1(op, v128.load(a));
    const second = apply1(op, v128.load(a, 16));
    v128.store(target, first);
    v128.store(target, second, 16);
    target += 32;
    a += 32;
  }
}

/** The same one vector at a time, for long functions. */
// @ts-ignore: decorator
@inline
function mapLong(op: i32, target: usize, a: usize, bytes: usize): void {
  const end = a + bytes;
  while (a < end) {
    v128.store(target, apply1(op, v128.load(a)));
    target += 16;
    a += 16;
  }
}

// @ts-ignore: decorator
@inline
function map2(op: i32, target: usize, a: usize, b: usize, bytes: usize): void {
  const end = a + bytes;
  while (a < end) {
    const first = apply2(op, v128.load(a), v128.load(b));
    const second = apply2(op, v128.load(a, 16), v128.load(b, 16));
    v128.store(target, first);
    v128.store(target, second, 16);
    target += 32;
    a += 32;
    b += 32;
  }
}

/** a ≠ 0 ? b : c; the comparison is unordered, so NaN selects b, as in the definition. */
function select(target: usize, a: usize, b: usize, c: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const taken = f32x4.ne(v128.load(a + i), f32x4.splat(0));
    v128.store(target + i, choose(taken, v128.load(b + i), v128.load(c + i)));
  }
}

/** gelu and its derivative of `a`, the exponential shared; either target may be `a`. */
function geluPair(gelu: usize, derivative: usize, a: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(a + i);
    const z = geluDecay(x);
    v128.store(gelu + i, geluFrom(x, z));
    v128.store(derivative + i, geluDerivativeFrom(x, z));
  }
}

/** Performs `op` over `bytes` bytes. Absent operands may be any address. */
export function perform(op: i32, d: usize, a: usize, b: usize, c: usize, bytes: usize): void {
  switch (op) {
    case NEG: map1(NEG, d, a, bytes); break;
    case ABS: map1(ABS, d, a, bytes); break;
    case EXP: map1(EXP, d, a, bytes); break;
    case LOGARITHM: mapLong(LOGARITHM, d, a, bytes); break;
    case LOG_ONE_PLUS: mapLong(LOG_ONE_PLUS, d, a, bytes); break;
    case SQRT: map1(SQRT, d, a, bytes); break;
    case RSQRT: map1(RSQRT, d, a, bytes); break;
    case RECIPROCAL: map1(RECIPROCAL, d, a, bytes); break;
    case SINE: map1(SINE, d, a, bytes); break;
    case COSINE: map1(COSINE, d, a, bytes); break;
    case TANH: map1(TANH, d, a, bytes); break;
    case SIGMOID: map1(SIGMOID, d, a, bytes); break;
    case ERF: map1(ERF, d, a, bytes); break;
    case RELU: map1(RELU, d, a, bytes); break;
    case GELU: map1(GELU, d, a, bytes); break;
    case GELU_DERIVATIVE: map1(GELU_DERIVATIVE, d, a, bytes); break;
    case SIGN: map1(SIGN, d, a, bytes); break;
    case FLOOR: map1(FLOOR, d, a, bytes); break;
    case CAST_TO_F32: map1(CAST_TO_F32, d, a, bytes); break;
    case CAST_TO_I32: map1(CAST_TO_I32, d, a, bytes); break;
    case COPY: map1(COPY, d, a, bytes); break;
    case ADD: map2(ADD, d, a, b, bytes); break;
    case SUB: map2(SUB, d, a, b, bytes); break;
    case MUL: map2(MUL, d, a, b, bytes); break;
    case DIV: map2(DIV, d, a, b, bytes); break;
    case MAXIMUM: map2(MAXIMUM, d, a, b, bytes); break;
    case MINIMUM: map2(MINIMUM, d, a, b, bytes); break;
    case POWER: map2(POWER, d, a, b, bytes); break;
    case ARCTANGENT: map2(ARCTANGENT, d, a, b, bytes); break;
    case LESS: map2(LESS, d, a, b, bytes); break;
    case LESS_EQUAL: map2(LESS_EQUAL, d, a, b, bytes); break;
    case EQUAL: map2(EQUAL, d, a, b, bytes); break;
    case ADD_I32: map2(ADD_I32, d, a, b, bytes); break;
    case MUL_I32: map2(MUL_I32, d, a, b, bytes); break;
    case LESS_I32: map2(LESS_I32, d, a, b, bytes); break;
    case EQUAL_I32: map2(EQUAL_I32, d, a, b, bytes); break;
    case SELECT: select(d, a, b, c, bytes); break;
    case GELU_PAIR: geluPair(d, b, a, bytes); break;
  }
}
