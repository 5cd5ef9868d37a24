// The shaders of two fixed state-space graphs as text: a change of the generators shows as a difference. Needs no device.
import { expect, it } from 'vitest';
import { applyOperation, input } from '../../../graph/trace.ts';
import type { Value } from '../../../graph/value.ts';
import { fftConvGradientOperation } from '../../../ops/fft-conv.ts';
import { h3Mixer } from '../../../ops/index.ts';
import { shaderTexts } from './shader-snapshot.test-support.ts';

const f = (name: string, ...shape: number[]): Value => input(name, { shape, dtype: 'f32' });

const graphs: Readonly<Record<string, () => Record<string, Value>>> = {
  'h3-mixer': () => {
    const [channels, batch, length, taps, states] = [768, 16, 4096, 64, 32];
    const row = (name: string): Value => f(name, channels, batch, length);
    const pole = (name: string): Value => f(name, channels, states);
    const diagonal = {
      ...{ logPoleRe: pole('logPoleRe'), logPoleIm: pole('logPoleIm'), cRe: pole('cRe'), cIm: pole('cIm') },
      skip: f('skip', channels),
    };
    const operands = { q: row('q'), k: row('k'), v: row('v') };
    const { y } = h3Mixer(operands, { taps: f('taps', channels, taps), shiftSkip: f('shiftSkip', channels), diagonal });
    return { y };
  },
  'fft-conv-gradient': () => {
    const operands = [f('dy', 3, 5, 700), f('u', 3, 5, 700), f('kernel', 3, 300), f('skip', 3)];
    const results = applyOperation(fftConvGradientOperation, operands, { direction: 'causal', skip: true });
    return Object.fromEntries(results.map((value, i) => [`result${i}`, value]));
  },
};

it.each(Object.entries(graphs))('%s', async (name, build) => {
  await expect(shaderTexts(build)).toMatchFileSnapshot(`snapshots/${name}.wgsl`);
});
