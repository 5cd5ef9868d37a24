// Operations on quantised matrices: W [rows, inputs] as words i32 [rows, rowWords], packed by tensor/quantization.ts. Their
// definition: make W f32 again, then the float operation. A backend may round x to integers for few rows (up to 64): then each result
// is at most ½·Σ step·|w| away, the step of an x being the largest |x| of its group of 32 by 127 at 4 bits, and of its row by
// min(2¹⁵ − 1, 2³¹/(127·inputs)) at 8. Weights have no gradient; what trains is the f32 model.
import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Node, NumbersWithShape, Operation, Value, ValueType } from '../graph/value.ts';
import { dequantizeRows, type QuantizedMatrix, rowWords } from '../tensor/quantization.ts';
import { elementCount, formatShape } from '../tensor/shape.ts';
import { concat } from './concat.ts';
import { crossEntropy } from './cross-entropy.ts';
import { gatherRowsOperation } from './embedding.ts';
import { absorbIntoMatmul, type MatmulEpilogueAttributes, matmulEpilogueOperation } from './matmul-epilogue.ts';
import { reshape } from './reshape.ts';
import { sliceAxis } from './slice.ts';

export type QuantizedMatmulAttributes = QuantizedMatrix &
  Pick<MatmulEpilogueAttributes, 'gelu' | 'residual'> & {
    readonly bias: 'none' | 'columns';
  };

/** The words of a quantised matrix; its rows. */
function ruleWords(words: ValueType, matrix: QuantizedMatrix): number {
  const [rows = 0, count] = words.shape;
  rule(
    words.shape.length === 2 && words.dtype === 'i32' && count === rowWords(matrix),
    () =>
      `a quantised matrix of ${matrix.inputs} inputs at ${matrix.bits} bits is i32 [rows, ${rowWords(matrix)}]; got ${words.dtype} ${formatShape(words.shape)}.`,
  );
  return rows;
}

function dequantized({ shape, data }: NumbersWithShape, matrix: QuantizedMatrix): NumbersWithShape {
  const numbers = dequantizeRows(Int32Array.from(data), matrix);
  return { shape: [shape[0] ?? 0, matrix.inputs], data: Float64Array.from(numbers) };
}

/** Inputs [x f32 [m, inputs], W words, bias? [rows], residual? [m, rows]], output gelu?(x·Wᵀ + bias?) + residual? [m, rows]. */
export const quantizedMatmulOperation: Operation<QuantizedMatmulAttributes> = {
  name: 'quantizedMatmul',
  infer: (inputs, { bias: biasKind, residual: hasResidual, gelu: _gelu, ...matrix }) => {
    const x = operand(inputs, 0);
    const rows = ruleWords(operand(inputs, 1), matrix);
    rule(
      x.dtype === 'f32' && x.shape.length === 2 && x.shape[1] === matrix.inputs,
      () => `takes x f32 [rows, ${matrix.inputs}]; got ${x.dtype} ${formatShape(x.shape)}.`,
    );
    const m = x.shape[0] ?? 0;
    const counts = [...(biasKind === 'columns' ? [rows] : []), ...(hasResidual ? [m * rows] : [])];
    rule(
      inputs.length === 2 + counts.length &&
        counts.every(
          (count, i) => elementCount(inputs[2 + i]?.shape ?? []) === count && inputs[2 + i]?.dtype === 'f32',
        ),
      () =>
        `bias and residual must have ${counts.join(' and ')} f32 numbers; got ${inputs
          .slice(2)
          .map((type) => formatShape(type.shape))
          .join(' and ')}.`,
    );
    return [{ shape: [m, rows], dtype: 'f32' }];
  },
  reference: ([x, words, ...rest], { bits, inputs, ...epilogue }, outputs) => {
    if (!x || !words) return [];
    const attributes = { ...epilogue, transposeA: false, transposeB: true };
    return (
      matmulEpilogueOperation.reference?.([x, dequantized(words, { bits, inputs }), ...rest], attributes, outputs) ?? []
    );
  },
  operations: ([x], { inputs }, [output]) => 2 * inputs * (x?.shape[0] ?? 0) * (output?.shape[1] ?? 0),
};

