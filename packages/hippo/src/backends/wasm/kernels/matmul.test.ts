import { describe, expect, it } from 'vitest';
import { callProbe } from './call-probe.test-support.ts';
import { builds, noise } from './causal-fir-probe.test-support.ts';
import { type MatmulOptions, matmulCalls } from './matmul.ts';

const gelu = (x: number): number => x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** The definition in float64, and for each element the sum of absolute products, which bounds the rounding. */
function reference(
  options: MatmulOptions,
  a: Float32Array,
  b: Float32Array,
  bias: Float32Array | undefined,
  c: Float32Array,
  residual?: Float32Array,
) {
  const { m, n, k, batch, strideA, strideB, strideC, transposeA, transposeB, activation } = options;
  const { lda = transposeA ? m : k, ldb = transposeB ? k : n, ldc = n } = options;
  const want = Float64Array.from(c);
  const scale = new Float64Array(c.length).fill(1e-6);
  for (let p = 0; p < batch; p++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        const at = p * strideC + i * ldc + j;
        let sum = options.accumulate ? c[at]! : 0;
        let size = Math.abs(sum);
        for (let l = 0; l < k; l++) {
          const x =
            a[p * strideA + (transposeA ? l * lda + i : i * lda + l)]! *
            b[p * strideB + (transposeB ? j * ldb + l : l * ldb + j)]!;
          sum += x;
          size += Math.abs(x);
        }
        const shift = bias?.[options.bias === 'rows' ? i : j] ?? 0;
        sum += shift;
        want[at] = (activation === 'gelu' ? gelu(sum) : sum) + (residual?.[at] ?? 0);
        scale[at] = size + Math.abs(shift) + Math.abs(residual?.[at] ?? 0);
      }
  return { want, scale };
}

const plain = (m: number, n: number, k: number, more: Partial<MatmulOptions> = {}): MatmulOptions => ({
  m,
  n,
  k,
  batch: 1,
  strideA: 0,
  strideB: 0,
  strideC: 0,
  transposeA: false,
  transposeB: false,
  ...more,
}); // prettier-ignore

/** The transpose of a matrix. */
function turned(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}

const layouts = [false, true].flatMap((transposeA) => [false, true].map((transposeB) => ({ transposeA, transposeB })));

