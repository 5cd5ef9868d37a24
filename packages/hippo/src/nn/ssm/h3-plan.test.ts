// What an H3 layer becomes on the WebAssembly backend: one mixer kernel each way, its form chosen by stated costs, nothing moved;
// and the mixer's decomposition, which other backends run, is the mixer.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { read } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import { h3MixerOperation } from '../../ops/h3-mixer.ts';
import { h3MixerGradientOperation } from '../../ops/h3-mixer-gradient.ts';
import { full, gradient, h3Mixer, mean, square } from '../../ops/index.ts';
import { compile } from '../../session/compile.ts';
import { type Device, openDevice } from '../../session/device.ts';
import { createStore } from '../../session/store.ts';
import { evaluate, inputOf, openStore, outputOf, randomTensor, relativeError } from '../layer.test-support.ts';
import { rootScope } from '../scope.ts';
import { h3 } from './h3.ts';

describe('the plan of an H3 layer', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ backend: 'wasm', threads: 1 });
  });
  afterAll(() => device.dispose());

  it('has one mixer kernel each way and no movement of its tensors', async () => {
    const scope = rootScope();
    const layer = h3(scope, { width: 16 });
    using store = createStore(device);
    store.initialize(scope.variables, { seed: 0 });
    using run = await compile(
      ({ x }) => {
        const loss = mean(square(layer.apply(x!).y));
        const slopes = gradient(loss, [x!, ...scope.variables.map((variable) => read(variable))]);
        return Object.fromEntries([['loss', loss], ...slopes.map((slope, i) => [`g${i}`, slope] as const)]);
      },
      { store, inputs: { x: { shape: [4, 1024, 16], dtype: 'f32' } } },
    );
    const lines = run.explain().split('\n');
    const of = (name: string) => lines.filter((line) => new RegExp(`^ *\\d+ ${name} `).test(line));
    expect(of('h3Mixer')).toHaveLength(1);
    expect(of('h3Mixer')[0]).toMatch(
      /\[convolution [\d.]+, chunked [\d.]+, scan [\d.]+ ns a step and channel by the cost model\]/,
    );
    expect(of('h3MixerGradient')).toHaveLength(1);
    expect(lines.filter((line) => /causalFirGradient|diagonalSsm|transpose/.test(line))).toEqual([]);
  });

  it('starts a step from λ, computed once, while the weights are frozen', async () => {
    const scope = rootScope();
    const layer = h3(scope, { width: 16 });
    using store = createStore(device);
    store.initialize(scope.variables, { seed: 0 });
    const build = (values: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> => {
      const x = inputOf(values, 'x');
      const state = Object.fromEntries(layer.stateShapes(1, 1).map(({ name, shape }) => [name, full(shape, 0.1)]));
      const result = layer.apply(x, { state });
      return { y: result.y, ...result.state };
    };
    const inputs = { x: { shape: [1, 1, 16], dtype: 'f32' } } as const;
    using each = await compile(build, { store, inputs });
    using frozen = await compile(build, { store, inputs, frozen: scope.variables });
    expect(each.explain()).toMatch(/ h3Mixer /);
    const steps = frozen.explain().split('\n');
    expect(steps.filter((line) => / h3MixerStep /.test(line))).toHaveLength(1);
    expect(steps.filter((line) => /\b(exp|cos|sin)\b|h3Mixer /.test(line))).toEqual([]);
    const given = { x: randomTensor([1, 1, 16], 'x').data };
    const [one, other] = [await each(given), await frozen(given)];
    for (const name of ['y', 'shift', 'diagonal'])
      expect(relativeError(other[name]?.data, one[name]?.data ?? [])).toBeLessThan(1e-6);
  });
});

it('the mixer and its gradient are what they decompose into', async () => {
  const store = await openStore('reference', []);
  const [channels, batch, length, taps, states] = [2, 3, 9, 4, 3];
  const row = [channels, batch, length];
  const pole = [channels, states];
  const shapes = [row, row, row, [channels, taps], [channels], pole, pole, pole, pole, [channels]];
  const ends = [
    [channels, batch, taps - 1],
    [channels, batch, 2, states],
  ];
  const inputs = Object.fromEntries(
    [row, ...ends, ...shapes, ...ends].map((shape, i) => [`x${i}`, randomTensor(shape, `x${i}`)]),
  );
  const outputs = await evaluate(store, inputs, (values) => {
    const all = Object.keys(inputs).map((name) => inputOf(values, name));
    const given = all.slice(3);
    const [q, k, v, tapValues, shiftSkip, logPoleRe, logPoleIm, cRe, cIm, skip, shift, diagonal] = given as never[];
    const whole = h3Mixer(
      { q: q!, k: k!, v: v! },
      {
        taps: tapValues!,
        shiftSkip: shiftSkip!,
        diagonal: { logPoleRe: logPoleRe!, logPoleIm: logPoleIm!, cRe: cRe!, cIm: cIm!, skip: skip! },
      },
      { state: { shift: shift!, diagonal: diagonal! } },
    );
    const attributes = { form: 'auto', state: true } as const;
    const parts = h3MixerOperation.decompose!(given, attributes);
    const slopes = h3MixerGradientOperation.decompose!(all, { ...attributes, endGradients: true });
    return Object.fromEntries([
      ...[whole.y, whole.shiftEnd, whole.endState].flatMap((value, i) => [
        [`whole${i}`, value] as const,
        [`parts${i}`, parts[i]!] as const,
      ]),
      ...slopes.map((slope, i) => [`slope${i}`, slope] as const),
    ]);
  });
  for (let i = 0; i < 3; i++)
    expect(relativeError(outputOf(outputs, `parts${i}`).data, outputOf(outputs, `whole${i}`).data)).toBeLessThan(1e-6);
  const exact = h3MixerGradientOperation.reference!(
    Object.values(inputs).map(({ shape, data }) => ({ shape, data: Float64Array.from(data) })),
    { form: 'auto', state: true, endGradients: true },
    [],
  );
  expect(exact).toHaveLength(12);
  for (const [i, want] of exact.entries())
    expect(relativeError(outputOf(outputs, `slope${i}`).data, want), `gradient ${i}`).toBeLessThan(1e-6);
});
