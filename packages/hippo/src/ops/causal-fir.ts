// Causal filter with few taps and a state: y_t = skip·u_t + Σ_{j<M} taps_j·x_{t−j}, where x is u preceded by the last M−1 inputs
// of the call before (zeros at the start). The shift SSM is this with M = 64 (paper.md 1.2). Layout [channels, batch, length].

import { operand, rule } from '../graph/rule.ts';
import { applyOperation } from '../graph/trace.ts';
import type { NumbersWithShape, Operation, Value, ValueType } from '../graph/value.ts';
import { elementCount, formatShape } from '../tensor/shape.ts';
import { full } from './constant.ts';

export type CausalFirAttributes = { readonly skip: boolean; readonly state: boolean };

/** The operands of a node whose optional ones are only present when its attributes say so. */
export function causalFirOperands<T>(inputs: readonly T[], { skip, state }: CausalFirAttributes) {
  const [u, taps, ...rest] = inputs;
  return { u, taps, skip: skip ? rest[0] : undefined, state: state ? rest[skip ? 1 : 0] : undefined };
}

export interface FirSizes {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
  readonly taps: number;
}

export function firSizes(
  u: { readonly shape: readonly number[] },
  taps: { readonly shape: readonly number[] },
): FirSizes {
  const [channels = 1, batch = 1, length = 1] = u.shape;
  return { channels, batch, length, taps: taps.shape[1] ?? 1 };
}

function checkOperands(inputs: readonly ValueType[], attributes: CausalFirAttributes): FirSizes {
  const [u, taps] = [operand(inputs, 0), operand(inputs, 1)];
  const sizes = firSizes(u, taps);
  rule(
    u.shape.length === 3 && taps.shape.length === 2 && taps.shape[0] === u.shape[0] && sizes.taps >= 1,
    () =>
      `takes u [channels, batch, length] and taps [channels, taps]; got ${formatShape(u.shape)} and ${formatShape(taps.shape)}.`,
  );
  const { skip, state } = causalFirOperands(inputs, attributes);
  rule(
    !skip || (skip.shape.length === 1 && skip.shape[0] === sizes.channels),
    () => `skip must be [${sizes.channels}]; got ${formatShape(skip?.shape ?? [])}.`,
  );
  const expected = [sizes.channels, sizes.batch, sizes.taps - 1];
  rule(
    !state || expected.every((size, axis) => size === state.shape[axis]),
    () => `the state must be ${formatShape(expected)}; got ${formatShape(state?.shape ?? [])}.`,
  );
  return sizes;
}

/** Inputs [u, taps, skip?, state?], outputs [y, endState]. */
export const causalFirOperation: Operation<CausalFirAttributes> = {
  name: 'causalFir',
  infer: (inputs, attributes) => {
    const { channels, batch, length, taps } = checkOperands(inputs, attributes);
    return [
      { shape: [channels, batch, length], dtype: 'f32' },
      { shape: [channels, batch, taps - 1], dtype: 'f32' },
    ];
  },
  gradient: ({ inputs, outputGradients: [dy, dEnd], attributes }) => {
    const [u] = inputs;
    if (!u) return [];
    const operands = [dy ?? full(u.shape, 0), ...(dEnd ? [dEnd] : []), ...inputs];
    return applyOperation(causalFirGradientOperation, operands, { ...attributes, endGradient: dEnd !== undefined });
  },
  reference: (inputs, attributes) => {
    const { u, taps, skip, state } = causalFirOperands(inputs, attributes);
    if (!u || !taps) return [];
    const { channels, batch, length, taps: m } = firSizes(u, taps);
    const y = new Float64Array(channels * batch * length);
    const endState = new Float64Array(channels * batch * (m - 1));
    for (let row = 0; row < channels * batch; row++) {
      const channel = Math.floor(row / batch);
      const x = extended(u, state, row, length, m);
      for (let t = 0; t < length; t++) {
        let total = (skip?.data[channel] ?? 0) * (u.data[row * length + t] ?? 0);
        for (let j = 0; j < m; j++) total += (taps.data[channel * m + j] ?? 0) * (x[m - 1 + t - j] ?? 0);
        y[row * length + t] = total;
      }
      endState.set(x.subarray(length), row * (m - 1));
    }
    return [y, endState];
  },
  operations: ([u, taps]) => 2 * elementCount(u?.shape ?? []) * (taps?.shape[1] ?? 1),
};

