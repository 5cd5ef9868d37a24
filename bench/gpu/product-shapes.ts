// Products to measure, their operands, and what their results must be.
import { type Product, webGpuModule } from './internals.ts';

const { floatToFloat16 } = await webGpuModule('../../tensor/half-floats');

export interface ProductShape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** B lies as [n, k], as weights of layers do. */
  readonly transposeB: boolean;
  /** A lies as [k, m], as in the gradient of weights. */
  readonly transposeA?: boolean;
}

const weights = { transposeB: true } as const;

/** Square ones, and those of a model of width 768 on 2,048 tokens: forward, gradients of weights, the head's three on 1,024 rows. */
export const fullShapes: readonly ProductShape[] = [
  { m: 4096, k: 4096, n: 4096, transposeB: false },
  { m: 4096, k: 4096, n: 4096, ...weights },
  { m: 2048, k: 768, n: 768, ...weights },
  { m: 768, k: 2048, n: 768, transposeA: true, transposeB: false },
  { m: 2048, k: 768, n: 3072, ...weights },
  { m: 2048, k: 3072, n: 768, ...weights },
  { m: 3072, k: 2048, n: 768, transposeA: true, transposeB: false },
  { m: 1024, k: 768, n: 50304, ...weights },
  { m: 1024, k: 50304, n: 768, transposeB: false },
  { m: 50304, k: 1024, n: 768, transposeA: true, transposeB: false },
  { m: 16384, k: 768, n: 768, ...weights },
];

/** Those of generation. */
export const rowShapes: readonly ProductShape[] = [
  { m: 1, k: 768, n: 2304, ...weights },
  { m: 1, k: 3072, n: 768, ...weights },
  { m: 1, k: 768, n: 50304, ...weights },
  { m: 1, k: 768, n: 2304, transposeB: false },
  { m: 8, k: 768, n: 2304, ...weights },
];

export const smallShapes: readonly ProductShape[] = [
  { m: 256, k: 96, n: 256, transposeB: true },
  { m: 200, k: 70, n: 133, transposeB: false },
  { m: 1, k: 768, n: 300, ...weights },
  { m: 1, k: 768, n: 300, transposeB: false },
];

export const nameOf = ({ m, k, n, transposeA, transposeB }: ProductShape): string =>
  `${m}×${k}×${n}${transposeA ? ' Aᵀ' : ''}${transposeB ? ' Bᵀ' : ''}`;

export function productOf({ m, k, n, transposeA = false, transposeB }: ProductShape): Product {
  const matrix = (memory: Product['a']['memory'], rows: number, columns: number) => ({
    memory,
    bytes: rows * columns * 4,
    first: 0,
    lead: columns,
    batch: 0,
  });
  return {
    m,
    n,
    k,
    batch: 1,
    transposeA,
    transposeB,
    a: matrix({ space: 'input', index: 0 }, ...(transposeA ? ([k, m] as const) : ([m, k] as const))),
    b: matrix({ space: 'input', index: 1 }, ...(transposeB ? ([n, k] as const) : ([k, n] as const))),
    c: { ...matrix({ space: 'output', index: 0 }, m, n), batch: m * n },
    accumulate: false,
    gelu: false,
    shared: false,
  };
}

/** Numbers on [−1, 1), the same on every run. */
export function randomNumbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  const numbers = new Float32Array(count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    numbers[i] = (state >>> 8) / 2 ** 23 - 1;
  }
  return numbers;
}

/** The largest error of sampled elements, in units of what one product of two numbers contributes (its deviation is √k/3). */
export function largestError(
  { m, k, n, transposeA, transposeB }: ProductShape,
  { a, b, c }: { readonly a: Float32Array; readonly b: Float32Array; readonly c: Float32Array },
): number {
  let worst = 0;
  for (let sample = 0; sample < 500; sample++) {
    // The corners, then places all over.
    const i = sample < 4 ? (sample % 2) * (m - 1) : (sample * 7919) % m;
    const j = sample < 4 ? Math.floor(sample / 2) * (n - 1) : (sample * 104729) % n;
    let sum = 0;
    for (let l = 0; l < k; l++) {
      const x = a[transposeA ? l * m + i : i * k + l] ?? 0;
      const y = b[transposeB ? j * k + l : l * n + j] ?? 0;
      sum += x * y;
    }
    const error = Math.abs((c[i * n + j] ?? Number.NaN) - sum) / Math.sqrt(k);
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

/** The numbers in half precision, rounded to even. */
export function halvesOf(numbers: Float32Array): Uint16Array<ArrayBuffer> {
  return Uint16Array.from(numbers, floatToFloat16);
}
