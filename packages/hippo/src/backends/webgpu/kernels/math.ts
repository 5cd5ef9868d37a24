// Elementary functions as WGSL text: what WGSL lacks, and what it leaves to the device (built-in exponentials and sines of some are
// wrong in the fourth digit). Each splits off powers of two or quarter turns and sums a minimax polynomial on what is left, with
// the coefficients of backends/wasm/kernels/math.as.ts. Errors are a few units in the last place (1.2e-7) unless said otherwise;
// NaN and ±∞ come out as they should; subnormal numbers may be taken or given as zero, as WGSL allows.
//
// `exp1` is the function of one number, `exp4` the same on vec4<f32>: one text, where F, U and I stand for the types and # for the
// digit. What a compiler may take for granted (x = x, (x + c) − c = x, no infinities) is written so that it does not matter: NaN is
// told by its bits, sums are never taken apart, `round` rounds.

/** For one number and for four. */
const templates: Readonly<Record<string, string>> = {
  isNan: `fn isNan#(x: F) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }`,

  withSign: `fn withSign#(size: F, sign: F) -> F {
  return bitcast<F>((bitcast<U>(size) & U(0x7fffffffu)) | (bitcast<U>(sign) & U(0x80000000u)));
}`,

  // x = n·ln 2 + r, eˣ = 2ⁿ·(1 + r + r²·P(r)). Beyond the limits the result is ∞ or 0 anyway; 2ⁿ is applied in two halves.
  exp: `fn exp#(x: F) -> F {
  let upper = select(x, F(89.0), x > F(89.0));
  let clamped = select(upper, F(-104.0), upper < F(-104.0));
  let n = round(clamped * 1.4426950408889634);
  let r = (clamped - n * 0.693359375) - n * -2.1219444005469057e-4;
  let p = (((0.0013814538 * r + 0.0083687454) * r + 0.04166839) * r + 0.16666521) * r + 0.49999994;
  let whole = I(n);
  let half = whole >> U(1u);
  let low = bitcast<F>((half + I(127)) << U(23u));
  let high = bitcast<F>((whole - half + I(127)) << U(23u));
  return (((r * r) * p + r) + 1.0) * low * high;
}`,

  // eˣ for x ≤ 88, or NaN: exactly 0 below −87.3. What softmax needs, at two thirds of the work.
  expNegative: `fn expNegative#(x: F) -> F {
  let clamped = select(x, F(-87.4), x < F(-87.4));
  let n = round(clamped * 1.4426950408889634);
  let r = (clamped - n * 0.693359375) - n * -2.1219444005469057e-4;
  let p = (((0.0013814538 * r + 0.0083687454) * r + 0.04166839) * r + 0.16666521) * r + 0.49999994;
  let power = bitcast<F>((I(n) + I(127)) << U(23u));
  return select((((r * r) * p + r) + 1.0) * power, F(0.0), x < F(-87.3));
}`,

  // x = 2ᵏ·m, m in [√½, √2), ln m = 2·artanh(s), s = (m − 1)/(m + 1), by its series.
  logParts: `struct LogParts# { power: F, rest: F }
fn logParts#(x: F) -> LogParts# {
  let bits = bitcast<U>(x) - U(0x3f3504f3u);
  let m = bitcast<F>((bits & U(0x7fffffu)) + U(0x3f3504f3u));
  return LogParts#(F(bitcast<I>(bits) >> U(23u)), artanhTwice#((m - 1.0) / (m + 1.0)));
}`,
  artanhTwice: `fn artanhTwice#(s: F) -> F {
  let z = s * s;
  return (s + s) + s * z * (((0.22222222 * z + 0.2857143) * z + 0.4) * z + 0.6666667);
}`,
  log: `fn log#(x: F) -> F {
  let parts = logParts#(x);
  let finite = parts.power * 0.693359375 + (parts.rest + parts.power * -2.1219444005469057e-4);
  let unbounded = (bitcast<U>(x) & U(0x7fffffffu)) >= U(0x7f800000u);
  let positive = select(select(finite, F(nonFinite(0xff800000u)), x < F(1.1754944e-38)), x, unbounded);
  return select(positive, F(nonFinite(0x7fc00000u)), x < F(0.0));
}`,
  // Near zero 1 + x would lose digits: log(1 + x) = 2·artanh(x/(2 + x)).
  log1p: `fn log1p#(x: F) -> F {
  let near = artanhTwice#(x / (x + 2.0));
  return select(log#(1.0 + x), near, (x > F(-0.29)) & (x < F(0.41)));
}`,

  // aᵇ = 2^(b·log₂ a), the exponent's whole part from the products with the power of two, which are exact. Relative error
  // 2e-7·(1 + |b|). Like JavaScript's: 1^±∞ is NaN, a⁰ is 1 for every a.
  pow: `fn pow#(a: F, b: F) -> F {
  let size = abs(a);
  let parts = logParts#(size);
  let bound = select(select(b, F(1e6), b > F(1e6)), F(-1e6), b < F(-1e6));
  let coarse = bitcast<F>(bitcast<U>(bound) & U(0xffff0000u));
  let whole = coarse * parts.power;
  let small = (bound - coarse) * parts.power + bound * (parts.rest * 1.442695);
  let n = round(whole + small);
  let exponent = ((whole - n) + small) * 0.6931472;
  let limited = select(select(n, F(300.0), n > F(300.0)), F(-300.0), n < F(-300.0));
  let scale = I(limited);
  let third = scale / I(3);
  let factor = bitcast<F>((third + I(127)) << U(23u));
  let last = bitcast<F>((scale - third - third + I(127)) << U(23u));
  var y = exp#(exponent) * factor * factor * last;
  let zero = F(0.0);
  let infinity = F(nonFinite(0x7f800000u));
  let nan = F(nonFinite(0x7fc00000u));
  let up = b > zero;
  y = select(y, select(infinity, zero, up), size == zero);
  y = select(y, select(zero, infinity, up), size == infinity);
  let odd = (abs(b) < F(16777216.0)) & (abs(b * 0.5 - floor(b * 0.5)) == F(0.5));
  y = select(y, select(select(nan, y, (floor(b) == b) | (size == infinity)), -y, odd), a < zero);
  let endless = abs(b) == infinity;
  y = select(y, select(zero, infinity, (size > F(1.0)) == up), endless);
  y = select(y, nan, (endless & (size == F(1.0))) | isNan#(a) | isNan#(b));
  return select(y, F(1.0), b == zero);
}`,

  // From z = e^−|x|, so that nothing overflows.
  sigmoid: `fn sigmoid#(x: F) -> F {
  let z = expNegative#(-abs(x));
  return select(F(1.0), z, x < F(0.0)) / (z + 1.0);
}`,
  tanh: `fn tanh#(x: F) -> F {
  let size = abs(x);
  let square = x * x;
  let t = (((-0.006207423 * square + 0.021027213) * square - 0.053842276) * square + 0.133325) * square - 0.33333316;
  let z = expNegative#(-2.0 * size);
  return select(withSign#((1.0 - z) / (1.0 + z), x), x * square * t + x, size < F(0.56));
}`,
  erf: `fn erf#(x: F) -> F {
  let size = select(abs(x), F(4.0), abs(x) > F(4.0));
  let z = size * size;
  let e = (((((7.889119e-5 * z - 8.020841e-4) * z + 0.0051895352) * z - 0.026854444) * z + 0.112836) * z - 0.37612626) * z + 1.1283791;
  let q = (((((-1.8638009e-4 * size + 0.0029476667) * size - 0.021838097) * size + 0.10310682) * size + 0.63814473) * size + 1.1270893) * size + 3.4151258e-4;
  return select(withSign#(1.0 - expNegative#(-q), x), x * e, size < F(1.0));
}`,

  // ½(1 + tanh u) = 1/(1 + e^−2u), 2u = 2√(2/π)·(x + 0.044715x³): e^−|2u|. Absolute errors of 1e-7.
  geluDecay: `fn geluDecay#(x: F) -> F {
  let size = select(abs(x), F(20.0), abs(x) > F(20.0));
  return expNegative#(-size * (size * size * 0.07135481627260025 + 1.5957691216057308));
}`,
  gelu: `fn gelu#(x: F) -> F {
  let z = geluDecay#(x);
  return x * select(F(1.0), z, x < F(0.0)) / (z + 1.0);
}`,
  geluDerivative: `fn geluDerivative#(x: F) -> F {
  let z = geluDecay#(x);
  let share = select(F(1.0), z, x < F(0.0)) / (z + 1.0);
  let slope = z / ((z + 1.0) * (z + 1.0));
  // Far out the slope is 0; the limits keep 0·∞ away.
  let near = select(select(x, F(20.0), x > F(20.0)), F(-20.0), x < F(-20.0));
  return near * slope * (near * near * 0.21406444881780075 + 1.5957691216057308) + share;
}`,

  // x = quarter·π/2 + rest, |rest| ≤ π/4, |x| ≤ 5e4: the first three parts of π/2 have 8 bits, so that their products are exact.
  Turn: `struct Turn# { rest: F, quarter: I }`,
  nearTurn: `fn nearTurn#(x: F) -> Turn# {
  let n = round(x * 0.63661977);
  let rest = (((x - n * 1.5703125) - n * 4.825592041015625e-4) - n * 1.2665987014770508e-6) - n * 9.920935e-10;
  return Turn#(rest, I(n));
}`,
  // Sine of rest + quarter·π/2; absolute error 1e-7.
  wave: `fn wave#(rest: F, quarter: I) -> F {
  let z = rest * rest;
  let s = ((-1.9516976e-4 * z + 0.008332176) * z - 0.16666655) * z * rest + rest;
  let c = ((2.4438088e-5 * z - 0.0013887364) * z + 0.041666646) * z * z + (1.0 - 0.5 * z);
  let turned = select(s, c, (quarter & I(1)) == I(1));
  return bitcast<F>(bitcast<U>(turned) ^ ((bitcast<U>(quarter) & U(2u)) << U(30u)));
}`,
  sin: `fn sin#(x: F) -> F { let t = turn#(x); return wave#(t.rest, t.quarter); }`,
  cos: `fn cos#(x: F) -> F { let t = turn#(x); return wave#(t.rest, t.quarter + I(1)); }`,

  // The angle in the first eighth by a polynomial on [0, tan π/8], then by symmetry.
  atan2: `fn atan2#(y: F, x: F) -> F {
  let infinity = F(nonFinite(0x7f800000u));
  let a = abs(x);
  let b = abs(y);
  let steep = b > a;
  let large = select(a, b, steep);
  let small = select(b, a, steep);
  let ratio = select(select(small / large, F(0.0), large == F(0.0)), F(1.0), small == infinity);
  let upper = ratio > F(0.41421356);
  let t = select(ratio, (ratio - 1.0) / (ratio + 1.0), upper);
  let z = t * t;
  let p = (((0.079760417 * z - 0.13848415) * z + 0.19974075) * z - 0.33332786) * z * t + t;
  let first = select(p, p + 0.78539816, upper);
  let half = select(first, 1.5707964 - first, steep);
  let full = select(half, 3.1415927 - half, (bitcast<U>(x) >> U(31u)) == U(1u));
  return select(withSign#(full, y), F(nonFinite(0x7fc00000u)), isNan#(x) | isNan#(y));
}`,

  // NaN loses.
  larger: `fn larger#(a: F, b: F) -> F { return select(a, b, b > a); }`,
  // NaN where either is.
  maximum: `fn maximum#(a: F, b: F) -> F { return select(select(b, a, a > b), a + b, isNan#(a) | isNan#(b)); }`,
  minimum: `fn minimum#(a: F, b: F) -> F { return select(select(b, a, a < b), a + b, isNan#(a) | isNan#(b)); }`,
};

