// The gradient of the H3 mixer (h3-mixer.ts): with s = shift(k), u = v ⊙ s, o = diagonal(u), y = q ⊙ o and dy given,
//   dq = dy ⊙ o,   du = diagonalᵀ(dy ⊙ q),   dv = du ⊙ s,   dk = shiftᵀ(du ⊙ v),   and the gradients of both models' parameters.
// It reads q, k, v and dy only: s, u and o are computed again.

import { applyOperation } from '../graph/trace.ts';
import type { Numbers, NumbersWithShape, Operation, Value, ValueType } from '../graph/value.ts';
import { elementCount } from '../tensor/shape.ts';
import { causalFirGradientOperation, causalFirOperation } from './causal-fir.ts';
import { diagonalSsmGradientOperation, diagonalSsmOperation, type SsmForm } from './diagonal-ssm.ts';
import { mul } from './elementwise.ts';

export type H3MixerGradientAttributes = {
  readonly form: SsmForm;
  readonly state: boolean;
  readonly endGradients: boolean;
};

/** What the mixer's gradient is made of, over values of a graph or plain numbers. */
interface Arithmetic<T> {
  mul(a: T, b: T): T;
  apply(operation: Operation, inputs: readonly T[], attributes: Record<string, string | boolean>): readonly T[];
}

function compose<T>(
  inputs: readonly T[],
  { form, state, endGradients }: H3MixerGradientAttributes,
  { mul: times, apply }: Arithmetic<T>,
): readonly T[] {
  const [dy, dShiftEnd, dEnd] = inputs;
  const [q, k, v, taps, shiftSkip, ...rest] = inputs.slice(endGradients ? 3 : 1);
  if (!dy || !q || !k || !v || !taps || !shiftSkip) return [];
  const [parameters, [shiftState, diagonalState]] = [rest.slice(0, 5), rest.slice(5)];
  const some = (value: T | undefined): readonly T[] => (value === undefined ? [] : [value]);
  const flags = { skip: true, state };
  const filter = [k, taps, shiftSkip, ...some(shiftState)];
  const [s] = apply(causalFirOperation as Operation, filter, flags);
  const model = s ? [times(v, s), ...parameters, ...some(diagonalState)] : [];
  const [o] = apply(diagonalSsmOperation as Operation, model, { ...flags, form });
  const ends = { ...flags, endGradient: endGradients };
  const [du, ...dModel] = apply(
    diagonalSsmGradientOperation as Operation,
    [times(dy, q), ...(endGradients ? some(dEnd) : []), ...model],
    { ...ends, form },
  );
  if (!s || !o || !du) return [];
  const [dk, dTaps, dShiftSkip, ...dShiftState] = apply(
    causalFirGradientOperation as Operation,
    [times(du, v), ...(endGradients ? some(dShiftEnd) : []), ...filter],
    ends,
  );
  return [times(dy, o), ...some(dk), times(du, s), ...some(dTaps), ...some(dShiftSkip), ...dModel.slice(0, 5)].concat(
    dShiftState,
    dModel.slice(5),
  );
}

const numbers: Arithmetic<NumbersWithShape> = {
  mul: (a, b) => ({ shape: a.shape, data: Float64Array.from(a.data, (x, i) => x * (b.data[i] ?? 0)) }),
  apply: (operation, inputs, attributes) => {
    const types = operation.infer(
      inputs.map(({ shape }): ValueType => ({ shape, dtype: 'f32' })),
      attributes,
    );
    const results: readonly Numbers[] = operation.reference?.(inputs, attributes, types) ?? [];
    return results.map((data, index) => ({ shape: types[index]?.shape ?? [], data }));
  },
};

const values: Arithmetic<Value> = { mul, apply: applyOperation };

/**
 * Inputs [dy, (dShiftEnd, dEndState)?, q, k, v, taps, shiftSkip, logPoleRe, logPoleIm, cRe, cIm, skip, shiftState?, state?];
 * outputs the gradients of q and all after it.
 */
export const h3MixerGradientOperation: Operation<H3MixerGradientAttributes> = {
  name: 'h3MixerGradient',
  infer: (inputs, { endGradients }) => inputs.slice(endGradients ? 3 : 1).map(({ shape, dtype }) => ({ shape, dtype })),
  reference: (inputs, attributes) => compose(inputs, attributes, numbers).map(({ data }) => data),
  decompose: (inputs, attributes) => compose(inputs, attributes, values),
  operations: (inputs, { endGradients }) => {
    const [q, , , taps, , pole] = inputs.slice(endGradients ? 3 : 1);
    return elementCount(q?.shape ?? []) * (6 * (taps?.shape[1] ?? 1) + 52 * (pole?.shape[1] ?? 1) + 8);
  },
};
