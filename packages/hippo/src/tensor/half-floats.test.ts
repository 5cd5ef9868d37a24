import { describe, expect, it } from 'vitest';
import { bfloat16ToFloat, float16ToFloat, floatToBfloat16, floatToFloat16 } from './half-floats.ts';

/** The value of a pattern by the definition: exponent bias and fraction bits as of the format. */
function definedValue(
  pattern: number,
  { exponentBits, fractionBits }: { exponentBits: number; fractionBits: number },
): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern & 0x7fff) >>> fractionBits;
  const fraction = (pattern & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

/** The neighbours of an f32 above 0. */
function beside(value: number): readonly [number, number] {
  const float = Float32Array.of(value);
  const bits = new Uint32Array(float.buffer);
  const at = bits[0] ?? 0;
  bits[0] = at - 1;
  const below = float[0] ?? 0;
  bits[0] = at + 1;
  return [below, float[0] ?? 0];
}

const formats = [
  { name: 'f16', exponentBits: 5, fractionBits: 10, infinity: 0x7c00, decode: float16ToFloat, encode: floatToFloat16 },
  {
    name: 'bf16',
    exponentBits: 8,
    fractionBits: 7,
    infinity: 0x7f80,
    decode: bfloat16ToFloat,
    encode: floatToBfloat16,
  },
] as const;

describe.each(formats)('$name', ({ exponentBits, fractionBits, infinity, decode, encode }) => {
  const all = Array.from({ length: 65_536 }, (_, pattern) => pattern);

  it('decodes all 65,536 patterns, and encodes each value as the pattern it came from', () => {
    const wrong = all.filter(
      (pattern) => !Object.is(decode(pattern), definedValue(pattern, { exponentBits, fractionBits })),
    );
    expect(wrong).toEqual([]);
    const moved = all.filter((pattern) =>
      Number.isNaN(decode(pattern))
        ? !Number.isNaN(decode(encode(decode(pattern))))
        : encode(decode(pattern)) !== pattern,
    );
    expect(moved).toEqual([]);
  });

  it('rounds to the nearest pattern, and from the middle to the even one', () => {
    const wrong: number[] = [];
    for (let lower = 0; lower < infinity; lower++) {
      // The last interval ends where the next power of two would be: from its middle on it is infinity.
      const upper = lower + 1 === infinity ? 2 ** (2 ** (exponentBits - 1)) : decode(lower + 1);
      const middle = (decode(lower) + upper) / 2;
      const [below, above] = beside(middle);
      const even = lower % 2 === 0 ? lower : lower + 1;
      for (const [value, pattern] of [
        [middle, even],
        [below, lower],
        [above, lower + 1],
      ] as const) {
        if (encode(value) !== pattern) wrong.push(value);
        if (encode(-value) !== (pattern | 0x8000)) wrong.push(-value);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('keeps the special numbers', () => {
    expect([encode(0), encode(-0)]).toEqual([0, 0x8000]);
    expect([encode(Number.POSITIVE_INFINITY), encode(Number.NEGATIVE_INFINITY)]).toEqual([infinity, infinity | 0x8000]);
    expect(decode(encode(Number.NaN))).toBeNaN();
    expect(decode(encode(2 ** -149))).toBe(0);
    // A NaN whose set bits are all among those that are cut off.
    const quiet = new Float32Array(Uint32Array.of(0x7fc00001).buffer)[0] ?? 0;
    expect(decode(encode(quiet))).toBeNaN();
  });
});
