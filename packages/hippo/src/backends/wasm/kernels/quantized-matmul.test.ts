// Products with quantised weights against f64 sums of what the kernels should add: rounded activations for few rows, f32 for many.
import { beforeAll, describe, expect, it } from 'vitest';
import { dequantizeRows, quantizeRows } from '../../../tensor/quantization.ts';
import { type CallProbe, callProbe, expectNear } from './call-probe.test-support.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';
import { fewRows, quantizedGatherRowsCalls, quantizedMatmulCalls } from './quantized-matmul.ts';

type Bits = 4 | 8;

const sizes = [
  [1, 1, 1],
  [1, 5, 33],
  [2, 17, 127],
  [1, 64, 128],
  [3, 35, 129],
  [1, 21, 300],
  [16, 9, 160],
  [17, 35, 40],
  [40, 50, 131],
  [64, 5, 40],
  [65, 33, 131],
] as const;

/** x as the few-rows kernels round it: a scale a row at 8 bits, a scale for 32 numbers at 4. */
function roundedActivations(x: Float32Array, k: number, bits: Bits): Float64Array {
  const limit = bits === 8 ? Math.min(32767, Math.floor((2 ** 31 - 1) / (127 * k))) : 127;
  const size = bits === 8 ? k : 32;
  return Float64Array.from(x, (value, at) => {
    const row = Math.floor(at / k) * k;
    const from = row + Math.floor((at - row) / size) * size;
    const largest = x.subarray(from, Math.min(from + size, row + k)).reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    return largest === 0 ? 0 : (Math.round((value / largest) * limit) * largest) / limit;
  });
}

function product(x: ArrayLike<number>, w: Float32Array, [m, n, k]: readonly [number, number, number]): Float64Array {
  return Float64Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let l = 0; l < k; l++) sum += (x[i * k + l] ?? 0) * (w[j * k + l] ?? 0);
    return sum;
  });
}

describe.each(builds)('quantised products, %s build', (build) => {
  let run: CallProbe;
  beforeAll(async () => {
    run = await callProbe(build);
  });

  describe.each([8, 4] as const)('%i bits', (bits) => {
    it.each(sizes)('%i×%i×%i', (m, n, k) => {
      const [x, w] = [noise(m * k, 1), noise(n * k, 2)];
      const words = quantizeRows(w, { bits, inputs: k }, 'w');
      const [got] = run(quantizedMatmulCalls({ m, n, inputs: k, bits, slab: 24 * k }), [x, words], [m * n]);
      const weights = dequantizeRows(words, { bits, inputs: k });
      const want = product(m <= fewRows[bits] ? roundedActivations(x, k, bits) : x, weights, [m, n, k]);
      // A tie may round the other way in f32: half a step of one activation, far below the bound of all.
      expectNear(got!, want, { tolerance: 2e-3 / Math.sqrt(k), floor: Math.sqrt(k) });
      // And with the rounding, the result is as near to the float product as the steps allow.
      const exact = product(x, weights, [m, n, k]);
      const step = bits === 8 ? 1 / Math.min(32767, Math.floor((2 ** 31 - 1) / (127 * k))) : 1 / 127;
      for (let at = 0; at < m * n; at++) {
        const row = weights.subarray((at % n) * k, (at % n) * k + k);
        const bound = (step / 2) * row.reduce((sum, v) => sum + Math.abs(v), 0) + 1e-5 * Math.sqrt(k);
        expect(Math.abs(got![at]! - exact[at]!)).toBeLessThanOrEqual(bound);
      }
    });

    it.each([
      [3, 33, 70],
      [70, 33, 70],
    ] as const)('bias, GELU and residual of %i×%i×%i', (m, n, k) => {
      const [x, w, bias, residual] = [noise(m * k, 1), noise(n * k, 2), noise(n, 3), noise(m * n, 4)];
      const words = quantizeRows(w, { bits, inputs: k }, 'w');
      const options = { m, n, inputs: k, bits, slab: 24 * k };
      const [plain] = run(quantizedMatmulCalls(options), [x, words], [m * n]);
      const all = { ...options, bias: true, gelu: true, residual: true };
      const [got] = run(quantizedMatmulCalls(all), [x, words, bias, residual], [m * n]);
      const gelu = (v: number): number => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));
      const want = plain!.map((value, at) => gelu(value + bias[at % n]!) + residual[at]!);
      expectNear(got!, want, { tolerance: 5e-6, floor: 1 });
    });

    it('makes NaN of what cannot be rounded', () => {
      const k = 40;
      const words = quantizeRows(noise(3 * k, 2), { bits, inputs: k }, 'w');
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const x = noise(2 * k, 1);
        x[k + 5] = bad;
        const [got] = run(quantizedMatmulCalls({ m: 2, n: 3, inputs: k, bits }), [x, words], [6]);
        expect([...got!].map(Number.isNaN)).toEqual([false, false, false, true, true, true]);
      }
      const [zero] = run(quantizedMatmulCalls({ m: 1, n: 3, inputs: k, bits }), [new Float32Array(k), words], [3]);
      expect([...zero!].map(Math.abs)).toEqual([0, 0, 0]);
    });

    it.each([1, 7, 64, 130])('looks up rows of %i numbers', (inputs) => {
      const matrix = { bits, inputs };
      const words = quantizeRows(noise(5 * inputs, 1), matrix, 'w');
      const table = dequantizeRows(words, matrix);
      const ids = Int32Array.of(4, 0, -1, 2, 5);
      const [got] = run(quantizedGatherRowsCalls({ ...matrix, rows: 5, count: 5 }), [words, ids], [5 * inputs]);
      const want = [...ids].flatMap((id) =>
        id >= 0 && id < 5
          ? [...table.subarray(id * inputs, (id + 1) * inputs)]
          : Array<number>(inputs).fill(Number.NaN),
      );
      expect([...got!]).toEqual(want.map((x) => (x === 0 ? expect.closeTo(0, 12) : x)));
    });
  });
});

describe.runIf(builds.length > 1)('plain and relaxed builds', () => {
  it.each([8, 4] as const)('give the same bits at %i bits', async (bits) => {
    const runs = await Promise.all(builds.map((build) => callProbe(build)));
    for (const [m, n, k] of [
      [1, 40, 768],
      [3, 17, 1000],
    ] as const) {
      const [x, words] = [noise(m * k, 1), quantizeRows(noise(n * k, 2), { bits, inputs: k }, 'w')];
      const [plain, relaxed] = runs.map(
        (run) => run(quantizedMatmulCalls({ m, n, inputs: k, bits }), [x, words], [m * n])[0],
      );
      expect([...relaxed!]).toEqual([...plain!]);
    }
  });
});
