// Embedding: rows of a table picked by id, and its gradient, rows added back to the table in order of position.

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { elementCount, formatShape, sameShape } from '../tensor/shape.ts';

/** Inputs [table [rows, width], ids i32 [...]], output [..., width]; an id outside the table gives a row of NaN. */
export const gatherRowsOperation: Operation = {
  name: 'gatherRows',
  infer: (inputs) => {
    const [table, ids] = [operand(inputs, 0), operand(inputs, 1)];
    rule(
      table.shape.length === 2 && table.dtype === 'f32' && ids.dtype === 'i32',
      () =>
        `takes a table f32 [rows, width] and i32 ids; got ${table.dtype} ${formatShape(table.shape)} and ${ids.dtype} ${formatShape(ids.shape)}.`,
    );
    return [{ shape: [...ids.shape, table.shape[1] ?? 1], dtype: 'f32' }];
  },
  gradient: ({ inputs: [table, ids], outputGradients: [g] }) =>
    table && ids && g ? [applySingle(scatterAddRowsOperation, [ids, g], { rows: table.shape[0] ?? 0 })] : [],
  reference: ([table, ids]) => {
    if (!table || !ids) return [];
    const [rows = 0, width = 1] = table.shape;
    const result = new Float64Array(ids.data.length * width).fill(Number.NaN);
    ids.data.forEach((id, position) => {
      if (id >= 0 && id < rows) result.set(table.data.subarray(id * width, (id + 1) * width), position * width);
    });
    return [result];
  },
};

/**
 * Inputs [ids i32 [...], values [..., width], base? [rows, width]], output [rows, width]: the rows of values added to the base, or to
 * zeros. With a base, only the rows that ids name move.
 */
export const scatterAddRowsOperation: Operation<{ readonly rows: number }> = {
  name: 'scatterAddRows',
  infer: (inputs, { rows }) => {
    const [ids, values] = [operand(inputs, 0), operand(inputs, 1)];
    const width = values.shape[values.shape.length - 1] ?? 1;
    rule(
      ids.dtype === 'i32' && elementCount(values.shape) === elementCount(ids.shape) * width,
      () =>
        `needs one row of values for each id; got ids ${formatShape(ids.shape)} and values ${formatShape(values.shape)}.`,
    );
    const base = inputs[2];
    rule(
      base === undefined || (base.dtype === 'f32' && sameShape(base.shape, [rows, width])),
      () => `the base must be f32 [${rows}, ${width}]; got ${base?.dtype} ${formatShape(base?.shape ?? [])}.`,
    );
    return [{ shape: [rows, width], dtype: 'f32' }];
  },
  inPlace: 2,
  addTo: (sum, [ids, values, base], attributes) =>
    ids && values && !base ? applySingle(scatterAddRowsOperation, [ids, values, sum], attributes) : undefined,
  gradient: ({ inputs: [ids, , base], outputGradients: [g] }) =>
    ids && g ? [undefined, applySingle(gatherRowsOperation, [g, ids], {}), base && g] : [],
  reference: ([ids, values, base], { rows }) => {
    if (!ids || !values) return [];
    const width = values.shape[values.shape.length - 1] ?? 1;
    const result = base ? Float64Array.from(base.data) : new Float64Array(rows * width);
    ids.data.forEach((id, position) => {
      for (let i = 0; i < width; i++) result[id * width + i]! += values.data[position * width + i] ?? 0;
    });
    return [result];
  },
};

/** Row `ids[i]` of `table` for each i. */
export function gatherRows(table: Value, ids: Value): Value {
  return applySingle(gatherRowsOperation, [table, ids], {});
}
