// Products by matrices of subgroups: the logic by emulation on a device without them, the text by the compiler's own validation on its
// null device, which has every feature and computes nothing.
import { describe, expect, it } from 'vitest';
import { inBrowser } from '../../../testing/test-file.test-support.ts';
import { webGpuTested } from '../../../testing/webgpu.test-support.ts';
import type { Dispatch } from './dispatch.ts';
import { openKernelHarness } from './kernel-harness.test-support.ts';
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
import { preferredSubgroupMatrix } from './matmul-forms.ts';
import { partsBytes, partsDispatch, partsProduct } from './matmul-parts.ts';
import type { SubgroupMatrixForm } from './matmul-subgroup-form.ts';
import { subgroupMatrixDispatch } from './matmul-subgroup-matrix.ts';
import { compileOnNullDevice, shaderOf } from './null-device.test-support.ts';
import { emulateSubgroupMatrices } from './subgroup-matrix-emulation.test-support.ts';

const [matrix] = largeTraits.subgroupMatrices;
const form: SubgroupMatrixForm = {
  matrix,
  size: 32,
  tileM: 32,
  tileN: 64,
  tileK: 32,
  subgroupsM: 1,
  subgroupsN: 2,
  staging: 'vec4<u32>',
  buffers: 1,
  prefetch: true,
};
/** As small as the emulation needs it. */
const emulated: Omit<SubgroupMatrixForm, 'size'> = {
  ...form,
  matrix: { ...matrix, m: 8, n: 8, k: 8 },
  tileM: 16,
  tileN: 16,
  tileK: 16,
  subgroupsM: 2,
  subgroupsN: 1,
};
const layouts: readonly Pick<TestProduct, 'transposeA' | 'transposeB'>[] = [
  { transposeB: true },
  {},
  { transposeA: true, transposeB: true },
];
const precise = { ...largeTraits, precision: 'f16' } as const;

describe('preferredSubgroupMatrix', () => {
  it('takes large tiles, and cuts k where they would not fill the device', () => {
    const countOf = (m: number, n: number, k: number) => {
      const { form: { tileM = 1, tileN = 1 } = {}, parts = 0 } =
        preferredSubgroupMatrix(testProduct({ m, n, k }), precise) ?? {};
      return { area: tileM * tileN, parts, workgroups: Math.ceil(m / tileM) * Math.ceil(n / tileN) * parts };
    };
    const large = countOf(4096, 4096, 4096);
    expect([large.area >= 128 * 128, large.parts]).toEqual([true, 1]);
    const few = countOf(768, 768, 2048);
    expect([few.parts > 1, few.workgroups >= 100]).toEqual([true, true]);
    expect(countOf(64, 64, 64).parts).toBe(1);
  });
  it('wants f16 factors with f32 sums, subgroups of one size, and to be asked', () => {
    const product = testProduct({ m: 512, n: 512, k: 512 });
    expect(preferredSubgroupMatrix(product, largeTraits)).toBeUndefined();
    expect(preferredSubgroupMatrix(product, { ...precise, subgroups: { min: 16, max: 32 } })).toBeUndefined();
    const others = [{ ...matrix, result: 'f16' }];
    expect(preferredSubgroupMatrix(product, { ...precise, subgroupMatrices: others })).toBeUndefined();
  });
});