describe.each(builds)('matmul, %s build', async (build) => {
  const run = await callProbe(build);

  function check(options: MatmulOptions): Float32Array {
    const { m, n, k, batch, strideA, strideB, strideC, transposeA, transposeB } = options;
    const { lda = transposeA ? m : k, ldb = transposeB ? k : n, ldc = n } = options;
    const a = noise((batch - 1) * strideA + (transposeA ? k : m) * lda, 1);
    const b = noise((batch - 1) * strideB + (transposeB ? n : k) * ldb, 2);
    const bias = options.bias ? noise(options.bias === 'rows' ? m : n, 3) : undefined;
    const c = noise((batch - 1) * strideC + m * ldc, 4);
    const residual = options.residual ? noise(c.length, 5) : undefined;
    const { want, scale } = reference(options, a, b, bias, c, residual);
    // C goes in as an extra input that the output takes the place of, so that accumulating and row gaps can be checked.
    const inputs = [a, b, bias, residual, c].filter((data) => data !== undefined);
    const place: [{ inPlace: number }] = [{ inPlace: inputs.length - 1 }];
    const [got] = run(matmulCalls(options), inputs, place);
    const [wide] = run(matmulCalls({ ...options, wide: true }), inputs, place);
    expect(
      Buffer.from(wide!.buffer, wide!.byteOffset, wide!.byteLength).equals(
        Buffer.from(got!.buffer, got!.byteOffset, got!.byteLength),
      ),
      `${JSON.stringify(options)}: wide tiles give the same bits`,
    ).toBe(true);
    for (let i = 0; i < want.length; i++) {
      if (!(Math.abs(got![i]! - want[i]!) <= 3e-7 * (scale[i]! + 2))) {
        expect.fail(`${JSON.stringify(options)}: element ${i} is ${got![i]}, not ${want[i]}`);
      }
    }
    return got!;
  }

  const sizes = [
    [1, 1, 1],
    [1, 8, 1],
    [4, 8, 4],
    [1, 1, 9],
    [5, 9, 3],
    [3, 17, 31],
    [12, 1, 7],
    [9, 2, 1],
    [13, 7, 33],
    [31, 29, 27],
    [40, 24, 64],
  ] as const;
  describe.each(layouts)('with transposeA $transposeA, transposeB $transposeB', (layout) => {
    it.each(sizes)('%i×%i, %i products each', (m, n, k) => {
      check(plain(m, n, k, layout));
      check(plain(m, n, k, { ...layout, accumulate: true, bias: 'columns', activation: 'gelu' }));
    });

    it.each(sizes)('%i×%i, %i products each, with a bias of rows and a residual', (m, n, k) => {
      check(plain(m, n, k, { ...layout, bias: 'rows', residual: true }));
      check(plain(m, n, k, { ...layout, bias: 'columns', activation: 'gelu', residual: true }));
      check(
        plain(m, n, k, {
          ...layout,
          batch: 2,
          strideA: m * k,
          strideB: n * k,
          strideC: m * n,
          bias: 'rows',
          residual: true,
        }),
      );
    });

    it('sums over several steps of k', () => {
      check(plain(29, 19, 257, layout));
      check(plain(26, 11, 600, { ...layout, accumulate: true, bias: 'columns' }));
      check(plain(2, 30, 515, { ...layout, accumulate: true }));
    });

    it('gives each of up to eight rows, and each of up to eight columns, the bits it gets alone', () => {
      const [inner, wide] = [83, 37];
      const b = noise(wide * inner, 2);
      const alone = (row: number, m: number): Float32Array => {
        const a = noise(m * inner, 1).subarray(row * inner, (row + 1) * inner);
        const options = plain(1, wide, inner, { transposeB: layout.transposeB, bias: 'columns' });
        return run(matmulCalls(options), [a, b, noise(wide, 3)], [wide])[0]!;
      };
      for (let m = 2; m <= 8; m++) {
        const rows = noise(m * inner, 1);
        const a = layout.transposeA ? turned(rows, m, inner) : rows;
        const [together] = run(
          matmulCalls(plain(m, wide, inner, { ...layout, bias: 'columns' })),
          [a, b, noise(wide, 3)],
          [m * wide],
        );
        for (let row = 0; row < m; row++) expect(together!.slice(row * wide, (row + 1) * wide)).toEqual(alone(row, m));
        if (layout.transposeA || !layout.transposeB) continue;
        // The other way about: the weight first, the result channel by channel.
        const [channels] = run(
          matmulCalls(plain(wide, m, inner, { ...layout, bias: 'rows' })),
          [b, rows, noise(wide, 3)],
          [m * wide],
        );
        expect(turned(channels!, wide, m)).toEqual(together);
      }
    });

    it('takes batches, shared operands, and rows with gaps', () => {
      const [m, n, k] = [11, 13, 10];
      check(plain(m, n, k, { ...layout, batch: 5, strideA: m * k, strideB: n * k, strideC: m * n }));
      check(plain(m, n, k, { ...layout, batch: 3, strideA: 0, strideB: n * k, strideC: m * n, bias: 'columns' }));
      check(plain(m, n, k, { ...layout, batch: 3, strideA: m * k, strideB: 0, strideC: m * n, activation: 'gelu' }));
      check(plain(1, n, k, { ...layout, batch: 7, strideA: k, strideB: n * k, strideC: n }));
      check(plain(m, 1, k, { ...layout, batch: 7, strideA: m * k, strideB: k, strideC: m }));
      for (const rows of [m, 2, 1])
        check(plain(rows, n, k, { ...layout, lda: 17, ldb: 19, ldc: 15, accumulate: true }));
      check(plain(m, 1, k, { ...layout, lda: 17, ldb: 11, ldc: 1 }));
      check(plain(m, 1, k, { ...layout, lda: 17, ldb: 11, ldc: 3 }));
    });

    it('cuts rows and columns into several units', () => {
      check(plain(300, 40, 17, layout));
      check(plain(9, 700, 5, layout));
      check(plain(2, 2100, 9, layout));
    });

    it('spreads NaN to its row alone', () => {
      for (const m of [2, 13]) {
        const [n, k] = [9, 10];
        const a = noise(m * k, 1);
        a[layout.transposeA ? 3 * m + 1 : k + 3] = Number.NaN;
        const [got] = run(matmulCalls(plain(m, n, k, layout)), [a, noise(n * k, 2)], [m * n]);
        expect([...got!].map(Number.isNaN)).toEqual(Array.from({ length: m * n }, (_, at) => Math.floor(at / n) === 1));
      }
    });
  });

  it('packs B piece by piece when it is very large', () => {
    const options = plain(26, 21_000, 300, { transposeB: true, bias: 'columns' });
    const calls = matmulCalls(options);
    expect(calls.calls({ inputs: [64, 64, 64], outputs: [64], workspace: 64 }, 2).length).toBe(4);
    const [m, n, k] = [26, 21_000, 300];
    const [a, b, bias] = [noise(m * k, 1), noise(n * k, 2), noise(n, 3)];
    const [got] = run(calls, [a, b, bias], [m * n]);
    for (let t = 0; t < 2000; t++) {
      const [i, j] = [t % m, (t * 8191) % n];
      let sum = bias[j]!;
      for (let l = 0; l < k; l++) sum += a[i * k + l]! * b[j * k + l]!;
      expect(Math.abs(got![i * n + j]! - sum)).toBeLessThan(2e-5);
    }
  });

  it('packs nothing for a few rows', () => {
    for (const transposeB of [false, true]) {
      const calls = matmulCalls(plain(4, 50_304, 768, { transposeB }));
      expect(calls.workspaceBytes(2)).toBeLessThan(5000); // partial sums
    }
  });
});
