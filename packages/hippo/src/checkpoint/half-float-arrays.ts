// Whole arrays of f16 and bf16 to f32 and back: the numbers of half-floats.ts, without a call and a copy through bits an element.
import { float16ToFloat, floatToFloat16 } from '../tensor/half-floats.ts';

let float16Values: Float32Array | undefined;

/** The value of each of the 65,536 patterns; 256 KiB, made on first use. */
function float16Table(): Float32Array {
  float16Values ??= Float32Array.from({ length: 1 << 16 }, (_, pattern) => float16ToFloat(pattern));
  return float16Values;
}

export function decodeFloat16(patterns: Uint16Array): Float32Array {
  const table = float16Table();
  const values = new Float32Array(patterns.length);
  for (let i = 0; i < values.length; i++) values[i] = table[patterns[i] ?? 0] ?? 0;
  return values;
}

export function decodeBfloat16(patterns: Uint16Array): Float32Array {
  const bits = new Uint32Array(patterns.length);
  for (let i = 0; i < bits.length; i++) bits[i] = (patterns[i] ?? 0) << 16;
  return new Float32Array(bits.buffer);
}

export function encodeFloat16(values: Float32Array): Uint16Array {
  const patterns = new Uint16Array(values.length);
  for (let i = 0; i < patterns.length; i++) patterns[i] = floatToFloat16(values[i] ?? 0);
  return patterns;
}

/** Rounds to nearest, ties to even; NaN stays NaN. */
export function encodeBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const patterns = new Uint16Array(values.length);
  for (let i = 0; i < patterns.length; i++) {
    const word = bits[i] ?? 0;
    const nan = (word & 0x7fffffff) > 0x7f800000;
    patterns[i] = nan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return patterns;
}
