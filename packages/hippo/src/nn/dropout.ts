// Dropout (Srivastava et al., JMLR 2014), inverted: elements are zeroed with probability `rate` while training and the others
// divided by 1 − rate. The mask depends on seed, step and place in the model, never on execution order.
import { UsageError } from '../errors.ts';
import type { Value } from '../graph/value.ts';
import { less, mul, type RandomSource, randomUniform, select } from '../ops/index.ts';

/**
 * x with elements dropped; x itself without a random source or at rate 0.
 * @throws UsageError `dropout-rate` unless 0 ≤ rate < 1.
 */
export function dropout(x: Value, rate: number, random: RandomSource | undefined): Value {
  if (!(rate >= 0 && rate < 1)) {
    throw new UsageError('dropout-rate', `dropout: the rate must be at least 0 and below 1; got ${rate}.`, { rate });
  }
  if (!random || rate === 0) return x;
  return select(less(randomUniform(x.shape, random), rate), 0, mul(x, 1 / (1 - rate)));
}
