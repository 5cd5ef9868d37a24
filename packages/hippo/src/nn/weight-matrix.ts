// The matrix W [rows, columns] of a linear layer, an embedding or a head, in f32 or quantised as its scope says
// (tensor/quantization.ts). Layers ask for products and rows and need not know which it is.
import { read } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import type { Initializer, Variable } from '../graph/variable.ts';
import {
  gatherRows,
  linearCrossEntropy,
  matmul,
  quantizedCrossEntropy,
  quantizedGatherRows,
  quantizedMatmul,
  reshape,
  transpose,
} from '../ops/index.ts';
import { type Quantization, type QuantizedMatrix, quantizeRows, rowWords } from '../tensor/quantization.ts';
import type { Scope } from './scope.ts';

export interface WeightMatrixOptions {
  readonly rows: number;
  readonly columns: number;
  /** Of the f32 numbers. */
  readonly initialize: Initializer;
}

export interface WeightMatrix {
  /** f32 [rows, columns], or i32 words [rows, …]. */
  readonly variable: Variable;
  /** x·Wᵀ: [..., columns] → [..., rows] */
  apply(x: Value): Value;
  /** W·xᵀ: [count, columns] → [rows, count] */
  toChannels(x: Value): Value;
  /** xᵀ·Wᵀ: [columns, count] → [count, rows] */
  fromChannels(x: Value): Value;
  /** Row `id` for each id, i32 [...] → [..., columns]; an id outside gives NaN. */
  rowsOf(ids: Value): Value;
  /** −log softmax(x·Wᵀ)[target]: [count, columns], i32 [count] → [count] */
  crossEntropy(x: Value, targets: Value): Value;
}

/** Declares the matrix in a scope. */
export function weightMatrix(scope: Scope, name: string, options: WeightMatrixOptions): WeightMatrix {
  const { quantization } = scope;
  return quantization ? quantizedWeights(scope, name, options, quantization) : floatWeights(scope, name, options);
}

function floatWeights(scope: Scope, name: string, { rows, columns, initialize }: WeightMatrixOptions): WeightMatrix {
  const variable = scope.parameter(name, [rows, columns], { initialize });
  return {
    variable,
    apply: (x) => matmul(x, read(variable), { transposeB: true }),
    toChannels: (x) => matmul(read(variable), x, { transposeB: true }),
    fromChannels: (x) => matmul(x, read(variable), { transposeA: true, transposeB: true }),
    rowsOf: (ids) => gatherRows(read(variable), ids),
    crossEntropy: (x, targets) => linearCrossEntropy(x, read(variable), targets),
  };
}

function quantizedWeights(
  scope: Scope,
  name: string,
  { rows, columns, initialize }: WeightMatrixOptions,
  { bits }: Quantization,
): WeightMatrix {
  const matrix: QuantizedMatrix = { bits, inputs: columns };
  const variable = scope.parameter(name, [rows, rowWords(matrix)], {
    dtype: 'i32',
    initialize: (context) => {
      const numbers = initialize({ ...context, shape: [rows, columns] });
      return quantizeRows(numbers instanceof Float32Array ? numbers : Float32Array.from(numbers), matrix, context.name);
    },
  });
  const apply = (x: Value): Value => quantizedMatmul(x, read(variable), matrix);
  return {
    variable,
    apply,
    toChannels: (x) => turned(apply(x)),
    fromChannels: (x) => apply(turned(x)),
    rowsOf: (ids) => quantizedGatherRows(read(variable), ids, matrix),
    crossEntropy: (x, targets) => quantizedCrossEntropy(x, read(variable), targets, matrix),
  };
}

/** A matrix transposed; a single row or column needs no copy. */
function turned(x: Value): Value {
  const [rows = 1, columns = 1] = x.shape;
  return rows === 1 || columns === 1 ? reshape(x, [columns, rows]) : transpose(x, [1, 0]);
}
