// Packing for matrix products: a weight that stays the same for many products is rearranged once, in the order in which the
// backend's kernel reads it. Compiling makes these of products with frozen weights (session/packed-weights.ts); no gradient
// is taken after that.
import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { NumbersWithShape, Operation, Value } from '../graph/value.ts';
import { formatShape } from '../tensor/shape.ts';
import { reshape } from './reshape.ts';
import { pad } from './slice.ts';
import { transpose } from './transpose.ts';

export type PackColumnsAttributes = { readonly transposed: boolean; readonly width: number };

/**
 * op(B) [k, n] as panels of `width` columns, [⌈n/width⌉, k, width], missing columns zero. `transposed`: B lies as [n, k].
 * Input [B], output [panels].
 */
export const packColumnsOperation: Operation<PackColumnsAttributes> = {
  name: 'packColumns',
  infer: (inputs, { transposed, width }) => {
    const { shape, dtype } = operand(inputs, 0);
    rule(shape.length === 2 && dtype === 'f32', () => `takes an f32 matrix; got ${dtype}${formatShape(shape)}.`);
    const [rows = 1, columns = 1] = shape;
    const [k, n] = transposed ? [columns, rows] : [rows, columns];
    return [{ shape: [Math.ceil(n / width), k, width], dtype: 'f32' }];
  },
  reference: ([b], { transposed }, [output]) => {
    const [panels = 0, k = 1, width = 1] = output?.shape ?? [];
    const result = new Float64Array(panels * k * width);
    const n = (b?.shape[transposed ? 0 : 1] ?? 1) as number;
    for (let j = 0; j < n; j++) {
      for (let l = 0; l < k; l++) {
        const at = (Math.floor(j / width) * k + l) * width + (j % width);
        result[at] = b?.data[transposed ? j * k + l : l * n + j] ?? 0;
      }
    }
    return [result];
  },
  decompose: ([b], { transposed, width }) => {
    if (!b) return [];
    const matrix = transposed ? transpose(b, [1, 0]) : b;
    const [k = 1, n = 1] = matrix.shape;
    const panels = Math.ceil(n / width);
    const filled = panels * width === n ? matrix : pad(matrix, [0, 0], [0, panels * width - n]);
    return [transpose(reshape(filled, [k, panels, width]), [1, 0, 2])];
  },
};

/** Panels [⌈n/width⌉, k, width] as the matrix [k, columns] that they hold. */
export function unpackColumns({ shape, data }: NumbersWithShape, columns: number): NumbersWithShape {
  const [, k = 1, width = 1] = shape;
  const result = new Float64Array(k * columns);
  for (let l = 0; l < k; l++) {
    for (let j = 0; j < columns; j++)
      result[l * columns + j] = data[(Math.floor(j / width) * k + l) * width + (j % width)] ?? 0;
  }
  return { shape: [k, columns], data: result };
}

export function packColumns(b: Value, attributes: PackColumnsAttributes): Value {
  return applySingle(packColumnsOperation, [b], attributes);
}