describe.runIf(webGpuTested)('products by subgroup matrices', async () => {
  const harness = webGpuTested ? await openKernelHarness() : undefined;
  const sizes = harness?.traits.subgroups;
  const cases: readonly (readonly [string, TestProduct, Partial<SubgroupMatrixForm>, number])[] = [
    ['whole tiles of A·Bᵀ', { m: 32, n: 16, k: 32, transposeB: true }, {}, 1],
    ['A·B with a finish, two buffers', { m: 20, n: 31, k: 37, epilogue: true }, { buffers: 2 }, 1],
    ['Aᵀ·Bᵀ with a finish', { m: 20, n: 32, k: 37, transposeA: true, transposeB: true, epilogue: true }, {}, 1],
    ['whole tiles and others', { m: 20, n: 38, k: 32, transposeB: true }, {}, 1],
    ['numbers fetched when they are needed', { m: 16, n: 32, k: 48 }, { prefetch: false }, 1],
    ['halves in memory, A·Bᵀ', { m: 20, n: 31, k: 40, transposeB: true, epilogue: true, halves: true }, {}, 1],
    ['halves in memory, Aᵀ·B, two buffers', { m: 24, n: 40, k: 37, transposeA: true, halves: true }, { buffers: 2 }, 1],
    ['halves in memory, k in parts', { m: 17, n: 24, k: 72, halves: true }, { prefetch: false }, 3],
    ['k in three parts', { m: 20, n: 16, k: 70, epilogue: true }, {}, 3],
    ['k in parts of which one is empty', { m: 16, n: 16, k: 64, transposeA: true }, { buffers: 2 }, 3],
  ];
  const own = { ...emulated, size: sizes?.max ?? 4 };
  const limits = { maxBindingBytes: baseTraits.maxBindingBytes, maxWorkgroupBytes: baseTraits.maxWorkgroupBytes };
  const check = async (options: TestProduct, dispatches: readonly Dispatch[], workspaceBytes: number, times = 1) => {
    const choice = { dispatches, workspaceBytes };
    const inputs = productInputs(options);
    const outputs = [{ count: options.m * options.n }];
    const results = await harness?.run(choice, {
      inputs: boundInputs(options, inputs),
      outputs,
      maxBindingBytes: baseTraits.maxBindingBytes,
      edit: emulateSubgroupMatrices,
    });
    const expected = expectedProduct(options, inputs).map((sum) => sum * times);
    const error = largestDifference(results?.[0] ?? [], expected);
    // Two roundings of 2⁻¹² at most a product, of numbers below one; √k of them, or so, add up.
    expect(error).toBeLessThan(4e-3 * times);
    expect(error).toBeGreaterThan(1e-5);
  };
  it.runIf(sizes && sizes.min === sizes.max).each(cases)(
    'are products of rounded factors: %s',
    async (_name, options, other, parts) => {
      const product = testProduct(options);
      const target = parts > 1 ? partsProduct(product, parts) : product;
      const first = subgroupMatrixDispatch(target, { ...own, ...other }, { ...limits, parts });
      const rest = parts > 1 ? [partsDispatch(product, parts, limits.maxBindingBytes)] : [];
      await check(options, [first, ...rest], parts > 1 ? partsBytes(product, parts) : 0);
    },
    120_000,
  );
  it.runIf(sizes && sizes.min === sizes.max)(
    'add to what C holds, in whole tiles and in others',
    async () => {
      const options: TestProduct = { m: 20, n: 40, k: 32 };
      const product = testProduct(options);
      const more = subgroupMatrixDispatch({ ...product, accumulate: true }, own, limits);
      await check(options, [subgroupMatrixDispatch(product, own, limits), more], 0, 2);
    },
    120_000,
  );
});

// The null device is Dawn's, in Node.
describe.skipIf(inBrowser)('shaders with subgroup matrices', () => {
  const sourceOf = (options: TestProduct, own: SubgroupMatrixForm, accumulate = false): string => {
    return shaderOf(subgroupMatrixDispatch({ ...testProduct(options), accumulate }, own, largeTraits));
  };
  it('compile, with every staging and layout', async () => {
    const sources = (['vec4<u32>', 'vec4<f16>'] as const).flatMap((staging) =>
      layouts.flatMap((layout) => [
        sourceOf({ ...layout, m: 256, n: 256, k: 64 }, { ...form, staging }),
        sourceOf({ ...layout, m: 40, n: 71, k: 37, epilogue: true }, { ...form, staging, buffers: 2 }),
        sourceOf({ ...layout, m: 40, n: 71, k: 64 }, { ...form, staging, prefetch: false }, true),
      ]),
    );
    const halves = layouts.flatMap((layout) => [
      sourceOf({ ...layout, m: 40, n: 72, k: 64, halves: true, epilogue: true }, form),
      sourceOf({ ...layout, m: 256, n: 256, k: 128, halves: true }, { ...form, prefetch: false, buffers: 2 }, true),
    ]);
    expect(await compileOnNullDevice([...sources, ...halves])).toEqual([]);
    expect(await compileOnNullDevice([sources[0]?.replace('row_major', 'row_wise') ?? ''])).not.toEqual([]);
  });
});
