// Matrix product over the last two axes, with either operand transposed for free. Leading axes are batches; an operand of rank
// two is shared by all of them.

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value, ValueType } from '../graph/value.ts';
import { elementCount, formatShape, sameShape } from '../tensor/shape.ts';
import { reshape } from './reshape.ts';
import { sum } from './sum.ts';

export type MatmulAttributes = { readonly transposeA: boolean; readonly transposeB: boolean };

/** Sizes and batch strides (elements; 0 = shared) of a product. */
export interface MatmulSizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: number;
  readonly strideA: number;
  readonly strideB: number;
}

export function matmulSizes(a: ValueType, b: ValueType, { transposeA, transposeB }: MatmulAttributes): MatmulSizes {
  const [rowsA = 1, columnsA = 1] = a.shape.slice(-2);
  const [rowsB = 1, columnsB = 1] = b.shape.slice(-2);
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const batch = elementCount((a.shape.length >= b.shape.length ? a : b).shape.slice(0, -2));
  return {
    m,
    k,
    n: transposeB ? rowsB : columnsB,
    batch,
    strideA: a.shape.length > 2 ? rowsA * columnsA : 0,
    strideB: b.shape.length > 2 ? rowsB * columnsB : 0,
  };
}

export const matmulOperation: Operation<MatmulAttributes> = {
  name: 'matmul',
  infer: (inputs, attributes) => {
    const [a, b] = [operand(inputs, 0), operand(inputs, 1)];
    // Planning may have made factors f16 (plan/halve-factors.ts).
    rule(
      [a, b].every(({ dtype }) => dtype === 'f32' || dtype === 'f16'),
      () => `takes f32 operands; got ${a.dtype} and ${b.dtype}.`,
    );
    rule(
      a.shape.length >= 2 && b.shape.length >= 2,
      () => `operands need two axes or more; got ${formatShape(a.shape)} and ${formatShape(b.shape)}.`,
    );
    const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
    rule(
      batchA.length === 0 || batchB.length === 0 || sameShape(batchA, batchB),
      () =>
        `leading axes must be equal, or absent in one operand; got ${formatShape(a.shape)} and ${formatShape(b.shape)}.`,
    );
    const { m, n, k } = matmulSizes(a, b, attributes);
    const innerB = attributes.transposeB ? b.shape[b.shape.length - 1] : b.shape[b.shape.length - 2];
    rule(
      k === innerB,
      () =>
        `inner sizes must agree; got ${formatShape(a.shape)}${attributes.transposeA ? 'ᵀ' : ''} × ${formatShape(b.shape)}${attributes.transposeB ? 'ᵀ' : ''} (${k} and ${innerB}).`,
    );
    return [{ shape: [...(batchA.length > 0 ? batchA : batchB), m, n], dtype: 'f32' }];
  },
  gradient: ({ inputs: [a, b], outputGradients: [g], attributes: { transposeA, transposeB }, needs }) => {
    if (!a || !b || !g) return [];
    const toA = () =>
      transposeA
        ? matmul(b, g, { transposeA: transposeB, transposeB: true })
        : matmul(g, b, { transposeB: !transposeB });
    const toB = () =>
      transposeB
        ? matmul(g, a, { transposeA: true, transposeB: transposeA })
        : matmul(a, g, { transposeA: !transposeA });
    return [needs[0] ? sumBatch(toA(), a) : undefined, needs[1] ? sumBatch(toB(), b) : undefined];
  },
  reference: ([a, b], attributes, [output]) => {
    if (!a || !b || !output) return [];
    const { m, n, k, batch, strideA, strideB } = matmulSizes(
      { ...a, dtype: 'f32' },
      { ...b, dtype: 'f32' },
      attributes,
    );
    const [rowA, columnA] = attributes.transposeA ? [1, m] : [k, 1];
    const [rowB, columnB] = attributes.transposeB ? [1, k] : [n, 1];
    const result = new Float64Array(elementCount(output.shape));
    for (let p = 0; p < batch; p++) {
      for (let i = 0; i < m; i++) {
        for (let l = 0; l < k; l++) {
          const x = a.data[p * strideA + i * rowA + l * columnA] ?? 0;
          const row = (p * m + i) * n;
          const from = p * strideB + l * rowB;
          for (let j = 0; j < n; j++) result[row + j]! += x * (b.data[from + j * columnB] ?? 0);
        }
      }
    }
    return [result];
  },
  operations: ([a, b], attributes) => {
    if (!a || !b) return 0;
    const { m, n, k, batch } = matmulSizes(a, b, attributes);
    return 2 * m * n * k * batch;
  },
};

/** Sums a gradient over the batch when its operand was shared by the batch. */
function sumBatch(gradient: Value, like: Value): Value {
  if (gradient.shape.length === like.shape.length) return gradient;
  return sum(
    gradient,
    gradient.shape.slice(0, -2).map((_, axis) => axis),
  );
}

/**
 * a·b over the last two axes: [..., m, k] × [..., k, n] → [..., m, n]; `transposeA` reads a as [..., k, m], `transposeB` reads
 * b as [..., n, k].
 * @throws TraceError `rule` when inner sizes or leading axes disagree.
 */
export function matmul(a: Value, b: Value, options: Partial<MatmulAttributes> = {}): Value {
  const { transposeA = false, transposeB = false } = options;
  // Batches of rows against one shared matrix are one product of more rows.
  if (!transposeA && a.shape.length > 2 && b.shape.length === 2) {
    const rows = reshape(a, [-1, a.shape[a.shape.length - 1] ?? 1]);
    const product = applySingle(matmulOperation, [rows, b], { transposeA, transposeB });
    return reshape(product, [...a.shape.slice(0, -1), product.shape[1] ?? 1]);
  }
  return applySingle(matmulOperation, [a, b], { transposeA, transposeB });
}
