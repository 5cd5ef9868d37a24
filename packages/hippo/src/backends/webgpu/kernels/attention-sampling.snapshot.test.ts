// The shaders of attention and of sampling at fixed sizes as text: a change of the generators shows as a difference. Needs no device.
import { expect, it } from 'vitest';
import type { DeviceTraits } from '../traits.ts';
import { causalAttentionChoice } from './causal-attention.ts';
import { causalAttentionGradientChoice } from './causal-attention-gradient.ts';
import type { KernelChoice } from './dispatch.ts';
import { sampleTokensChoice } from './sample-tokens.ts';

const base: DeviceTraits = {
  maxStorageBuffers: 8,
  maxBindingBytes: 2 ** 27,
  maxWorkgroupBytes: 2 ** 14,
  maxThreads: 256,
  f16: false,
  subgroups: undefined,
  subgroupMatrices: [],
  precision: 'f32',
};
const large: DeviceTraits = { ...base, maxWorkgroupBytes: 3 * 2 ** 14, maxThreads: 1024 };
const precise: DeviceTraits = {
  ...large,
  f16: true,
  subgroups: { min: 32, max: 32 },
  subgroupMatrices: [{ m: 16, n: 16, k: 16, component: 'f16', result: 'f32' }],
  precision: 'f16',
};
const heads = { sequences: 12, length: 2048, headDim: 64, scale: 0.125 };

const choices: Readonly<Record<string, KernelChoice | undefined>> = {
  'causal-attention': causalAttentionChoice(heads, large),
  'causal-attention-gradient': causalAttentionGradientChoice({ ...heads, headDim: 33 }, base),
  'causal-attention-subgroup': causalAttentionChoice({ ...heads, length: 2047 }, precise),
  'causal-attention-gradient-subgroup': causalAttentionGradientChoice(heads, precise),
  'sample-tokens': sampleTokensChoice(
    { rows: 2, columns: 50_264, classes: 50_257, temperature: 0.8, topK: 40, topP: 0.9, minP: 0.05 },
    large,
  ),
};

it.each(Object.entries(choices))('%s', async (name, choice) => {
  const texts = choice?.dispatches([true, true, true]).map(({ label, bindings, workgroups, code }) => {
    const bound = bindings.map(({ name: own, element, access }) => `// ${access}s ${own}: array<${element}>`);
    return [`// ${label}: ${workgroups.join(' × ')} workgroups; ${choice.reason}`, ...bound, code].join('\n');
  });
  await expect(`${texts?.join('\n\n')}\n`).toMatchFileSnapshot(`snapshots/${name}.wgsl`);
});
