// Special functions in float64 that JavaScript lacks.

/**
 * The error function, to about 1e-15: 2/√π·e^{−x²}·Σ 2ⁿx^{2n+1}/(1·3·…·(2n+1)), a series of positive terms
 * (Abramowitz and Stegun 7.1.6).
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return Number.NaN;
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const sqrtTwoOverPi = Math.sqrt(2 / Math.PI);

/** ½x(1 + tanh(√(2/π)(x + 0.044715x³))): GELU by tanh (Hendrycks and Gimpel, arXiv 1606.08415, section 2). */
export function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(sqrtTwoOverPi * (x + 0.044715 * x * x * x)));
}

/** The derivative of `geluTanh`. */
export function geluTanhDerivative(x: number): number {
  const t = Math.tanh(sqrtTwoOverPi * (x + 0.044715 * x * x * x));
  // Where tanh is ±1 to the last bit the second term is 0, also at ±∞, where its factors are ∞·0.
  const slope = 1 - t * t;
  const second = slope === 0 ? 0 : 0.5 * x * slope * sqrtTwoOverPi * (1 + 3 * 0.044715 * x * x);
  return 0.5 * (1 + t) + second;
}
