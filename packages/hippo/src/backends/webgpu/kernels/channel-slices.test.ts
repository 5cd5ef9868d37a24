// Splitting over channels: every binding within the limit, ranges at multiples of 256, nothing left out.
import { expect, it } from 'vitest';
import { input as operand, traceGraph } from '../../../graph/trace.ts';
import type { Value } from '../../../graph/value.ts';
import { causalFir, diagonalSsm, fftConv } from '../../../ops/index.ts';
import { makePlan } from '../../../plan/make-plan.ts';
import { webGpuKernels } from '../kernel-table.ts';
import { channelSlices } from './channel-slices.ts';
import { input } from './dispatch.ts';
import { planBindings } from './plan-bindings.test-support.ts';
import { baseTraits } from './shader-snapshot.test-support.ts';

it('leaves what fits whole', () => {
  const [slice, ...others] = channelSlices(5, [100, 4], 500);
  expect(others).toEqual([]);
  expect(slice?.count).toBe(5);
  expect(slice?.of(input(2), 100)).toEqual(input(2));
});

it('reads an operand of one number a channel from a bit before', () => {
  const [, second] = channelSlices(40, [1024], 16_384);
  expect([second?.from, second?.count]).toEqual([16, 16]);
  expect(second?.of(input(1), 1024)).toEqual(input(1, { from: 16_384, to: 32_768 }));
  expect(second?.of(input(2), 4)).toEqual(input(2, { from: 0, to: 128 }));
  expect(second?.numberOf('channel')).toBe('channel + 16u');
});

it('cuts at channels where every operand starts at a multiple of 256', () => {
  const slices = channelSlices(200, [1000, 4], 70_000);
  expect(slices.map(({ from, count }) => [from, count])).toEqual([
    [0, 64],
    [64, 64],
    [128, 64],
    [192, 8],
  ]);
  expect(slices[3]?.of(input(1), 4)).toEqual(input(1, { from: 768, to: 800 }));
});

const f = (name: string, ...shape: number[]): Value => operand(name, { shape, dtype: 'f32' });
const [channels, length] = [256, 300];
const u = (): Value => f('u', channels, 2, length);
const pole = (name: string): Value => f(name, channels, 4);
const graphs: Readonly<Record<string, () => Record<string, Value>>> = {
  diagonalSsm: () => {
    const parameters = { logPoleRe: pole('a'), logPoleIm: pole('b'), cRe: pole('c'), cIm: pole('d') };
    return { ...diagonalSsm(u(), { ...parameters, skip: f('skip', channels) }) };
  },
  causalFir: () => ({ ...causalFir(u(), { taps: f('taps', channels, 5) }) }),
  fftConv: () => ({ y: fftConv(u(), f('kernel', channels, 200)) }),
};

it.each(Object.entries(graphs))('%s: no binding is larger than the device allows', (_, build) => {
  const maxBindingBytes = 2 ** 18;
  const plan = makePlan(traceGraph(build), webGpuKernels({ ...baseTraits, maxBindingBytes }, 2 ** 28));
  const dispatches = planBindings(plan);
  expect(dispatches.length).toBeGreaterThan(plan.steps.length);
  for (const { name, from, to } of dispatches.flat()) {
    expect(from % 256, name).toBe(0);
    expect(to - from, name).toBeLessThanOrEqual(maxBindingBytes);
  }
});
