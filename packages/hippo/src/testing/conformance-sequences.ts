// Conformance cases of the convolution and state-space operators, with every combination of skip, state and end gradient.
import { applyOperation } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { causalFirGradientOperation } from '../ops/causal-fir.ts';
import { diagonalSsmGradientOperation } from '../ops/diagonal-ssm.ts';
import { fftConvGradientOperation } from '../ops/fft-conv.ts';
import { h3MixerOperation } from '../ops/h3-mixer.ts';
import { h3MixerGradientOperation } from '../ops/h3-mixer-gradient.ts';
import { h3MixerStepOperation } from '../ops/h3-mixer-step.ts';
import type { SsmForm } from '../ops/index.ts';
import * as ops from '../ops/index.ts';
import type { Shape } from '../tensor/shape.ts';
import type { CaseInput, ConformanceCase } from './conformance.ts';

type V = Value;

const f = (shape: Shape, from = -1, to = 1): CaseInput => ({ shape, from, to });
const flags = [
  [false, false],
  [true, true],
  [true, false],
  [false, true],
] as const;
const forms = ['scan', 'chunked', 'convolution'] as const;
const results = (values: readonly V[]) => Object.fromEntries(values.map((value, index) => [`result${index}`, value]));
const label = (name: string, on: boolean): string => (on ? ` ${name}` : '');

function firCases(): ConformanceCase[] {
  const sizes = [
    [1, 1, 1, 1],
    [2, 1, 3, 2],
    [3, 2, 1, 64],
    [2, 3, 5, 4],
    [5, 2, 65, 64],
    [2, 1, 130, 3],
  ] as const;
  return sizes.flatMap(([channels, batch, length, taps]) =>
    flags.flatMap(([skip, state]): ConformanceCase[] => {
      const u = f([channels, batch, length]);
      const end = f([channels, batch, taps - 1]);
      const operands = [u, f([channels, taps]), ...(skip ? [f([channels])] : []), ...(state ? [end] : [])];
      const name = `[${channels}, ${batch}, ${length}] ${taps} taps${label('skip', skip)}${label('state', state)}`;
      const forward = (x?: V, k?: V, a?: V, b?: V) =>
        ops.causalFir(x as V, { taps: k as V, skip: skip ? a : undefined, state: state ? (skip ? b : a) : undefined });
      const backward = (endGradient: boolean): ConformanceCase => ({
        operation: 'causalFirGradient',
        name: `${name}${label('end', endGradient)}`,
        inputs: [u, ...(endGradient ? [end] : []), ...operands],
        build: (...values) => results(applyOperation(causalFirGradientOperation, values, { skip, state, endGradient })),
        tolerance: 1e-5,
      });
      return [
        {
          operation: 'causalFir',
          name,
          inputs: operands,
          build: (...values) => ({ ...forward(...values) }),
          tolerance: 1e-5,
        },
        backward(false),
        backward(true),
      ];
    }),
  );
}

function ssmCases(): ConformanceCase[] {
  const sizes = [
    [1, 1, 1, 1],
    [3, 2, 1, 32],
    [2, 2, 2, 2],
    [2, 3, 7, 3],
    [2, 2, 65, 4],
    [3, 5, 130, 32],
    [1, 1, 300, 5],
    // Many states, and a row of several tiles on a GPU.
    [2, 1, 1100, 70],
  ] as const;
  return sizes.flatMap(([channels, batch, length, states]) =>
    flags.flatMap(([skip, state]): ConformanceCase[] => {
      const u = f([channels, batch, length]);
      const end = f([channels, batch, 2, states]);
      // Logarithms of poles inside the unit circle, then the output coefficients.
      const parameters = [
        f([channels, states], -0.3, -0.002),
        f([channels, states], -3, 3),
        f([channels, states]),
        f([channels, states]),
      ];
      const operands = [u, ...parameters, ...(skip ? [f([channels])] : []), ...(state ? [end] : [])];
      const name = `[${channels}, ${batch}, ${length}] ${states} states${label('skip', skip)}${label('state', state)}`;
      const forward = (form: SsmForm): ConformanceCase => ({
        operation: 'diagonalSsm',
        name: `${form} ${name}`,
        inputs: operands,
        build: (x, logPoleRe, logPoleIm, cRe, cIm, a, b) => {
          const values = {
            logPoleRe: logPoleRe as V,
            logPoleIm: logPoleIm as V,
            cRe: cRe as V,
            cIm: cIm as V,
            skip: skip ? a : undefined,
          };
          return { ...ops.diagonalSsm(x as V, values, { form, state: state ? (skip ? b : a) : undefined }) };
        },
        tolerance: 2e-5,
      });
      const backward = (form: SsmForm, endGradient: boolean): ConformanceCase => ({
        operation: 'diagonalSsmGradient',
        name: `${form} ${name}${label('end', endGradient)}`,
        inputs: [u, ...(endGradient ? [end] : []), ...operands],
        build: (...values) =>
          results(applyOperation(diagonalSsmGradientOperation, values, { form, skip, state, endGradient })),
        tolerance: 5e-5,
      });
      return [...forms.map(forward), ...forms.slice(1).map((form) => backward(form, false)), backward('auto', true)];
    }),
  );
}

