// Products by matrices of subgroups: the logic by emulation on a device without them, the text by the compiler's own validation on its
// null device, which has every feature and computes nothing.
import { describe, expect, it } from 'vitest';
import { webGpuTested } from '../../../testing/webgpu.test-support.ts';
import { openKernelRunner } from '../kernel-runner.test-support.ts';
import { assembleShader } from '../pipelines.ts';
import {
  baseTraits,
  expectedProduct,
  largestDifference,
  largeTraits,
  productInputs,
  type TestProduct,
  testProduct,
} from './matmul.test-support.ts';
import { chooseSubgroupMatrix, type SubgroupMatrixForm, subgroupMatrixDispatch } from './matmul-subgroup-matrix.ts';
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
};
/** As small as the emulation needs it. */
const emulated: Omit<SubgroupMatrixForm, 'size' | 'buffers'> = {
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

describe('chooseSubgroupMatrix', () => {
  it('takes tiles that are small enough for the device to be full', () => {
    const tileOf = (m: number, n: number) => {
      const chosen = chooseSubgroupMatrix(testProduct({ m, n, k: 768 }), precise);
      return chosen && [chosen.tileM, chosen.tileN];
    };
    expect([tileOf(4096, 4096), tileOf(2048, 768), tileOf(64, 64)]).toEqual([
      [128, 128],
      [64, 128],
      [32, 64],
    ]);
  });
  it('wants f16 factors with f32 sums, subgroups of one size, and to be asked', () => {
    const product = testProduct({ m: 512, n: 512, k: 512 });
    expect(chooseSubgroupMatrix(product, largeTraits)).toBeUndefined();
    expect(chooseSubgroupMatrix(product, { ...precise, subgroups: { min: 16, max: 32 } })).toBeUndefined();
    const others = [{ ...matrix, result: 'f16' }];
    expect(chooseSubgroupMatrix(product, { ...precise, subgroupMatrices: others })).toBeUndefined();
  });
});

describe.runIf(webGpuTested)('products by subgroup matrices', async () => {
  const runner = webGpuTested ? await openKernelRunner() : undefined;
  const sizes = runner?.opened.traits.subgroups;
  it
    .runIf(sizes && sizes.min === sizes.max)
    .each(
      layouts.map(
        (layout, i): TestProduct =>
          i === 0 ? { ...layout, m: 32, n: 16, k: 32 } : { ...layout, m: 20, n: 30 + i, k: 37, epilogue: true },
      ),
    )(
    'are products of rounded factors: %o',
    async (options) => {
      const product = testProduct(options);
      const own = { ...emulated, size: sizes?.max ?? 4, buffers: options.epilogue ? 2 : 1 } as const;
      const dispatches = [subgroupMatrixDispatch(product, own, baseTraits.maxBindingBytes)];
      const choice = { dispatches, workspaceBytes: 0 };
      const inputs = productInputs(options);
      const outputs = [product.m * product.n];
      const results = await runner?.run({ choice, inputs, outputs, traits: baseTraits, edit: emulateSubgroupMatrices });
      const error = largestDifference(results?.[0] ?? [], expectedProduct(options, inputs));
      // Two roundings of 2⁻¹² at most a product, of numbers below one; √k of them, or so, add up.
      expect(error).toBeLessThan(4e-3);
      expect(error).toBeGreaterThan(1e-5);
    },
    120_000,
  );
});

describe('shaders with subgroup matrices', () => {
  const compile = async (sources: readonly string[]): Promise<readonly string[]> => {
    const { create } = (await import('webgpu')) as { create(options: readonly string[]): GPU };
    const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
    const adapter = await gpu.requestAdapter();
    const requiredFeatures = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'];
    const device = await adapter?.requestDevice({ requiredFeatures: requiredFeatures as GPUFeatureName[] });
    if (!device) throw new Error('no null device');
    const messages: string[] = [];
    for (const code of sources) {
      device.pushErrorScope('validation');
      const info = await device.createShaderModule({ code }).getCompilationInfo();
      messages.push(...info.messages.map(({ lineNum, message }) => `${lineNum}: ${message}`));
      await device.popErrorScope();
    }
    return messages;
  };
  const sourceOf = (options: TestProduct, own: SubgroupMatrixForm): string => {
    const dispatch = subgroupMatrixDispatch(testProduct(options), own, largeTraits.maxBindingBytes);
    const place = (buffer: unknown) => ({ buffer: buffer as GPUBuffer, offset: 0, size: 16 });
    return assembleShader(
      dispatch,
      dispatch.bindings.map((binding) => ({ ...binding, ...place({}) })),
    ).source;
  };
  it('compile, with every staging and layout', async () => {
    const sources = (['vec4<u32>', 'vec4<f16>', 'f16'] as const).flatMap((staging) =>
      layouts.flatMap((layout) => [
        sourceOf({ ...layout, m: 256, n: 256, k: 64 }, { ...form, staging }),
        sourceOf({ ...layout, m: 40, n: 71, k: 37, epilogue: true }, { ...form, staging, buffers: 2 }),
      ]),
    );
    expect(await compile(sources)).toEqual([]);
    expect(await compile([sources[0]?.replace('row_major', 'row_wise') ?? ''])).not.toEqual([]);
  });
});