/** Texts as they are. */
const plain: Readonly<Record<string, string>> = {
  // The compiler must not see that the result is no finite number: WGSL forbids constant expressions like that.
  nonFinite: `var<private> noBits: u32 = 0u;
fn nonFinite(bits: u32) -> f32 { return bitcast<f32>(bits | noBits); }`,

  // The upper word of the product of two words, by halves: no sum reaches 2³².
  multiplyHigh: `fn multiplyHigh(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let middle = ah * bl + ((al * bl) >> 16u);
  let cross = al * bh + (middle & 0xffffu);
  return ah * bh + (middle >> 16u) + (cross >> 16u);
}`,

  turn1: `fn turn1(x: f32) -> Turn1 {
  if (abs(x) > 5e4) { return farTurn(x); }
  return nearTurn1(x);
}`,
  turn4: `fn turn4(x: vec4<f32>) -> Turn4 {
  var t = nearTurn4(x);
  if (any(abs(x) > vec4<f32>(5e4))) {
    for (var lane = 0u; lane < 4u; lane++) {
      if (abs(x[lane]) <= 5e4) { continue; }
      let far = farTurn(x[lane]);
      t.rest[lane] = far.rest;
      t.quarter[lane] = far.quarter;
    }
  }
  return t;
}`,
  // Payne and Hanek: x times the 96 bits of 2/π from weight 2 down; what lies above is whole turns.
  farTurn: `const twoOverPi = array<u32, 7>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u);
fn farTurn(x: f32) -> Turn1 {
  let bits = bitcast<u32>(x);
  let biased = (bits >> 23u) & 255u;
  if (biased == 255u) { return Turn1(nonFinite(0x7fc00000u), 0); }
  let mantissa = ((bits & 0x7fffffu) | 0x800000u) << 8u;
  let skip = biased - 128u;
  var words = twoOverPi;
  let at = skip >> 5u;
  let shift = skip & 31u;
  var window = vec3<u32>(words[at], words[at + 1u], words[at + 2u]);
  if (shift > 0u) {
    let next = vec3<u32>(words[at + 1u], words[at + 2u], words[at + 3u]);
    window = (window << vec3<u32>(shift)) | (next >> vec3<u32>(32u - shift));
  }
  let low = mantissa * window.y + multiplyHigh(mantissa, window.z);
  let carry = select(0u, 1u, low < mantissa * window.y);
  let high = mantissa * window.x + multiplyHigh(mantissa, window.y) + carry;
  let quarter = (high + 0x20000000u) >> 30u;
  let signed = bitcast<i32>(high - (quarter << 30u));
  let rest = (f32(signed) * 9.313226e-10 + f32(low) * 2.1684043e-19) * 1.5707964;
  let negative = (bits >> 31u) == 1u;
  return Turn1(select(rest, -rest, negative), select(i32(quarter), -i32(quarter), negative));
}`,

  // Cosine and sine together: e^{ix}.
  cosSin1: `fn cosSin1(x: f32) -> vec2<f32> {
  let t = turn1(x);
  return vec2<f32>(wave1(t.rest, t.quarter + 1), wave1(t.rest, t.quarter));
}`,
};

