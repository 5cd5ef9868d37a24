// The diagonal state-space operator (convolution.md; paper.md 1.5): N complex states a channel,
//   x_t = λ x_{t−1} + u_t,   y_t = 2 Re Σ_n c_n x_{n,t} + skip·u_t,   λ = exp(logPole),
// with the discretised input coefficient folded into c. Takes a state in and gives a state out, so that prefill, decoding,
// chunked and resumed sequences are the same operation. Layout [channels, batch, length]; states [channels, batch, 2, N].

import { operand, rule } from '../graph/rule.ts';
import { applyOperation } from '../graph/trace.ts';
import type { Operation, Value, ValueType } from '../graph/value.ts';
import { elementCount, formatShape } from '../tensor/shape.ts';
import { full } from './constant.ts';
import { diagonalSsmConvolution, diagonalSsmGradientScan, diagonalSsmScan } from './diagonal-ssm-reference.ts';

/**
 * How outputs are computed: `scan` is the recurrence step by step, `chunked` small dense products with the state passed between
 * chunks, `convolution` the FFT with the model's kernel. `auto` lets the backend choose by its costs; `explain()` says what it chose.
 */
export type SsmForm = 'auto' | 'scan' | 'chunked' | 'convolution';

export type DiagonalSsmAttributes = { readonly form: SsmForm; readonly skip: boolean; readonly state: boolean };

/** The operands of a node whose optional ones are only present when its attributes say so. */
export function diagonalSsmOperands<T>(
  inputs: readonly T[],
  { skip, state }: Pick<DiagonalSsmAttributes, 'skip' | 'state'>,
) {
  const [u, logPoleRe, logPoleIm, cRe, cIm, ...rest] = inputs;
  return {
    u,
    logPoleRe,
    logPoleIm,
    cRe,
    cIm,
    skip: skip ? rest[0] : undefined,
    state: state ? rest[skip ? 1 : 0] : undefined,
  };
}

export interface SsmSizes {
  readonly channels: number;
  readonly batch: number;
  readonly length: number;
  readonly states: number;
}

export function ssmSizes(
  u: { readonly shape: readonly number[] },
  pole: { readonly shape: readonly number[] },
): SsmSizes {
  const [channels = 1, batch = 1, length = 1] = u.shape;
  return { channels, batch, length, states: pole.shape[1] ?? 1 };
}

function checkOperands(
  inputs: readonly ValueType[],
  attributes: Pick<DiagonalSsmAttributes, 'skip' | 'state'>,
): SsmSizes {
  const u = operand(inputs, 0);
  const poles = [1, 2, 3, 4].map((index) => operand(inputs, index));
  const sizes = ssmSizes(u, operand(inputs, 1));
  rule(
    u.shape.length === 3 &&
      poles.every((v) => v.shape.length === 2 && v.shape[0] === sizes.channels && v.shape[1] === sizes.states),
    () =>
      `takes u [channels, batch, length] and four parameters [channels, states]; got ${[u, ...poles].map((v) => formatShape(v.shape)).join(', ')}.`,
  );
  const { skip, state } = diagonalSsmOperands(inputs, attributes);
  rule(
    !skip || (skip.shape.length === 1 && skip.shape[0] === sizes.channels),
    () => `skip must be [${sizes.channels}]; got ${formatShape(skip?.shape ?? [])}.`,
  );
  const expected = [sizes.channels, sizes.batch, 2, sizes.states];
  rule(
    !state || expected.every((size, axis) => size === state.shape[axis]),
    () => `the state must be ${formatShape(expected)}; got ${formatShape(state?.shape ?? [])}.`,
  );
  return sizes;
}

