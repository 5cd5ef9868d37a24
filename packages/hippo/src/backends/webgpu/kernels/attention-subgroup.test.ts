// Attention by subgroup matrices: the logic by emulation on a device without them, the text by the compiler's own validation on its null
// device, which has every feature and computes nothing.
import { describe, expect, it } from 'vitest';
import { causalAttentionGradientOperation, causalAttentionOperation } from '../../../ops/causal-attention.ts';
import { inBrowser } from '../../../testing/test-file.test-support.ts';
import { webGpuTested } from '../../../testing/webgpu.test-support.ts';
import type { DeviceTraits } from '../traits.ts';
import type { SubgroupAttentionForm } from './attention-subgroup-tile.ts';
import type { AttentionNode } from './attention-tile.ts';
import { causalAttentionChoice } from './causal-attention.ts';
import { causalAttentionGradientChoice } from './causal-attention-gradient.ts';
import { gradientForms, subgroupGradientChoice } from './causal-attention-gradient-subgroup.ts';
import { forwardForms, subgroupAttentionChoice } from './causal-attention-subgroup.ts';
import type { KernelChoice } from './dispatch.ts';
import { openKernelHarness } from './kernel-harness.test-support.ts';
import { baseTraits, largestDifference, largeTraits, testNumbers } from './matmul.test-support.ts';
import { compileOnNullDevice, shaderOf } from './null-device.test-support.ts';
import { emulateSubgroupMatrices } from './subgroup-matrix-emulation.test-support.ts';

const precise: DeviceTraits = { ...largeTraits, precision: 'f16' };

/** Operands [dy, q, k, v, y, logSumExp] and what the gradients must be. */
function expectedOf(
  { sequences, length, headDim, scale }: AttentionNode,
  keyOf: (x: number, row: number) => number = (x) => x,
) {
  const shape = [1, sequences, length, headDim];
  const count = sequences * length * headDim;
  const data = [0, 1, 2, 3].map((stream) => testNumbers(count, stream));
  data[2] = (data[2] ?? new Float32Array()).map((x, at) => keyOf(x, Math.floor(at / headDim)));
  const operand = (i: number) => ({ shape, data: Float64Array.from(data[i] ?? []) });
  const [q, k, v] = [operand(1), operand(2), operand(3)];
  const [y, logSumExp] = causalAttentionOperation.reference?.([q, k, v], { scale }, []) ?? [];
  if (!y || !logSumExp) throw new Error('no reference');
  const rest = [
    { shape, data: y as Float64Array },
    { shape: shape.slice(0, 3), data: logSumExp as Float64Array },
  ];
  const gradients = causalAttentionGradientOperation.reference?.([operand(0), q, k, v, ...rest], { scale }, []) ?? [];
  const inputs = [...data, Float32Array.from(y), Float32Array.from(logSumExp)];
  return { inputs, results: [y, logSumExp], gradients };
}

const small: SubgroupAttentionForm = { subgroups: 2, rowsEach: 8, columns: 16 };
const only = (form: SubgroupAttentionForm) => ({ queries: [form], keys: [form] });

const cases: readonly (readonly [string, Partial<AttentionNode>, Partial<SubgroupAttentionForm>])[] = [
  ['one row', { length: 1 }, {}],
  ['a row more than a tile, of several heads', { length: 17, sequences: 3 }, {}],
  ['whole tiles of several matrices', { length: 64 }, { rowsEach: 16 }],
  ['more columns than rows', { length: 100 }, { subgroups: 1 }],
  ['another scale', { length: 50, scale: 1.7 }, {}],
  ['a width of several parts', { length: 130, headDim: 16 }, { columns: 8 }],
  ['more subgroups', { length: 50, headDim: 16 }, { subgroups: 4 }],
];

