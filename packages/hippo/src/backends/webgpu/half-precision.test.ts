// A training step in half precision, as a GPU with matrices of subgroups gets it: what its plan keeps as f16, and that every shader
// compiles (Dawn's null device has the features; no device of these tests has them).
import { describe, expect, it } from 'vitest';
import { makePlan } from '../../plan/make-plan.ts';
import { inBrowser } from '../../testing/test-file.test-support.ts';
import { webGpuKernels } from './kernel-table.ts';
import { castChoice } from './kernels/cast-to-f16.ts';
import { largeTraits } from './kernels/matmul.test-support.ts';
import { compileOnNullDevice, shaderOf } from './kernels/null-device.test-support.ts';
import { trainingStep } from './training-step.test-support.ts';

const traits = { ...largeTraits, maxStorageBuffers: 16, precision: 'f16' } as const;
const config = { vocab_size: 1000, d_model: 256, num_heads: 4, n_layer: 2, mixer: ['h3', 'attention'] } as const;
const graph = () => trainingStep({ ...config, mixer: [...config.mixer] }, 2, 256);
const plan = makePlan(graph(), webGpuKernels(traits, 2 ** 40), { verify: true });
const typesOf = (name: string, side: 'inputTypes' | 'outputTypes') =>
  plan.steps.filter(({ operations }) => operations[0] === name).map((step) => step[side].map((type) => type?.dtype));

describe('a training step in half precision', () => {
  it('rounds the weights of products together, once', () => {
    // Three projections and an output of H3, two of attention, two of each MLP, and the head.
    expect(typesOf('castAllToF16', 'outputTypes')).toEqual([Array.from({ length: 11 }, () => 'f16')]);
  });
  it('keeps what only products read as f16', () => {
    const norms = typesOf('layerNorm', 'outputTypes').map(([first]) => first);
    expect(norms).toEqual(['f16', 'f16', 'f16', 'f16', 'f16']);
    const factors = [...typesOf('matmul', 'inputTypes'), ...typesOf('matmulEpilogue', 'inputTypes')];
    expect(factors.filter(([a, b]) => a !== 'f16' || b !== 'f16')).toEqual([]);
    expect(typesOf('linearCrossEntropyGradient', 'inputTypes')[0]?.slice(0, 2)).toEqual(['f16', 'f16']);
  });
  it('keeps everything as f32 on devices that do not round factors', () => {
    const other = makePlan(graph(), webGpuKernels({ ...traits, precision: 'f32' }, 2 ** 40));
    expect(other.steps.flatMap(({ outputTypes }) => outputTypes).filter((type) => type?.dtype === 'f16')).toEqual([]);
    expect(other.steps.length).toBeLessThan(plan.steps.length);
  });
  it.skipIf(inBrowser)(
    'compiles',
    async () => {
      const sources = plan.steps.flatMap(({ kernel, outputs }) =>
        kernel.dispatches(outputs.map((location) => location !== undefined)).map(shaderOf),
      );
      expect(sources.filter((source) => source.includes('enable f16')).length).toBeGreaterThan(20);
      expect(await compileOnNullDevice([...new Set(sources)])).toEqual([]);
    },
    120_000,
  );
});

describe('castAllToF16', () => {
  it('binds as many tensors as it may, by ranges that fit and begin where they must', () => {
    const limits = { f16: true, maxBindingBytes: 4096, maxStorageBuffers: 8 };
    const dispatches = castChoice([64, 4, 2048, 8, 1024], limits)?.dispatches([]) ?? [];
    expect(dispatches.map(({ bindings }) => bindings.length)).toEqual([8, 4]);
    const ranges = dispatches.flatMap(({ bindings }) =>
      bindings.map(({ memory }) => ('range' in memory && memory.range ? [memory.range.from, memory.range.to] : [])),
    );
    expect(ranges.slice(4, 8)).toEqual([
      [0, 4096],
      [0, 2048],
      [4096, 8192],
      [2048, 4096],
    ]);
  });
  it('is not there without f16 in shaders', () => {
    expect(castChoice([64], { f16: false, maxBindingBytes: 4096, maxStorageBuffers: 8 })).toBeUndefined();
  });
});
