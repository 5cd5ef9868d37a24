// Numbers as WGSL text.

/** A literal of the f32 nearest to a number; infinities and NaN by a call of `nonFinite` of math.ts with their bits, since WGSL refuses to name them. */
export function literal(value: number): string {
  const rounded = Math.fround(value);
  if (Number.isFinite(rounded)) return `f32(${Object.is(rounded, -0) ? '-0.0' : withPoint(rounded)})`;
  const [bits = 0] = new Uint32Array(Float32Array.of(rounded).buffer);
  return `nonFinite(0x${bits.toString(16)}u)`;
}

function withPoint(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