/** The state (or zeros) followed by the inputs of one row. */
function extended(
  u: NumbersWithShape,
  state: NumbersWithShape | undefined,
  row: number,
  length: number,
  taps: number,
): Float64Array {
  const x = new Float64Array(taps - 1 + length);
  if (state) x.set(state.data.subarray(row * (taps - 1), (row + 1) * (taps - 1)));
  x.set(u.data.subarray(row * length, (row + 1) * length), taps - 1);
  return x;
}

export type CausalFirGradientAttributes = CausalFirAttributes & { readonly endGradient: boolean };

/** Inputs [dy, dEndState?, u, taps, skip?, state?], outputs [du, dTaps, dSkip?, dState?]. */
export const causalFirGradientOperation: Operation<CausalFirGradientAttributes> = {
  name: 'causalFirGradient',
  infer: (inputs, attributes) =>
    inputs.slice(attributes.endGradient ? 2 : 1).map(({ shape, dtype }) => ({ shape, dtype })),
  reference: (inputs, attributes) => {
    const dy = inputs[0];
    const dEnd = attributes.endGradient ? inputs[1] : undefined;
    const forward = inputs.slice(attributes.endGradient ? 2 : 1);
    const { u, taps, skip, state } = causalFirOperands(forward, attributes);
    if (!dy || !u || !taps) return [];
    const { channels, batch, length, taps: m } = firSizes(u, taps);
    const [du, dTaps, dSkip] = [
      new Float64Array(u.data.length),
      new Float64Array(taps.data.length),
      new Float64Array(channels),
    ];
    const dState = new Float64Array(channels * batch * (m - 1));
    for (let row = 0; row < channels * batch; row++) {
      const channel = Math.floor(row / batch);
      const x = extended(u, state, row, length, m);
      const dx = new Float64Array(x.length);
      if (dEnd) dx.set(dEnd.data.subarray(row * (m - 1), (row + 1) * (m - 1)), length);
      for (let t = 0; t < length; t++) {
        const g = dy.data[row * length + t] ?? 0;
        dSkip[channel]! += g * (u.data[row * length + t] ?? 0);
        for (let j = 0; j < m; j++) {
          dTaps[channel * m + j]! += g * (x[m - 1 + t - j] ?? 0);
          dx[m - 1 + t - j]! += g * (taps.data[channel * m + j] ?? 0);
        }
        dx[m - 1 + t]! += g * (skip?.data[channel] ?? 0);
      }
      du.set(dx.subarray(m - 1), row * length);
      dState.set(dx.subarray(0, m - 1), row * (m - 1));
    }
    return [du, dTaps, ...(skip ? [dSkip] : []), ...(state ? [dState] : [])];
  },
  operations: (inputs, { endGradient }) =>
    4 * elementCount(inputs[0]?.shape ?? []) * (inputs[endGradient ? 3 : 2]?.shape[1] ?? 1),
};

/**
 * Filters each row of u [channels, batch, length] with its channel's taps [channels, M].
 * @param options.skip [channels], adds skip·u.
 * @param options.state [channels, batch, M−1], the last inputs before this call, oldest first (zeros when absent).
 * @returns y like u, and the state to hand to the next call.
 */
export function causalFir(
  u: Value,
  options: { readonly taps: Value; readonly skip?: Value | undefined; readonly state?: Value | undefined },
): { readonly y: Value; readonly endState: Value } {
  const { taps, skip, state } = options;
  const operands = [u, taps, ...(skip ? [skip] : []), ...(state ? [state] : [])];
  const [y, endState] = applyOperation(causalFirOperation, operands, {
    skip: skip !== undefined,
    state: state !== undefined,
  });
  return { y: y as Value, endState: endState as Value };
}
