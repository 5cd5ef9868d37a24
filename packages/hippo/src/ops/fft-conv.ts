// Long convolution with a free kernel, one a channel: y_t = skip·u_t + Σ_j k_j·u_{t−j} (causal), or with u_{t+j} (anticausal, the
// adjoint). Layout [channels, batch, length]; backends use the FFT, the reference the direct sum.

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { elementCount, formatShape } from '../tensor/shape.ts';
import { mul } from './elementwise.ts';
import { sum } from './sum.ts';

export type FftConvAttributes = { readonly direction: 'causal' | 'anticausal'; readonly skip: boolean };

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
    const back = direction === 'causal' ? 'anticausal' : 'causal';
    return [
      needs[0] ? fftConv(g, kernel, { direction: back, skip }) : undefined,
      needs[1]
        ? kernelGradient(direction === 'causal' ? g : u, direction === 'causal' ? u : g, kernel.shape[1] ?? 1)
        : undefined,
      skip && needs[2] ? sum(mul(g, u), [1, 2]) : undefined,
    ];
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

/** Inputs [dy, u], output dKernel [channels, taps]: dk_j = Σ_{b,t} dy_t·u_{t−j}. */
export const fftConvKernelGradientOperation: Operation<{ readonly taps: number }> = {
  name: 'fftConvKernelGradient',
  infer: (inputs, { taps }) => [{ shape: [operand(inputs, 0).shape[0] ?? 1, taps], dtype: 'f32' }],
  reference: ([dy, u], { taps }) => {
    if (!dy || !u) return [];
    const [channels = 0, batch = 0, length = 0] = u.shape;
    const result = new Float64Array(channels * taps);
    for (let row = 0; row < channels * batch; row++) {
      const channel = Math.floor(row / batch);
      for (let j = 0; j < taps; j++) {
        for (let t = j; t < length; t++)
          result[channel * taps + j]! += (dy.data[row * length + t] ?? 0) * (u.data[row * length + t - j] ?? 0);
      }
    }
    return [result];
  },
  operations: ([u]) => 2 * elementCount(u?.shape ?? []) * 10 * Math.ceil(Math.log2(2 * (u?.shape[2] ?? 1))),
};

function kernelGradient(dy: Value, u: Value, taps: number): Value {
  return applySingle(fftConvKernelGradientOperation, [dy, u], { taps });
}

/**
 * Convolves each row of u with its channel's kernel, zero-padded, any length.
 * @param options.direction `causal` looks back in time, `anticausal` ahead.
 * @param options.skip [channels], adds skip·u.
 */
export function fftConv(
  u: Value,
  kernel: Value,
  options: { readonly direction?: 'causal' | 'anticausal'; readonly skip?: Value | undefined } = {},
): Value {
  const { direction = 'causal', skip } = options;
  return applySingle(fftConvOperation, skip ? [u, kernel, skip] : [u, kernel], { direction, skip: skip !== undefined });
}
