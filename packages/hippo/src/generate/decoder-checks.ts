// What a decoder refuses, in sentences.
import { UsageError } from '../errors.ts';

/** @throws UsageError `no-tokens` unless `given` tokens are the same whole number, 1 or more, for each row. */
export function checkCount(batch: number, { count, given }: { readonly count: number; readonly given: number }): void {
  if (Number.isInteger(count) && count >= 1) return;
  throw new UsageError(
    'no-tokens',
    `decoder: needs at least one token for each of ${batch} sequences; got ${given}. An empty prompt cannot be continued: give at least one token.`,
    { tokens: given, batch },
  );
}

/** @throws UsageError `capacity`, `sequence-too-long` where `count` tokens after `position` do not fit. */
export function checkRoom(
  { capacity, longest }: { readonly capacity: number; readonly longest: number },
  position: number,
  count: number,
): void {
  if (position + count > capacity) {
    throw new UsageError(
      'capacity',
      `decoder: the attention cache holds ${capacity} tokens; ${position} are read and ${count} more were given. Make the decoder with a larger capacity.`,
      { capacity, position, count },
    );
  }
  if (position + count > longest) {
    throw new UsageError(
      'sequence-too-long',
      `decoder: learned positions end at ${longest} (max_position_embeddings); ${position} tokens are read and ${count} more were given. Use shorter sequences.`,
      { longest, position, count },
    );
  }
}

/** @throws UsageError `prompts` */
export function checkPrompts(batch: number, prompts: readonly ArrayLike<number>[]): void {
  const lengths = prompts.map(({ length }) => length);
  if (lengths.length === batch && !lengths.includes(0)) return;
  throw new UsageError(
    'prompts',
    `decoder: feedRows needs a prompt of at least one token for each of ${batch} rows; got ${lengths.length} prompts of lengths ${lengths.join(', ') || 'none'}.`,
    { prompts: lengths.length, batch },
  );
}

/** @throws UsageError `rows-not-fresh` */
export function checkFresh(positions: readonly number[]): void {
  if (positions.every((position) => position === 0)) return;
  throw new UsageError(
    'rows-not-fresh',
    `decoder: a prompt cache knows prompts from their first token on; the rows have read ${positions.join(', ')} tokens. Call reset first.`,
    { positions },
  );
}

/** @throws UsageError `row` */
export function checkRow(batch: number, row: number): void {
  if (Number.isInteger(row) && row >= 0 && row < batch) return;
  throw new UsageError('row', `decoder: rows are numbers from 0 to ${batch - 1}; got ${row}.`, { row, batch });
}

/** @throws UsageError `rows`, `row` */
export function checkRows(batch: number, rows: readonly number[]): void {
  if (rows.length !== batch) {
    throw new UsageError(
      'rows',
      `decoder: reorder needs the source of each of ${batch} rows; got ${rows.length} numbers.`,
      { rows, batch },
    );
  }
  for (const row of rows) checkRow(batch, row);
}
