// Embedding table: row `id` for each id. Tied output heads read the same table as the matrix of class scores.
import type { Value } from '../graph/value.ts';
import { normal } from './initialize.ts';
import type { Scope } from './scope.ts';
import { type WeightMatrix, weightMatrix } from './weight-matrix.ts';

export interface EmbeddingOptions {
  readonly rows: number;
  readonly width: number;
  /** Standard deviation of the initial table; default 0.02. */
  readonly deviation?: number | undefined;
}

export interface Embedding {
  /** [rows, width] */
  readonly weight: WeightMatrix;
  /** i32 [...] → [..., width]; an id outside the table gives NaN. */
  apply(ids: Value): Value;
}

/** Declares `weight` [rows, width]. */
export function embedding(scope: Scope, options: EmbeddingOptions): Embedding {
  const { rows, width, deviation = 0.02 } = options;
  const weight = weightMatrix(scope, 'weight', { rows, columns: width, initialize: normal(deviation) });
  return { weight, apply: (ids) => scope.within(() => weight.rowsOf(ids)) };
}
