// Layer normalisation over the last axis: y = (x − mean)·(variance + ε)^{−1/2}·weight + bias (Ba et al., arXiv 1607.06450).
// The gradient needs only x, the mean and the inverse deviation of each row.

import { operand, rule } from '../graph/rule.ts';
import { applyOperation } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { elementCount, formatShape } from '../tensor/shape.ts';
import { roundToF16 } from './cast-to-f16.ts';

/** `halves`: y is f16, which planning asks for where only products read it (plan/halve-factors.ts). */
export type LayerNormAttributes = { readonly epsilon: number; readonly halves?: boolean };

/** Inputs [x, weight, bias], outputs [y, mean, inverseDeviation] (one number a row for the last two). */
export const layerNormOperation: Operation<LayerNormAttributes> = {
  name: 'layerNorm',
  infer: (inputs, { halves = false }) => {
    const [x, weight, bias] = [operand(inputs, 0), operand(inputs, 1), operand(inputs, 2)];
    const width = x.shape[x.shape.length - 1];
    rule(
      x.shape.length >= 1 &&
        [weight, bias].every((v) => v.shape.length === 1 && v.shape[0] === width) &&
        inputs.every((v) => v.dtype === 'f32'),
      () =>
        `weight and bias must be f32 of the last axis' size; got x ${formatShape(x.shape)}, weight ${formatShape(weight.shape)}, bias ${formatShape(bias.shape)}.`,
    );
    const rows = x.shape.slice(0, -1);
    return [
      { shape: x.shape, dtype: halves ? 'f16' : 'f32' },
      { shape: rows, dtype: 'f32' },
      { shape: rows, dtype: 'f32' },
    ];
  },
  gradient: ({ inputs: [x, weight], outputs: [, mean, deviation], outputGradients: [g, ...others] }) => {
    rule(
      others.every((v) => v === undefined),
      () => 'only the first result can be differentiated.',
    );
    if (!x || !weight || !mean || !deviation || !g) return [];
    return applyOperation(layerNormGradientOperation, [g, x, weight, mean, deviation], {});
  },
  reference: ([x, weight, bias], { epsilon, halves }) => {
    if (!x || !weight || !bias) return [];
    const width = x.shape[x.shape.length - 1] ?? 1;
    const rows = x.data.length / width;
    const [y, means, deviations] = [new Float64Array(x.data.length), new Float64Array(rows), new Float64Array(rows)];
    for (let row = 0; row < rows; row++) {
      const values = x.data.subarray(row * width, (row + 1) * width);
      let mean = 0;
      for (const value of values) mean += value / width;
      let variance = 0;
      for (const value of values) variance += (value - mean) ** 2 / width;
      const deviation = 1 / Math.sqrt(variance + epsilon);
      means[row] = mean;
      deviations[row] = deviation;
      for (let i = 0; i < width; i++)
        y[row * width + i] = ((values[i] ?? 0) - mean) * deviation * (weight.data[i] ?? 0) + (bias.data[i] ?? 0);
    }
    return [halves ? roundToF16(y) : y, means, deviations];
  },
  operations: ([x]) => 8 * elementCount(x?.shape ?? []),
};

/** Inputs [dy, x, weight, mean, inverseDeviation], outputs [dx, dWeight, dBias]. */
export const layerNormGradientOperation: Operation = {
  name: 'layerNormGradient',
  infer: (inputs) => {
    const [x, weight] = [operand(inputs, 1), operand(inputs, 2)];
    return [
      { shape: x.shape, dtype: 'f32' },
      { shape: weight.shape, dtype: 'f32' },
      { shape: weight.shape, dtype: 'f32' },
    ];
  },
  reference: ([dy, x, weight, means, deviations]) => {
    if (!dy || !x || !weight || !means || !deviations) return [];
    const width = weight.data.length;
    const [dx, dWeight, dBias] = [new Float64Array(x.data.length), new Float64Array(width), new Float64Array(width)];
    for (let row = 0; row < means.data.length; row++) {
      const [mean, deviation] = [means.data[row] ?? 0, deviations.data[row] ?? 0];
      let meanG = 0;
      let meanGX = 0;
      for (let i = 0; i < width; i++) {
        const at = row * width + i;
        const normal = ((x.data[at] ?? 0) - mean) * deviation;
        const g = dy.data[at] ?? 0;
        dWeight[i]! += g * normal;
        dBias[i]! += g;
        meanG += (g * (weight.data[i] ?? 0)) / width;
        meanGX += (g * (weight.data[i] ?? 0) * normal) / width;
      }
      for (let i = 0; i < width; i++) {
        const at = row * width + i;
        const normal = ((x.data[at] ?? 0) - mean) * deviation;
        dx[at] = deviation * ((dy.data[at] ?? 0) * (weight.data[i] ?? 0) - meanG - normal * meanGX);
      }
    }
    return [dx, dWeight, dBias];
  },
  operations: ([x]) => 14 * elementCount(x?.shape ?? []),
};

/** Normalises the last axis, then scales by `weight` and shifts by `bias`. */
export function layerNorm(
  x: Value,
  options: { readonly weight: Value; readonly bias: Value; readonly epsilon?: number },
): Value {
  const [y] = applyOperation(layerNormOperation, [x, options.weight, options.bias], {
    epsilon: options.epsilon ?? 1e-5,
  });
  return y as Value;
}
