// What the conformance suite cannot see of the products: operands larger than a binding, cut k, the bits of a row in company, the
// choice of the form, and the shaders' text.
import { describe, expect, it } from 'vitest';
import { webGpuTested } from '../../../testing/webgpu.test-support.ts';
import { type KernelHarness, openKernelHarness } from './kernel-harness.test-support.ts';
import {
  baseTraits,
  boundInputs,
  expectedProduct,
  largestDifference,
  largeTraits,
  productInputs,
  type TestProduct,
  testProduct,
} from './matmul.test-support.ts';
import { chooseForm, type MatmulForm, pieceKernel, productKernel } from './matmul-choose.ts';
import { splitProduct } from './matmul-split.ts';
import { type TileForm, tileForm } from './matmul-tile.ts';

const small = tileForm(32, 32, 4, 4, { unroll: 1 });

describe('splitProduct', () => {
  it('leaves a product that fits', () => {
    expect(splitProduct(testProduct({ m: 64, n: 64, k: 64 }), 1 << 20)).toHaveLength(1);
  });
  it('cuts rows of A and C, rows of Bᵀ, and k where a storage runs along k', () => {
    const limit = 64 * 128 * 4 + 256;
    const cut = (options: Partial<TestProduct>) =>
      splitProduct(testProduct({ m: 128, n: 128, k: 128, ...options }), limit).map((part) => [
        part.m,
        part.n,
        part.k,
        part.accumulate,
      ]);
    expect(cut({ transposeB: true })).toEqual(Array.from({ length: 4 }, () => [64, 64, 128, false]));
    expect(cut({})).toEqual([
      [64, 128, 64, false],
      [64, 128, 64, false],
      [64, 128, 64, true],
      [64, 128, 64, true],
    ]);
  });
  it('finishes with the last part of k alone', () => {
    const product = testProduct({ m: 32, n: 128, k: 128, epilogue: true });
    const parts = splitProduct(product, 64 * 128 * 4 + 256);
    expect(parts.map(({ gelu, bias, residual }) => [gelu, bias !== undefined, residual !== undefined])).toEqual([
      [false, false, false],
      [true, true, true],
    ]);
  });
  it('cuts the embedding of 50,264 × 2,560 into what base devices let a kernel see', () => {
    const product = testProduct({ m: 1, n: 50_264, k: 2_560, transposeB: true });
    const parts = splitProduct(product, baseTraits.maxBindingBytes);
    expect(parts.map(({ n }) => n)).toEqual([13_056, 13_056, 13_056, 11_096]);
  });
  it('refuses a row that is too long, by a sentence', () => {
    expect(() => splitProduct(testProduct({ m: 2, n: 4, k: 1000, transposeB: true }), 2048)).toThrow(
      'webgpu, matmul: a row of A has 1000 numbers, 4000 bytes from the next; this device lets a kernel see 2048 bytes at once. Use a device with larger bindings, or the wasm backend.',
    );
  });
});

describe('chooseForm', () => {
  const reasonOf = (options: TestProduct, traits = largeTraits, precision: 'f32' | 'f16' = 'f32') =>
    chooseForm(testProduct(options), { ...traits, precision }).reason;
  it('says why', () => {
    expect(reasonOf({ m: 4096, n: 4096, k: 4096 })).toBe('tiles of 128×128');
    expect(reasonOf({ m: 1, n: 768, k: 768 })).toBe('1 row: bound by reading the other factor once');
    expect(reasonOf({ m: 4096, n: 4096, k: 4096 }, largeTraits, 'f16')).toMatch(
      /^f16 factors, f32 sums: subgroup matrices 16×16×16, tiles of \d+×128$/,
    );
    const none = { ...largeTraits, subgroupMatrices: [] } as unknown as typeof largeTraits;
    expect(reasonOf({ m: 4096, n: 4096, k: 4096 }, none, 'f16')).toBe(
      'f32, no subgroup matrices here: tiles of 128×128',
    );
    expect(reasonOf({ m: 128, n: 128, k: 8192 })).toMatch(/k in \d+ parts, for want of tiles$/);
  });
});