function instantiate(text: string, lanes: 1 | 4): string {
  const types = { F: 'f32', U: 'u32', I: 'i32', B: 'bool' } as const;
  return text.replaceAll('#', String(lanes)).replaceAll(/\b[FUIB]\b/g, (letter) => {
    const type = types[letter as keyof typeof types]; // the pattern allows no other letter
    return lanes === 1 ? type : `vec4<${type}>`;
  });
}

interface ShaderFunction {
  readonly text: string;
  /** Functions that it calls. */
  readonly needs: readonly string[];
}

const functions: ReadonlyMap<string, ShaderFunction> = (() => {
  const texts = new Map(Object.entries(plain));
  for (const [name, text] of Object.entries(templates))
    for (const lanes of [1, 4] as const) texts.set(`${name}${lanes}`, instantiate(text, lanes));
  return new Map(
    [...texts].map(([name, text]) => [name, { text, needs: calledIn(text, texts).filter((other) => other !== name) }]),
  );
})();

/** Those of the names that the text calls as functions. */
function calledIn(code: string, known: ReadonlyMap<string, unknown>): readonly string[] {
  const words = new Set([...code.matchAll(/(\w+)\(/g)].map(([, word = '']) => word));
  return [...words].filter((word) => known.has(word));
}

/** WGSL: the functions named and those that they need, each once. */
export function mathFunctions(names: Iterable<string>): string {
  const texts = new Map<string, string>();
  const add = (name: string): void => {
    const found = functions.get(name);
    if (!found) throw new Error(`no shader function ${name}`);
    if (texts.has(name)) return;
    for (const needed of found.needs) add(needed);
    texts.set(name, found.text);
  };
  for (const name of names) add(name);
  return [...texts.values()].join('\n');
}

/** The shader's text behind the functions of this file that it calls. */
export function withMath(code: string): string {
  const found = mathFunctions(calledIn(code, functions));
  return found === '' ? code : `${found}\n${code}`;
}
