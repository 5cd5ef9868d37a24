// f16 and bf16 to f32 and back, by bits, rounding to nearest even (IEEE 754-2019, 4.3.1).

const scratch = new Float32Array(1);
const bits = new Uint32Array(scratch.buffer);

function floatFromBits(value: number): number {
  bits[0] = value;
  return scratch[0] ?? 0;
}

function bitsOfFloat(value: number): number {
  scratch[0] = value;
  return bits[0] ?? 0;
}

export function bfloat16ToFloat(half: number): number {
  return floatFromBits(half << 16);
}

export function floatToBfloat16(value: number): number {
  const word = bitsOfFloat(value);
  if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 0x40; // NaN stays NaN
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

export function float16ToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

export function floatToFloat16(value: number): number {
  const word = bitsOfFloat(value);
  const sign = (word >>> 16) & 0x8000;
  const size = word & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  if (size >= 0x477ff000) return sign | 0x7c00; // 65,520 and above round to infinity
  if (size < 0x38800000) return sign | roundToEven(floatFromBits(size) * 2 ** 24); // subnormal: a count of 2⁻²⁴
  return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
}