function convolutionCases(): ConformanceCase[] {
  const sizes = [
    [1, 1, 1, 1],
    [2, 2, 2, 2],
    [1, 2, 5, 3],
    [3, 3, 33, 33],
    [2, 5, 100, 17],
    [2, 2, 512, 512],
  ] as const;
  return sizes.flatMap(([channels, batch, length, taps]): ConformanceCase[] => {
    const u = f([channels, batch, length]);
    const name = `[${channels}, ${batch}, ${length}] ${taps} taps`;
    const forward = (direction: 'causal' | 'anticausal', skip: boolean): ConformanceCase => ({
      operation: 'fftConv',
      name: `${direction} ${name}${label('skip', skip)}`,
      inputs: [u, f([channels, taps]), ...(skip ? [f([channels])] : [])],
      build: (x, k, s) => ({ y: ops.fftConv(x as V, k as V, { direction, skip: skip ? s : undefined }) }),
      tolerance: 1e-5,
    });
    const backward = (direction: 'causal' | 'anticausal', skip: boolean): ConformanceCase => ({
      operation: 'fftConvGradient',
      name: `${direction} ${name}${label('skip', skip)}`,
      inputs: [u, u, f([channels, taps]), ...(skip ? [f([channels])] : [])],
      build: (...values) => results(applyOperation(fftConvGradientOperation, values, { direction, skip })),
      tolerance: 1e-5,
    });
    const directions = ['causal', 'anticausal'] as const;
    return directions.flatMap((direction) =>
      [false, true].flatMap((skip) => [forward(direction, skip), backward(direction, skip)]),
    );
  });
}

/** [channels, batch, length, taps, states] of the mixer: single steps, odd lengths, shorter than the taps, odd batches, several pieces. */
const mixerShapes = [
  [1, 1, 1, 1, 1],
  [1, 2, 3, 2, 1],
  [2, 3, 1, 64, 32],
  [3, 1, 17, 64, 4],
  [2, 2, 65, 4, 3],
  [3, 5, 130, 64, 32],
  [1, 1, 1100, 64, 5],
] as const;

function mixerCases(): ConformanceCase[] {
  return mixerShapes.flatMap(([channels, batch, length, taps, states]) =>
    [false, true].flatMap((state): ConformanceCase[] => {
      const row = f([channels, batch, length]);
      const poles = [f([channels, states], -0.3, -0.002), f([channels, states], -3, 3)];
      const c = f([channels, states]);
      const ends = [f([channels, batch, taps - 1]), f([channels, batch, 2, states])];
      const operands = [row, row, row, f([channels, taps]), f([channels]), ...poles, c, c, f([channels])];
      const inputs = [...operands, ...(state ? ends : [])];
      const name = `[${channels}, ${batch}, ${length}] ${taps} taps ${states} states${label('state', state)}`;
      const forward = (form: SsmForm): ConformanceCase => ({
        operation: 'h3Mixer',
        name: `${form} ${name}`,
        inputs,
        build: (...values) => results(applyOperation(h3MixerOperation, values, { form, state })),
        tolerance: 2e-5,
      });
      const backward = (form: SsmForm, endGradients: boolean): ConformanceCase => ({
        operation: 'h3MixerGradient',
        name: `${form} ${name}${label('ends', endGradients)}`,
        inputs: [row, ...(endGradients ? ends : []), ...inputs],
        build: (...values) => results(applyOperation(h3MixerGradientOperation, values, { form, state, endGradients })),
        tolerance: 5e-5,
      });
      // Away from zero, which has no logarithm for the definition to go back to.
      const given = [...inputs.slice(0, 5), f([channels, states], 0.2, 0.7), f([channels, states], -0.7, 0.7)];
      const step: ConformanceCase = {
        operation: 'h3MixerStep',
        name,
        inputs: [...given, ...inputs.slice(7)],
        build: (...values) => results(applyOperation(h3MixerStepOperation, values, { state })),
        tolerance: 2e-5,
      };
      return [
        ...forms.map(forward),
        step,
        ...forms.slice(1).map((form) => backward(form, false)),
        backward('auto', true),
      ];
    }),
  );
}

/** Cases of causalFir, diagonalSsm, h3Mixer, fftConv and shiftTaps, and of their gradient operations. */
export function sequenceCases(): ConformanceCase[] {
  const taps = (
    [
      [1, 1],
      [3, 5],
      [2, 64],
    ] as const
  ).map(
    ([channels, count]): ConformanceCase => ({
      operation: 'shiftTaps',
      name: `[${channels}, ${count}]`,
      inputs: [f([channels, count]), f([channels, count])],
      build: (b, c) => ({ y: ops.shiftTaps(b as V, c as V) }),
      tolerance: 1e-5,
    }),
  );
  return [...firCases(), ...ssmCases(), ...mixerCases(), ...convolutionCases(), ...taps];
}