describe('shaders of products', () => {
  const code = (options: TestProduct, traits: Parameters<typeof productKernel>[1]) =>
    productKernel(testProduct(options), traits)
      .dispatches.map(({ label, code: text, workgroups }) => `// ${label}, workgroups ${workgroups}\n${text}`)
      .join('\n');
  it('are these: tiles with a finish', () => {
    expect(code({ m: 40, n: 50, k: 30, transposeB: true, epilogue: true }, baseTraits)).toMatchSnapshot();
  });
  it('are these: one row', () => {
    expect(code({ m: 1, n: 2304, k: 768, transposeB: true }, largeTraits)).toMatchSnapshot();
  });
  it('are these: subgroup matrices', () => {
    expect(code({ m: 256, n: 256, k: 64, transposeB: true }, { ...largeTraits, precision: 'f16' })).toMatchSnapshot();
  });
});

describe.runIf(webGpuTested)('products on a device', async () => {
  const harness: KernelHarness = webGpuTested ? await openKernelHarness() : ({} as KernelHarness);
  const differenceOf = async (options: TestProduct, maxBindingBytes: number, form?: MatmulForm): Promise<number> => {
    const traits = { ...baseTraits, maxBindingBytes };
    const product = testProduct(options);
    const choice = form ? pieceKernel(product, traits, form) : productKernel(product, traits);
    const inputs = productInputs(options);
    const [c = []] = await harness.run(choice, {
      inputs: boundInputs(options, inputs),
      outputs: [{ count: product.batch * product.m * product.n }],
      maxBindingBytes: traits.maxBindingBytes,
    });
    return largestDifference(c, expectedProduct(options, inputs));
  };
  const limit = 64 * 128 * 4 + 256;
  it.each<TestProduct>([
    { m: 128, n: 128, k: 128, transposeB: true, epilogue: true },
    { m: 64, n: 128, k: 128, transposeA: true, epilogue: true },
    { m: 3, n: 128, k: 128, transposeB: true, batch: 3 },
    { m: 1, n: 200, k: 90 },
  ])(
    'come out of pieces: %o',
    async (options) => {
      expect(await differenceOf(options, limit)).toBeLessThan(2e-5);
    },
    120_000,
  );
  it.each<readonly [string, TileForm]>([
    ['tiles with one buffer', small],
    ['tiles with two buffers', { ...small, buffers: 2 }],
    ['tiles without prefetch, 16 × 8 sums a thread', tileForm(64, 64, 16, 8, { unroll: 1, prefetch: false })],
  ])(
    'come out of %s, k in three parts',
    async (_name, tile) => {
      const form: MatmulForm = { kind: 'tile', tile, parts: 3, reason: '' };
      expect(await differenceOf({ m: 70, n: 45, k: 101, epilogue: true }, 1 << 20, form)).toBeLessThan(2e-5);
    },
    120_000,
  );
  it.each<TestProduct>([
    { m: 3, n: 40, k: 64, transposeB: true },
    { m: 3, n: 40, k: 40 },
    { m: 72, n: 5, k: 40, transposeB: true },
    { m: 40, n: 48, k: 56, transposeB: true, epilogue: true },
    { m: 40, n: 48, k: 56, transposeA: true, batch: 2 },
  ])(
    'come out of factors in halves, whole and in pieces: %o',
    async (options) => {
      const halves = { ...options, halves: true };
      for (const most of [1 << 20, 5000]) {
        const difference = await differenceOf(halves, most);
        expect(difference).toBeLessThan(4e-3);
        expect(difference).toBeGreaterThan(1e-5);
      }
    },
    120_000,
  );
  it.each([false, true])('give a row the same bits alone and in company (Bᵀ: %s)', async (transposeB) => {
    const [n, k] = [52, 76];
    const inputs = productInputs({ m: 8, n, k });
    const rowsOf = async (m: number): Promise<readonly number[]> => {
      const choice = productKernel(testProduct({ m, n, k, transposeB }), baseTraits);
      const [c = new Float32Array()] = await harness.run(choice, {
        inputs,
        outputs: [{ count: m * n }],
        maxBindingBytes: baseTraits.maxBindingBytes,
      });
      return [...c.subarray(0, n)];
    };
    const alone = await rowsOf(1);
    expect(await rowsOf(8)).toEqual(alone);
    expect(Math.abs(alone[0] ?? 0)).toBeGreaterThan(0);
  });
});
