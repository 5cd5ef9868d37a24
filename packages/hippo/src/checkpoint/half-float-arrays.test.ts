import { expect, it } from 'vitest';
import { bfloat16ToFloat, float16ToFloat, floatToBfloat16, floatToFloat16 } from '../tensor/half-floats.ts';
import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from './half-float-arrays.ts';

const patterns = Uint16Array.from({ length: 1 << 16 }, (_, pattern) => pattern);
/** Every f32 exponent with fractions around each rounding, both signs, NaNs and infinities. */
const floats = new Float32Array(
  Uint32Array.from({ length: 1 << 16 }, (_, i) => Math.imul(i, 0x4001_1fff) ^ (i & 1 ? 0x8000 : 0x7fff)).buffer,
);

/** Places where two arrays differ; comparing whole arrays with `toEqual` takes seconds. */
function differences(found: ArrayLike<number>, expected: ArrayLike<number>): number[] {
  if (found.length !== expected.length) return [-1];
  return Array.from(expected, (_, i) => i).filter((i) => !Object.is(found[i], expected[i]));
}

it('decode every pattern as the function of one number does', () => {
  expect(differences(decodeFloat16(patterns), Float32Array.from(patterns, float16ToFloat))).toEqual([]);
  expect(differences(decodeBfloat16(patterns), Float32Array.from(patterns, bfloat16ToFloat))).toEqual([]);
});

it('encode as the function of one number does, from any place in a buffer', () => {
  const part = floats.subarray(3);
  expect(differences(encodeFloat16(part), Uint16Array.from(part, floatToFloat16))).toEqual([]);
  expect(differences(encodeBfloat16(part), Uint16Array.from(part, floatToBfloat16))).toEqual([]);
});
