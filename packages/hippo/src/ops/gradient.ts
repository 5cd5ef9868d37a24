// The gradient function that users call inside a trace.
import { reverseGradient } from '../graph/gradient.ts';
import type { Value } from '../graph/value.ts';
import { after } from './after.ts';
import { fullLike } from './constant.ts';
import { add } from './elementwise.ts';

/**
 * ∂loss/∂target for each target, as values of the same trace.
 * @throws TraceError `loss-not-scalar`, `not-differentiable`.
 */
export function gradient(loss: Value, targets: readonly Value[]): Value[] {
  return reverseGradient(loss, targets, { add, after, fullLike });
}
