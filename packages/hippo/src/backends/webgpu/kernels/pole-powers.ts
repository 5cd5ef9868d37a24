// Powers λᵐ = exp(m·log λ) of poles in shaders, from m·log λ and never by repeated multiplication. The angle becomes turns with
// 64 bits after the point, so that m·angle loses nothing to rounding: only the angle modulo one turn is kept, by integer
// multiplication. Built-in exp, sin and cos may be off by far more than f32 allows, so the series are written out.
import { literal } from './literal.ts';
import { mathFunctions } from './math.ts';

/** 1/(2π) after the binary point, 32 bits a word. */
const inverseTurn = [0x28be60db, 0x9391054a, 0x7f09d5f4, 0x7d4d3770, 0x36d8a566, 0x4f10e410, 0x7f9458ea];

/** WGSL: Σ cₖ xᵏ by Horner's rule. */
function polynomial(x: string, coefficients: readonly number[]): string {
  const [first = 0, ...rest] = coefficients.toReversed();
  return rest.reduce((text, c) => `(${text} * ${x} + ${literal(c)})`, literal(first));
}

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
const series = (first: number, terms: number, step: number): number[] =>
  Array.from({ length: terms }, (_, k) => (step === 2 && k % 2 === 1 ? -1 : 1) / factorial(first + step * k));

/**
 * WGSL: `turnsOf(angle) -> vec2<u32>`, `cosSinOfTurns(turns: u32) -> vec2<f32>`, `accurateExp(x)`, `times(a, b)` of complex numbers,
 * and `polePower(logRe, turns, m) -> vec2<f32>`, λᵐ.
 */
export const polePowers: string = `${mathFunctions(['nonFinite'])}
const inverseTurn = array<u32, ${inverseTurn.length}>(${inverseTurn.map((word) => `${word}u`).join(', ')});
fn inverseTurnWord(index: i32) -> u32 {
  if (index < 0 || index >= ${inverseTurn.length}) { return 0u; }
  return inverseTurn[index];
}
// 32 bits after the point of 2^position / 2π.
fn inverseTurnBits(position: i32) -> u32 {
  let shift = u32(position & 31);
  let high = inverseTurnWord(position >> 5u) << shift;
  return select(high | (inverseTurnWord((position >> 5u) + 1) >> ((32u - shift) & 31u)), high, shift == 0u);
}
fn multiplyHigh(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let first = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let second = (a & 0xffffu) * (b >> 16u) + (first & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (first >> 16u) + (second >> 16u);
}
fn turnsOf(angle: f32) -> vec2<u32> {
  let bits = bitcast<u32>(angle);
  let exponent = i32((bits >> 23u) & 255u);
  if (exponent == 0) { return vec2<u32>(0u); }
  let mantissa = (bits & 0x7fffffu) | 0x800000u;
  let middle = mantissa * inverseTurnBits(exponent - 118);
  let low = middle + multiplyHigh(mantissa, inverseTurnBits(exponent - 86));
  let high = mantissa * inverseTurnBits(exponent - 150) + multiplyHigh(mantissa, inverseTurnBits(exponent - 118))
    + select(0u, 1u, low < middle);
  if (bits < 0x80000000u) { return vec2<u32>(high, low); }
  return vec2<u32>(~high + select(0u, 1u, low == 0u), ~low + 1u);
}
fn cosSinOfTurns(turns: u32) -> vec2<f32> {
  let quarter = (turns + 0x20000000u) >> 30u;
  let r = f32(bitcast<i32>(turns - (quarter << 30u))) * ${literal((2 * Math.PI) / 2 ** 32)};
  let z = r * r;
  let sine = r + r * z * ${polynomial(
    'z',
    series(3, 4, 2).map((c) => -c),
  )};
  let cosine = 1.0 - z * ${polynomial('z', series(2, 4, 2))};
  let turned = select(vec2<f32>(cosine, sine), vec2<f32>(-sine, cosine), (quarter & 1u) == 1u);
  return select(turned, -turned, (quarter & 2u) == 2u);
}
fn accurateExp(x: f32) -> f32 {
  if ((bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u) { return x; }
  let bounded = clamp(x, -170.0, 170.0);
  let n = round(bounded * ${literal(Math.LOG2E)});
  // The first part of log 2 has so few bits that its product with n is exact.
  let r = (bounded - n * 0.693359375) - n * ${literal(Math.LN2 - 0.693359375)};
  let half = i32(n) >> 1u;
  let scale = bitcast<f32>((half + 127) << 23u);
  return (1.0 + r * ${polynomial('r', series(1, 8, 1))}) * scale * bitcast<f32>((i32(n) - half + 127) << 23u);
}
fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
fn polePower(logRe: f32, logIm: f32, m: u32) -> vec2<f32> {
  if (m == 0u) { return vec2<f32>(1.0, 0.0); }
  if ((bitcast<u32>(logIm) & 0x7f800000u) == 0x7f800000u) { return vec2<f32>(nonFinite(0x7fc00000u)); }
  let turns = turnsOf(logIm);
  return accurateExp(f32(m) * logRe) * cosSinOfTurns(m * turns.x + multiplyHigh(m, turns.y));
}`;
