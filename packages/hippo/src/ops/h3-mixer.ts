// The H3 mixer for head dimension 1 (paper.md 1.1): y = q ⊙ diagonal(v ⊙ shift(k)), where shift is a causal filter with a skip
// term (causal-fir.ts) and diagonal a state-space model (diagonal-ssm.ts). One operation, so that a backend can keep everything
// between its three reads and its one write in the cache; elsewhere it is decomposed into the four it names.
// Layout [channels, batch, length].
import { operand, rule } from '../graph/rule.ts';
import { applyOperation } from '../graph/trace.ts';
import type { NumbersWithShape, Operation, Value, ValueType } from '../graph/value.ts';
import { elementCount, formatShape, sameShape } from '../tensor/shape.ts';
import { causalFir, causalFirOperation, type FirSizes, firSizes } from './causal-fir.ts';
import { full } from './constant.ts';
import {
  type DiagonalSsmParameters,
  diagonalSsm,
  diagonalSsmOperation,
  type SsmForm,
  type SsmSizes,
  ssmSizes,
} from './diagonal-ssm.ts';
import { mul } from './elementwise.ts';
import { h3MixerGradientOperation } from './h3-mixer-gradient.ts';

export type H3MixerAttributes = { readonly form: SsmForm; readonly state: boolean };

/** The operands by name; the states are there when the attributes say so. */
export function h3MixerOperands<T>(inputs: readonly T[]) {
  const [q, k, v, taps, shiftSkip, logPoleRe, logPoleIm, cRe, cIm, skip, shiftState, state] = inputs;
  return { q, k, v, taps, shiftSkip, logPoleRe, logPoleIm, cRe, cIm, skip, shiftState, state };
}

/** Sizes from the shapes of q, of the taps and of the poles. */
export function h3MixerSizes(
  q: { readonly shape: readonly number[] },
  taps: { readonly shape: readonly number[] },
  pole: { readonly shape: readonly number[] },
): FirSizes & SsmSizes {
  return { ...firSizes(q, taps), ...ssmSizes(q, pole) };
}

function checkOperands(inputs: readonly ValueType[], { state }: H3MixerAttributes): FirSizes & SsmSizes {
  const [q, taps, pole] = [operand(inputs, 0), operand(inputs, 3), operand(inputs, 5)];
  const { channels, batch, length, taps: count, states } = h3MixerSizes(q, taps, pole);
  const expected = [
    ...[0, 1, 2].map(() => [channels, batch, length]),
    ...[[channels, count], [channels]],
    ...[0, 1, 2, 3].map(() => [channels, states]),
    [channels],
    ...(state
      ? [
          [channels, batch, count - 1],
          [channels, batch, 2, states],
        ]
      : []),
  ];
  rule(
    count >= 1 &&
      inputs.length === expected.length &&
      expected.every((shape, i) => sameShape(shape, inputs[i]?.shape ?? [])),
    () =>
      `takes q, k, v [channels, batch, length], taps [channels, taps], shiftSkip [channels], four parameters [channels, states], skip [channels] and, with a state, [channels, batch, taps − 1] and [channels, batch, 2, states]; got ${inputs.map((v) => formatShape(v.shape)).join(', ')}.`,
  );
  return { channels, batch, length, taps: count, states };
}