describe.runIf(webGpuTested)('causal attention by subgroup matrices', async () => {
  const harness = webGpuTested ? await openKernelHarness() : undefined;
  const sizes = harness?.traits.subgroups;
  const [matrix] = largeTraits.subgroupMatrices;
  /** As small as the emulation needs it. */
  const traits: DeviceTraits = {
    ...precise,
    maxBindingBytes: baseTraits.maxBindingBytes,
    maxWorkgroupBytes: baseTraits.maxWorkgroupBytes,
    subgroups: sizes,
    subgroupMatrices: [{ ...matrix, m: 8, n: 8, k: 8 }],
  };
  const check = async (
    choice: KernelChoice | undefined,
    inputs: readonly Float32Array[],
    expected: readonly ArrayLike<number>[],
    maxBindingBytes: number = baseTraits.maxBindingBytes,
  ) => {
    if (!choice) throw new Error('no kernel');
    const outputs = expected.map((result) => ({ count: result.length }));
    const results = await harness?.run(choice, { inputs, outputs, maxBindingBytes, edit: emulateSubgroupMatrices });
    for (const [i, result] of expected.entries()) {
      const scale = Array.from(result).reduce((most, x) => Math.max(most, Math.abs(x)), 0.1);
      // Roundings of 2⁻¹² on the way, of numbers no larger than the largest result, or so.
      expect(largestDifference(results?.[i] ?? [], result) / scale, `result ${i}`).toBeLessThan(4e-3);
    }
  };
  const usable = sizes !== undefined && sizes.min === sizes.max;

  it.runIf(usable).each(cases)(
    'has the gradients of rounded factors: %s',
    async (_name, node, form) => {
      const own: AttentionNode = { sequences: 1, length: 64, headDim: 8, scale: 0.4, ...node };
      const { inputs, gradients } = expectedOf(own);
      await check(subgroupGradientChoice(own, traits, only({ ...small, ...form })), inputs, gradients);
    },
    120_000,
  );
  it.runIf(usable).each(cases)(
    'has the weighted sums of rounded factors: %s',
    async (_name, node, form) => {
      const own: AttentionNode = { sequences: 1, length: 64, headDim: 8, scale: 0.4, ...node };
      const { inputs, results } = expectedOf(own);
      await check(subgroupAttentionChoice(own, traits, [{ ...small, ...form }]), inputs.slice(1, 4), results);
    },
    120_000,
  );
  it.runIf(usable)(
    'rescales where scores rise by far, and only the rows of such scores lose nothing',
    async () => {
      const own: AttentionNode = { sequences: 1, length: 64, headDim: 8, scale: 1 };
      const { inputs, results } = expectedOf(own, (x, row) => (row % 64 >= 20 ? 6 : 0.3) * x);
      await check(subgroupAttentionChoice(own, traits, [small]), inputs.slice(1, 4), results);
    },
    120_000,
  );
  it.runIf(usable)(
    'takes sequences in parts whose operands a binding may cover',
    async () => {
      const own: AttentionNode = { sequences: 6, length: 32, headDim: 8, scale: 0.3 };
      const limits = { ...traits, maxBindingBytes: 2048 };
      const { inputs, gradients } = expectedOf(own);
      const choice = subgroupGradientChoice(own, limits, only(small));
      expect(choice?.dispatches([true, true, true]).length).toBe(6);
      await check(choice, inputs, gradients, limits.maxBindingBytes);
    },
    120_000,
  );
});

describe('the choice of subgroup matrices for attention', () => {
  const node: AttentionNode = { sequences: 12, length: 2048, headDim: 64, scale: 0.125 };
  const choosers = { forward: causalAttentionChoice, gradient: causalAttentionGradientChoice };
  const isSubgroup = (choice: KernelChoice | undefined) => choice?.reason?.includes('subgroup matrices');
  it.each(Object.entries(choosers))('is made where they may be used: %s', (_, choose) => {
    expect(isSubgroup(choose(node, precise))).toBe(true);
    expect(isSubgroup(choose({ ...node, headDim: 128 }, precise))).toBe(true);
    expect(isSubgroup(choose({ ...node, length: 1 }, precise))).toBe(true);
    expect(isSubgroup(choose(node, { ...precise, maxWorkgroupBytes: 16_384 }))).toBe(true);
    expect(isSubgroup(choose({ ...node, headDim: 72 }, precise))).toBe(false);
    expect(isSubgroup(choose(node, largeTraits))).toBe(false);
    expect(isSubgroup(choose(node, { ...precise, subgroupMatrices: [] }))).toBe(false);
  });
});

// The null device is Dawn's, in Node.
describe.skipIf(inBrowser)('shaders of attention with subgroup matrices', () => {
  const node: AttentionNode = { sequences: 12, length: 256, headDim: 64, scale: 0.125 };
  const forms: readonly SubgroupAttentionForm[] = [...gradientForms.keys, ...forwardForms, { ...small, rowsEach: 32 }];
  const sizes: readonly Partial<AttentionNode>[] = [{}, { length: 2047 }, { headDim: 80, length: 100 }];
  it('compile, in every form', async () => {
    const choices = forms.flatMap((form) =>
      sizes.flatMap((size) => [
        subgroupGradientChoice({ ...node, ...size }, precise, only(form)),
        subgroupAttentionChoice({ ...node, ...size }, precise, [form]),
      ]),
    );
    const sources = choices.flatMap((choice, i) => {
      if (!choice) throw new Error(`no kernel for case ${i}`);
      return choice.dispatches([true, true, true]).map(shaderOf);
    });
    expect(await compileOnNullDevice(sources)).toEqual([]);
    expect(await compileOnNullDevice([sources[0]?.replace('row_major', 'row_wise') ?? ''])).not.toEqual([]);
  });
});
