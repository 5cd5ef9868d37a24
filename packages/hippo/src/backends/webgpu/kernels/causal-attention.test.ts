// What conformance cannot see of attention on WebGPU: which tiles fit which memory, and operands larger than a binding. Needs no device.
import { describe, expect, it } from 'vitest';
import type { DeviceTraits } from '../traits.ts';
import { sequenceParts } from './attention-tile.ts';
import { causalAttentionChoice } from './causal-attention.ts';
import { causalAttentionGradientChoice } from './causal-attention-gradient.ts';

const traits: DeviceTraits = {
  maxStorageBuffers: 8,
  maxBindingBytes: 2 ** 27,
  maxWorkgroupBytes: 2 ** 14,
  maxThreads: 256,
  f16: false,
  subgroups: undefined,
  subgroupMatrices: [],
  precision: 'f32',
};
const choosers = { forward: causalAttentionChoice, gradient: causalAttentionGradientChoice };

/** Bytes of the arrays that a shader keeps in workgroup memory. */
function workgroupBytes(code: string): number {
  const sizes: Readonly<Record<string, number>> = { f32: 4, 'vec2<f32>': 8, 'vec4<f32>': 16 };
  const arrays = code.matchAll(/var<workgroup> \w+: array<([\w<>]+), (\d+)>/g);
  return [...arrays].reduce((sum, [, type = '', count]) => sum + (sizes[type] ?? Number.NaN) * Number(count), 0);
}

describe.each(Object.entries(choosers))('causal attention, %s', (_, choose) => {
  it.each([1, 2, 7, 24, 33, 64, 80, 96, 127, 128])('fits a base device with heads of %i, short or long', (headDim) => {
    for (const length of [5, 4096]) {
      const choice = choose({ sequences: 12, length, headDim, scale: 1 }, traits);
      const dispatches = choice?.dispatches([true, true, true]) ?? [];
      expect(dispatches.length).toBeGreaterThan(0);
      for (const { code, bindings } of dispatches) {
        expect(workgroupBytes(code)).toBeLessThanOrEqual(traits.maxWorkgroupBytes);
        expect(Number(/@workgroup_size\((\d+)\)/.exec(code)?.[1])).toBeLessThanOrEqual(traits.maxThreads);
        expect(bindings.length).toBeLessThanOrEqual(traits.maxStorageBuffers);
      }
    }
  });

  it('has no kernel where no tile fits', () => {
    expect(choose({ sequences: 1, length: 9, headDim: 9000, scale: 1 }, traits)).toBeUndefined();
  });

  it('takes sequences in parts whose operands a binding may cover', () => {
    const sizes = { sequences: 50, length: 24, headDim: 6, scale: 1 };
    const maxBindingBytes = 10_000;
    const dispatches = choose(sizes, { ...traits, maxBindingBytes })?.dispatches([true, true, true]) ?? [];
    expect(dispatches.length).toBeGreaterThan(1);
    for (const { bindings } of dispatches) {
      for (const { name, memory } of bindings) {
        const { from, to } = ('range' in memory && memory.range) || { from: 0, to: Number.NaN };
        expect(from % 256, name).toBe(0);
        expect(to - from, name).toBeLessThanOrEqual(maxBindingBytes);
      }
    }
  });
});

describe('sequenceParts', () => {
  it('covers every sequence once', () => {
    const parts = sequenceParts(50, { length: 24, headDim: 6 }, 10_000);
    expect(parts[0]?.from).toBe(0);
    expect(parts.at(-1)?.to).toBe(50);
    for (const [i, { from }] of parts.slice(1).entries()) expect(from).toBe(parts[i]?.to);
    expect(sequenceParts(50, { length: 24, headDim: 6 }, 1e9)).toEqual([{ from: 0, to: 50 }]);
  });
});
