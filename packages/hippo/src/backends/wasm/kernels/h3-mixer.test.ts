// The fused mixer against the float64 definition: every form, states in and out, any number of parts, outputs left out.
import { describe, expect, it } from 'vitest';
import type { NumbersWithShape } from '../../../graph/value.ts';
import { h3MixerOperation } from '../../../ops/h3-mixer.ts';
import { h3MixerGradientOperation } from '../../../ops/h3-mixer-gradient.ts';
import { elementCount } from '../../../tensor/shape.ts';
import { builds, expectClose, noise, probe } from './causal-fir-probe.test-support.ts';
import { type H3MixerSizes, h3MixerCalls, h3MixerGradientCalls } from './h3-mixer.ts';

const forms = ['scan', 'chunked', 'convolution'] as const;

/** q, k, v, taps, shiftSkip, logPoleRe, logPoleIm, cRe, cIm, skip, shiftState, state. */
function shapes({ channels, batch, length, taps, states }: H3MixerSizes): readonly (readonly number[])[] {
  const row = [channels, batch, length];
  const poles = [channels, states];
  const model = [[channels, taps], [channels], poles, poles, poles, poles, [channels]];
  return [row, row, row, ...model, [channels, batch, taps - 1], [channels, batch, 2, states]];
}

function operands(sizes: H3MixerSizes, seed: number): Float32Array[] {
  const all = shapes(sizes).map((shape, i) => noise(elementCount(shape), seed + i));
  return all.map((x, i) => {
    if (i === 5) return x.map((value) => -0.4 * value * value - 0.002);
    if (i === 6) return x.map((value) => 4 * value ** 3);
    return i === 7 || i === 8 ? x.map((value) => value / Math.sqrt(sizes.states)) : x;
  });
}

const exact = (data: readonly Float32Array[], types: readonly (readonly number[])[]): NumbersWithShape[] =>
  data.map((x, i) => ({ shape: types[i] ?? [], data: Float64Array.from(x) }));

const sizesList: readonly H3MixerSizes[] = [
  { channels: 3, batch: 2, length: 1, taps: 64, states: 32 },
  { channels: 3, batch: 1, length: 1, taps: 1, states: 3 },
  { channels: 3, batch: 2, length: 1, taps: 2, states: 4 },
  { channels: 2, batch: 3, length: 1, taps: 5, states: 4 },
  { channels: 2, batch: 1, length: 1, taps: 11, states: 4 },
  { channels: 2, batch: 3, length: 20, taps: 64, states: 5 },
  { channels: 4, batch: 1, length: 257, taps: 4, states: 4 },
  { channels: 2, batch: 2, length: 1037, taps: 64, states: 8 },
  { channels: 1, batch: 1, length: 2048, taps: 7, states: 32 },
];

describe.each(builds)('h3Mixer, %s build', async (build) => {
  const run = await probe(build);

  it.each(forms)('is its definition as %s, with and without states', (form) => {
    for (const sizes of sizesList) {
      const given = operands(sizes, 1);
      for (const state of [false, true]) {
        const inputs = given.slice(0, state ? 12 : 10);
        const want = h3MixerOperation.reference!(exact(inputs, shapes(sizes)), { form, state }, []);
        const got = run(
          h3MixerCalls({ ...sizes, form }),
          inputs,
          want.map(({ length }) => length),
        );
        const what = JSON.stringify({ ...sizes, state });
        for (const [i, x] of got.entries()) expectClose(x, want[i]!, 1e-5, `output ${i}, ${what}`);
        const [alone] = run(h3MixerCalls({ ...sizes, form }), inputs, [want[0]!.length, undefined, undefined]);
        expect([...alone!], what).toEqual([...got[0]!]);
      }
    }
  });

  it('takes λ instead of its logarithm, up to eight steps', () => {
    for (const sizes of sizesList.map((one) => ({ ...one, length: Math.min(one.length, 8) }))) {
      const inputs = operands(sizes, 1);
      const want = h3MixerOperation.reference!(exact(inputs, shapes(sizes)), { form: 'scan', state: true }, []);
      const [logRe, logIm] = [inputs[5]!, inputs[6]!];
      inputs[5] = logRe.map((x, i) => Math.exp(x) * Math.cos(logIm[i]!));
      inputs[6] = logIm.map((x, i) => Math.exp(logRe[i]!) * Math.sin(x));
      const got = run(
        h3MixerCalls({ ...sizes, form: 'step' }),
        inputs,
        want.map(({ length }) => length),
      );
      for (const [i, x] of got.entries()) expectClose(x, want[i]!, 1e-5, `output ${i}, ${JSON.stringify(sizes)}`);
    }
  });

  it('gives the same in pieces, the states passed on, as in one call', () => {
    const sizes = { channels: 2, batch: 2, length: 700, taps: 9, states: 6 };
    const given = operands(sizes, 2);
    const want = h3MixerOperation.reference!(exact(given, shapes(sizes)), { form: 'scan', state: true }, []);
    let states = given.slice(10);
    let from = 0;
    for (const [i, length] of [1, 3, 600, 64, 32].entries()) {
      const cut = (x: ArrayLike<number>) =>
        Float32Array.from({ length: 4 * length }, (_, at) => x[Math.floor(at / length) * 700 + from + (at % length)]!);
      const inputs = [...given.slice(0, 3).map(cut), ...given.slice(3, 10), ...states];
      const [y, ...ends] = run(h3MixerCalls({ ...sizes, length, form: forms[i % 3]! }), inputs, [4 * length, 32, 48]);
      expectClose(y!, cut(want[0]!), 1e-5, `steps ${from} to ${from + length}`);
      states = ends;
      from += length;
    }
    expectClose(states[0]!, want[1]!, 1e-6, 'shift state');
    expectClose(states[1]!, want[2]!, 1e-5, 'diagonal state');
  });

  it.each(['chunked', 'convolution'] as const)('has its gradient as %s', (form) => {
    for (const sizes of sizesList) {
      const withStates = form === 'chunked';
      const inputs = operands(sizes, 3).slice(0, withStates ? 12 : 10);
      const types = shapes(sizes).slice(0, inputs.length);
      const ends = withStates ? types.slice(10) : [];
      const given = [types[0]!, ...ends].map((shape, i) => noise(elementCount(shape), 40 + i));
      const attributes = { form, state: withStates, endGradients: withStates };
      const want = h3MixerGradientOperation.reference!(
        exact([...given, ...inputs], [types[0]!, ...ends, ...types]),
        attributes,
        [],
      );
      const slots = withStates ? given : [given[0], undefined, undefined];
      const got = run(
        h3MixerGradientCalls({ ...sizes, form }),
        [...slots, ...inputs],
        want.map(({ length }) => length),
      );
      for (const [i, x] of got.entries()) expectClose(x, want[i]!, 2e-5, `gradient ${i}, ${JSON.stringify(sizes)}`);
    }
  });
});
