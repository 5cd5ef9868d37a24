// Causal attention as one operation: y_i = Σ_{j≤i} p_ij v_j with p_ij = e^{scale·q_i·k_j − logSumExp_i} (paper.md 1.7; Dao et al.,
// arXiv 2205.14135). Nothing of length × length is kept: the gradient makes the weights again from logSumExp. A cache or
// dropout on the weights needs the form composed of matrix products and a softmax.

import { operand, rule } from '../graph/rule.ts';
import { applyOperation } from '../graph/trace.ts';
import type { NumbersWithShape, Operation, Value } from '../graph/value.ts';
import { elementCount, formatShape, type Shape, sameShape } from '../tensor/shape.ts';

type CausalAttentionAttributes = { readonly scale: number };

/** Products of one query's and one key's rows in one head: length·(length + 1)/2 for each head. */
function pairs(shape: Shape): number {
  const length = shape[2] ?? 1;
  return elementCount(shape.slice(0, 2)) * ((length * (length + 1)) / 2);
}

/** Inputs [q, k, v], each f32 [batch, heads, length, headDim]; outputs [y, logSumExp [batch, heads, length]]. */
export const causalAttentionOperation: Operation<CausalAttentionAttributes> = {
  name: 'causalAttention',
  infer: (inputs) => {
    const [q, k, v] = [operand(inputs, 0), operand(inputs, 1), operand(inputs, 2)];
    rule(
      q.shape.length === 4 && inputs.every(({ shape, dtype }) => dtype === 'f32' && sameShape(shape, q.shape)),
      () =>
        `q, k and v must be f32 [batch, heads, length, headDim] of one shape; got q ${q.dtype}${formatShape(q.shape)}, k ${k.dtype}${formatShape(k.shape)}, v ${v.dtype}${formatShape(v.shape)}.`,
    );
    return [
      { shape: q.shape, dtype: 'f32' },
      { shape: q.shape.slice(0, 3), dtype: 'f32' },
    ];
  },
  gradient: ({ inputs: [q, k, v], outputs: [y, logSumExp], outputGradients: [g, ...others], attributes }) => {
    rule(
      others.every((other) => other === undefined),
      () => 'only the first result can be differentiated.',
    );
    if (!q || !k || !v || !y || !logSumExp || !g) return [];
    return applyOperation(causalAttentionGradientOperation, [g, q, k, v, y, logSumExp], attributes);
  },
  reference: ([q, k, v], { scale }) => {
    if (!q || !k || !v) return [];
    const [length = 1, headDim = 1] = q.shape.slice(2);
    const rows = q.data.length / headDim;
    const [y, logSumExp] = [new Float64Array(q.data.length), new Float64Array(rows)];
    for (let row = 0; row < rows; row++) {
      const head = row - (row % length);
      let largest = Number.NEGATIVE_INFINITY;
      const scores = Array.from({ length: row - head + 1 }, (_, j) => scale * dot(q, row, k, head + j));
      for (const score of scores) largest = Math.max(largest, score);
      let total = 0;
      for (const score of scores) total += Math.exp(score - largest);
      for (const [j, score] of scores.entries()) addRow(y, row, Math.exp(score - largest) / total, v, head + j);
      logSumExp[row] = largest + Math.log(total);
    }
    return [y, logSumExp];
  },
  operations: ([q]) => pairs(q?.shape ?? []) * (4 * (q?.shape[3] ?? 1) + 5),
};

/** Inputs [dy, q, k, v, y, logSumExp], outputs [dq, dk, dv]. */
export const causalAttentionGradientOperation: Operation<CausalAttentionAttributes> = {
  name: 'causalAttentionGradient',
  infer: (inputs) => {
    const { shape } = operand(inputs, 1);
    rule(
      inputs.length === 6 &&
        inputs.every((input) => input.dtype === 'f32') &&
        sameShape(operand(inputs, 0).shape, shape),
      () => `takes f32 dy, q, k, v, y and logSumExp; got ${inputs.length} operands, q ${formatShape(shape)}.`,
    );
    return [1, 2, 3].map(() => ({ shape, dtype: 'f32' }));
  },
  reference: ([dy, q, k, v, y, logSumExp], { scale }) => {
    if (!dy || !q || !k || !v || !y || !logSumExp) return [];
    const length = q.shape[2] ?? 1;
    const [dq, dk, dv] = [
      new Float64Array(q.data.length),
      new Float64Array(q.data.length),
      new Float64Array(q.data.length),
    ];
    for (let row = 0; row < logSumExp.data.length; row++) {
      const sum = dot(dy, row, y, row);
      for (let key = row - (row % length); key <= row; key++) {
        const weight = Math.exp(scale * dot(q, row, k, key) - (logSumExp.data[row] ?? 0));
        const slope = scale * weight * (dot(dy, row, v, key) - sum);
        addRow(dq, row, slope, k, key);
        addRow(dk, key, slope, q, row);
        addRow(dv, key, weight, dy, row);
      }
    }
    return [dq, dk, dv];
  },
  operations: ([, q]) => pairs(q?.shape ?? []) * (10 * (q?.shape[3] ?? 1) + 6),
};

/** Row i of a times row j of b, rows of headDim. */
function dot(a: NumbersWithShape, i: number, b: NumbersWithShape, j: number): number {
  const width = a.shape[3] ?? 1;
  let sum = 0;
  for (let c = 0; c < width; c++) sum += (a.data[i * width + c] ?? 0) * (b.data[j * width + c] ?? 0);
  return sum;
}

/** Adds factor times row j of b to row i of a. */
function addRow(a: Float64Array, i: number, factor: number, b: NumbersWithShape, j: number): void {
  const width = b.shape[3] ?? 1;
  for (let c = 0; c < width; c++) a[i * width + c]! += factor * (b.data[j * width + c] ?? 0);
}

/**
 * Each position's mean of the values up to it, weighted by softmax(scale·q·k): [batch, heads, length, headDim] like q, k and
 * v, which have one shape. `scale` is 1/√headDim unless given.
 * @throws TraceError where the operands are not f32 of one shape with four axes.
 */
export function causalAttention(q: Value, k: Value, v: Value, options: { readonly scale?: number } = {}): Value {
  const { scale = 1 / Math.sqrt(q.shape[3] ?? 1) } = options;
  const [y] = applyOperation(causalAttentionOperation, [q, k, v], { scale });
  return y as Value;
}
