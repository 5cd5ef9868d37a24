// Long convolution with a free kernel, one a channel: y_t = skip·u_t + Σ_j k_j·u_{t−j} (causal), or with u_{t+j} (anticausal, the
// adjoint). Layout [channels, batch, length]; backends use the FFT, the reference the direct sum.

import { operand, rule } from '../graph/rule.ts';
import { applyOperation, applySingle } from '../graph/trace.ts';
import type { NumbersWithShape, Operation, Value } from '../graph/value.ts';
import { elementCount, formatShape } from '../tensor/shape.ts';

type Direction = 'causal' | 'anticausal';

export type FftConvAttributes = { readonly direction: Direction; readonly skip: boolean };

/** Inputs [u [channels, batch, length], kernel [channels, taps ≤ length], skip? [channels]], output like u. */
export const fftConvOperation: Operation<FftConvAttributes> = {
  name: 'fftConv',
  infer: (inputs, { skip }) => {
    const [u, kernel] = [operand(inputs, 0), operand(inputs, 1)];
    const taps = kernel.shape[1] ?? 0;
    rule(
      u.shape.length === 3 &&
        kernel.shape.length === 2 &&
        kernel.shape[0] === u.shape[0] &&
        taps >= 1 &&
        taps <= (u.shape[2] ?? 0),
      () =>
        `takes u [channels, batch, length] and a kernel [channels, taps] no longer than u; got ${formatShape(u.shape)} and ${formatShape(kernel.shape)}.`,
    );
    rule(
      !skip || (inputs[2]?.shape.length === 1 && inputs[2].shape[0] === u.shape[0]),
      () => `skip must be [${u.shape[0]}]; got ${formatShape(inputs[2]?.shape ?? [])}.`,
    );
    return [{ shape: u.shape, dtype: 'f32' }];
  },
  gradient: ({ inputs: [u, kernel, skip], outputGradients: [g], attributes: { direction }, needs }) => {
    if (!u || !kernel || !g) return [];
    if (!needs[1] && !needs[2]) return [fftConv(g, kernel, { direction: opposite(direction), skip })];
    const operands = skip ? [g, u, kernel, skip] : [g, u, kernel];
    return applyOperation(fftConvGradientOperation, operands, { direction, skip: skip !== undefined });
  },
  reference: ([u, kernel, skip], { direction }) => {
    if (!u || !kernel) return [];
    const [channels = 0, batch = 0, length = 0] = u.shape;
    const taps = kernel.shape[1] ?? 0;
    const sign = direction === 'causal' ? -1 : 1;
    const result = new Float64Array(u.data.length);
    for (let row = 0; row < channels * batch; row++) {
      const channel = Math.floor(row / batch);
      for (let t = 0; t < length; t++) {
        let total = (skip?.data[channel] ?? 0) * (u.data[row * length + t] ?? 0);
        for (let j = 0; j < taps; j++) {
          const from = t + sign * j;
          if (from < 0 || from >= length) break;
          total += (kernel.data[channel * taps + j] ?? 0) * (u.data[row * length + from] ?? 0);
        }
        result[row * length + t] = total;
      }
    }
    return [result];
  },
  operations: ([u]) => {
    const length = u?.shape[2] ?? 1;
    return 2 * elementCount(u?.shape ?? []) * 10 * Math.ceil(Math.log2(2 * length));
  },
};

/**
 * Inputs [dy, u, kernel, skip?], outputs [du, dKernel, dSkip?]: du is dy filtered the other way, dSkip = Σ_{b,t} dy_t·u_t, and
 * dk_j = Σ_{b,t} dy_t·u_{t−j} (causal) or Σ_{b,t} dy_t·u_{t+j} (anticausal). One operation, since all need the same spectra.
 */
export const fftConvGradientOperation: Operation<FftConvAttributes> = {
  name: 'fftConvGradient',
  infer: (inputs) => inputs.slice(1).map(({ shape }) => ({ shape, dtype: 'f32' })),
  reference: ([dy, u, kernel, skip], { direction }) => {
    if (!dy || !u || !kernel) return [];
    const operands = skip ? [dy, kernel, skip] : [dy, kernel];
    const back = { direction: opposite(direction), skip: skip !== undefined };
    const [du] = fftConvOperation.reference?.(operands, back, []) ?? [];
    const [later, earlier] = direction === 'causal' ? [dy, u] : [u, dy];
    const [dKernel, dSkip] = correlations(later, earlier, kernel.shape[1] ?? 1);
    return [du ?? new Float64Array(0), dKernel, ...(skip ? [dSkip] : [])];
  },
  operations: ([, u]) => 3 * elementCount(u?.shape ?? []) * 10 * Math.ceil(Math.log2(2 * (u?.shape[2] ?? 1))),
};

/** Σ_{b,t} later_t·earlier_{t−j} for each channel and lag j < taps, and for lag 0 alone. */
function correlations(later: NumbersWithShape, earlier: NumbersWithShape, taps: number) {
  const [channels = 0, batch = 0, length = 0] = later.shape;
  const result = new Float64Array(channels * taps);
  for (let row = 0; row < channels * batch; row++) {
    const channel = Math.floor(row / batch);
    for (let j = 0; j < taps; j++) {
      for (let t = j; t < length; t++)
        result[channel * taps + j]! += (later.data[row * length + t] ?? 0) * (earlier.data[row * length + t - j] ?? 0);
    }
  }
  return [result, result.filter((_, index) => index % taps === 0)] as const;
}

const opposite = (direction: Direction): Direction => (direction === 'causal' ? 'anticausal' : 'causal');

/**
 * Convolves each row of u with its channel's kernel, zero-padded, any length.
 * @param options.direction `causal` looks back in time, `anticausal` ahead.
 * @param options.skip [channels], adds skip·u.
 */
export function fftConv(
  u: Value,
  kernel: Value,
  options: { readonly direction?: Direction; readonly skip?: Value | undefined } = {},
): Value {
  const { direction = 'causal', skip } = options;
  return applySingle(fftConvOperation, skip ? [u, kernel, skip] : [u, kernel], { direction, skip: skip !== undefined });
}