/** Inputs [u, logPoleRe, logPoleIm, cRe, cIm, skip?, state?], outputs [y, endState]. */
export const diagonalSsmOperation: Operation<DiagonalSsmAttributes> = {
  name: 'diagonalSsm',
  infer: (inputs, attributes) => {
    const { channels, batch, length, states } = checkOperands(inputs, attributes);
    return [
      { shape: [channels, batch, length], dtype: 'f32' },
      { shape: [channels, batch, 2, states], dtype: 'f32' },
    ];
  },
  gradient: ({ inputs, outputGradients: [dy, dEnd], attributes: { skip, state, form } }) => {
    const [u] = inputs;
    if (!u) return [];
    const operands = [dy ?? full(u.shape, 0), ...(dEnd ? [dEnd] : []), ...inputs];
    return applyOperation(diagonalSsmGradientOperation, operands, {
      form,
      skip,
      state,
      endGradient: dEnd !== undefined,
    });
  },
  reference: (inputs, attributes) => {
    const { u, logPoleRe, logPoleIm, cRe, cIm, skip, state } = diagonalSsmOperands(inputs, attributes);
    if (!u || !logPoleRe || !logPoleIm || !cRe || !cIm) return [];
    const parameters = {
      u: u.data,
      logPoleRe: logPoleRe.data,
      logPoleIm: logPoleIm.data,
      cRe: cRe.data,
      cIm: cIm.data,
      skip: skip?.data,
      state: state?.data,
      ...ssmSizes(u, logPoleRe),
    };
    return attributes.form === 'convolution' ? diagonalSsmConvolution(parameters) : diagonalSsmScan(parameters);
  },
  operations: ([u, pole]) => 12 * elementCount(u?.shape ?? []) * (pole?.shape[1] ?? 1),
};

export type DiagonalSsmGradientAttributes = {
  /** The recurrence has no gradient of its own: `scan` counts as `chunked`, and so does `convolution` where states come or go. */
  readonly form: SsmForm;
  readonly skip: boolean;
  readonly state: boolean;
  readonly endGradient: boolean;
};

/** Inputs [dy, dEndState?, u, logPoleRe, logPoleIm, cRe, cIm, skip?, state?]; outputs gradients of u and all after it. */
export const diagonalSsmGradientOperation: Operation<DiagonalSsmGradientAttributes> = {
  name: 'diagonalSsmGradient',
  infer: (inputs, { endGradient }) => inputs.slice(endGradient ? 2 : 1).map(({ shape, dtype }) => ({ shape, dtype })),
  reference: (inputs, attributes) => {
    const dy = inputs[0];
    const dEnd = attributes.endGradient ? inputs[1] : undefined;
    const { u, logPoleRe, logPoleIm, cRe, cIm, skip, state } = diagonalSsmOperands(
      inputs.slice(attributes.endGradient ? 2 : 1),
      attributes,
    );
    if (!dy || !u || !logPoleRe || !logPoleIm || !cRe || !cIm) return [];
    const result = diagonalSsmGradientScan(
      {
        u: u.data,
        logPoleRe: logPoleRe.data,
        logPoleIm: logPoleIm.data,
        cRe: cRe.data,
        cIm: cIm.data,
        skip: skip?.data,
        state: state?.data,
        ...ssmSizes(u, logPoleRe),
      },
      dy.data,
      dEnd?.data,
    );
    return [...result.parameters, ...(skip ? [result.skip] : []), ...(state ? [result.state] : [])];
  },
  operations: (inputs, { endGradient }) =>
    40 * elementCount(inputs[0]?.shape ?? []) * (inputs[endGradient ? 3 : 2]?.shape[1] ?? 1),
};

/** Parameters of a diagonal SSM, each [channels, states], and its skip term [channels]. */
export interface DiagonalSsmParameters {
  readonly logPoleRe: Value;
  readonly logPoleIm: Value;
  readonly cRe: Value;
  readonly cIm: Value;
  readonly skip?: Value | undefined;
}

/**
 * Runs the state-space model over each row of u [channels, batch, length].
 * @param options.state [channels, batch, 2, N]: real parts, then imaginary parts, before the first step (zeros when absent).
 * @param options.form all forms give the same numbers.
 * @returns y like u, and the state after the last step.
 */
export function diagonalSsm(
  u: Value,
  parameters: DiagonalSsmParameters,
  options: { readonly state?: Value | undefined; readonly form?: SsmForm | undefined } = {},
): { readonly y: Value; readonly endState: Value } {
  const { logPoleRe, logPoleIm, cRe, cIm, skip } = parameters;
  const { state, form = 'auto' } = options;
  const operands = [u, logPoleRe, logPoleIm, cRe, cIm, ...(skip ? [skip] : []), ...(state ? [state] : [])];
  const [y, endState] = applyOperation(diagonalSsmOperation, operands, {
    form,
    skip: skip !== undefined,
    state: state !== undefined,
  });
  return { y: y as Value, endState: endState as Value };
}