/** The value of an elementwise node computed by the quantised product it reads; see `absorbIntoMatmul`. */
export function absorbIntoQuantizedMatmul(
  producer: Node,
  node: Node,
  inputs: readonly Value[],
  at: number,
): Value | undefined {
  return absorbIntoMatmul(producer, node, inputs, at, {
    extend: ({ attributes }, operands, { bias, ...epilogue }) => {
      if (bias === 'rows') return undefined;
      const { bits, inputs: columns } = attributes as QuantizedMatmulAttributes; // the producer is one
      return applySingle(quantizedMatmulOperation, operands, { bits, inputs: columns, bias, ...epilogue });
    },
    sizes: ({ outputs: [product] }) => ({ m: product?.shape[0] ?? 0, n: product?.shape[1] ?? 0 }),
  });
}

/** Inputs [W words, ids i32 [...]], output [..., inputs]; an id outside the matrix gives a row of NaN. */
export const quantizedGatherRowsOperation: Operation<QuantizedMatrix> = {
  name: 'quantizedGatherRows',
  infer: (inputs, matrix) => {
    ruleWords(operand(inputs, 0), matrix);
    const ids = operand(inputs, 1);
    rule(ids.dtype === 'i32', () => `takes i32 ids; got ${ids.dtype}.`);
    return [{ shape: [...ids.shape, matrix.inputs], dtype: 'f32' }];
  },
  reference: ([words, ids], matrix, outputs) =>
    words && ids ? (gatherRowsOperation.reference?.([dequantized(words, matrix), ids], {}, outputs) ?? []) : [],
};

/**
 * x·Wᵀ for a quantised W: [..., inputs] → [..., rows].
 * @param words i32 [rows, rowWords] of `quantizeRows`.
 * @throws TraceError `rule` when shapes or dtypes do not fit.
 */
export function quantizedMatmul(x: Value, words: Value, { bits, inputs }: QuantizedMatrix): Value {
  const rows = reshape(x, [-1, x.shape[x.shape.length - 1] ?? 1]);
  const attributes = { bits, inputs, bias: 'none', gelu: false, residual: false } as const;
  const product = applySingle(quantizedMatmulOperation, [rows, words], attributes);
  return reshape(product, [...x.shape.slice(0, -1), product.shape[1] ?? 1]);
}

/** Row `ids[i]` of a quantised matrix for each i: i32 [...] → [..., inputs]. */
export function quantizedGatherRows(words: Value, ids: Value, { bits, inputs }: QuantizedMatrix): Value {
  return applySingle(quantizedGatherRowsOperation, [words, ids], { bits, inputs });
}

/** Logits that exist at once: 64 MiB, as in the cross-entropy of an f32 head. */
const mostLogits = 1 << 24;

/** −log softmax(x·Wᵀ)[target] for each row of x [rows, inputs], in nats; targets i32 [rows] → [rows]. 0 where the target is −100. */
export function quantizedCrossEntropy(x: Value, words: Value, targets: Value, matrix: QuantizedMatrix): Value {
  const [rows = 0] = x.shape;
  const step = Math.max(1, Math.floor(mostLogits / (words.shape[0] ?? 1)));
  const losses = Array.from({ length: Math.ceil(rows / step) }, (_, i) => {
    const [from, to] = [i * step, Math.min(rows, (i + 1) * step)];
    const logits = quantizedMatmul(sliceAxis(x, 0, from, to), words, matrix);
    return crossEntropy(logits, sliceAxis(targets, 0, from, to));
  });
  const [only, ...others] = losses;
  return only && others.length === 0 ? only : concat(losses, 0);
}