/** Inputs [q, k, v, taps, shiftSkip, logPoleRe, logPoleIm, cRe, cIm, skip, shiftState?, state?], outputs [y, shiftEnd, endState]. */
export const h3MixerOperation: Operation<H3MixerAttributes> = {
  name: 'h3Mixer',
  infer: (inputs, attributes) => {
    const { channels, batch, length, taps, states } = checkOperands(inputs, attributes);
    return [
      { shape: [channels, batch, length], dtype: 'f32' },
      { shape: [channels, batch, taps - 1], dtype: 'f32' },
      { shape: [channels, batch, 2, states], dtype: 'f32' },
    ];
  },
  gradient: ({ inputs, outputs, outputGradients, attributes: { state, form } }) => {
    const endGradients = outputGradients[1] !== undefined || outputGradients[2] !== undefined;
    const given = outputs
      .slice(0, endGradients ? 3 : 1)
      .map((output, index) => outputGradients[index] ?? full(output.shape, 0));
    return applyOperation(h3MixerGradientOperation, [...given, ...inputs], { state, endGradients, form });
  },
  reference: (inputs, { form, state }) => {
    const { q, k, v, taps, shiftSkip, logPoleRe, logPoleIm, cRe, cIm, skip, ...states } = h3MixerOperands(inputs);
    if (!q || !k || !v || !taps || !shiftSkip || !logPoleRe || !logPoleIm || !cRe || !cIm || !skip) return [];
    const flags = { skip: true, state };
    const [shifted, shiftEnd] = referenceOf(causalFirOperation, [k, taps, shiftSkip, states.shiftState], flags);
    const gated = { shape: q.shape, data: product(shifted, v.data) };
    const parameters = [logPoleRe, logPoleIm, cRe, cIm, skip];
    const [summed, end] = referenceOf(diagonalSsmOperation, [gated, ...parameters, states.state], { ...flags, form });
    return [product(summed, q.data), shiftEnd, end];
  },
  decompose: (inputs, { form }) => {
    const { q, k, v, taps, shiftSkip, shiftState, state, ...parameters } = h3MixerOperands(inputs);
    if (!q || !k || !v || !taps) return [];
    const shifted = causalFir(k, { taps, skip: shiftSkip, state: shiftState });
    const summed = diagonalSsm(mul(v, shifted.y), parameters as DiagonalSsmParameters, { state, form });
    return [mul(q, summed.y), shifted.endState, summed.endState];
  },
  operations: ([q, , , taps, , pole]) =>
    elementCount(q?.shape ?? []) * (2 * (taps?.shape[1] ?? 1) + 12 * (pole?.shape[1] ?? 1) + 4),
};

/** The plain numbers of another operation; undefined operands are left out. */
function referenceOf<A extends Readonly<Record<string, boolean | string>>>(
  operation: Operation<A>,
  inputs: readonly (NumbersWithShape | undefined)[],
  attributes: A,
): readonly [Float64Array, Float64Array] {
  const given = inputs.flatMap((input) => input ?? []);
  const outputs = operation.infer(
    given.map(({ shape }) => ({ shape, dtype: 'f32' })),
    attributes,
  );
  const [first, second] = operation.reference?.(given, attributes, outputs) ?? [];
  return [Float64Array.from(first ?? []), Float64Array.from(second ?? [])];
}

function product(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: a.length }, (_, i) => (a[i] ?? 0) * (b[i] ?? 0));
}

/** Operands of the mixer besides q, k and v. */
export interface H3MixerParameters {
  /** [channels, M] and [channels], the shift SSM. */
  readonly taps: Value;
  readonly shiftSkip: Value;
  /** Each [channels, states], its skip [channels]. */
  readonly diagonal: DiagonalSsmParameters & { readonly skip: Value };
}

/**
 * y = q ⊙ diagonal(v ⊙ shift(k)) over rows [channels, batch, length].
 * @param options.state of both models: [channels, batch, M − 1] and [channels, batch, 2, states] (zeros when absent).
 * @param options.form of the diagonal model, as for `diagonalSsm`.
 * @returns y like q, and both states after the last step.
 * @throws TraceError `rule` when the shapes disagree.
 */
export function h3Mixer(
  { q, k, v }: { readonly q: Value; readonly k: Value; readonly v: Value },
  { taps, shiftSkip, diagonal }: H3MixerParameters,
  options: {
    readonly state?: { readonly shift: Value; readonly diagonal: Value } | undefined;
    readonly form?: SsmForm | undefined;
  } = {},
): { readonly y: Value; readonly shiftEnd: Value; readonly endState: Value } {
  const { state, form = 'auto' } = options;
  const { logPoleRe, logPoleIm, cRe, cIm, skip } = diagonal;
  const parameters = [taps, shiftSkip, logPoleRe, logPoleIm, cRe, cIm, skip];
  const operands = [q, k, v, ...parameters, ...(state ? [state.shift, state.diagonal] : [])];
  const [y, shiftEnd, endState] = applyOperation(h3MixerOperation, operands, { form, state: state !== undefined });
  return { y: y as Value, shiftEnd: shiftEnd as Value, endState: endState as Value }; // infer gives three
}
