// Largest element over neighbouring axes, and the mean.
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { elementCount } from '../tensor/shape.ts';
import { div, equal, mul } from './elementwise.ts';
import { reshape } from './reshape.ts';
import {
  broadcastTo,
  inferReduction,
  type ReduceAttributes,
  reduceAxes,
  reductionSizes,
  sum,
  sumOperation,
} from './sum.ts';

/** The maximum over `count` neighbouring axes from `axis` on; NaN wins. Equal maxima share the gradient evenly. */
export const maxOperation: Operation<ReduceAttributes> = {
  name: 'max',
  infer: inferReduction('max'),
  gradient: ({ inputs: [x], outputs: [y], outputGradients: [g], attributes: { axis, count } }) => {
    if (!x || !y || !g) return [];
    const kept = [...y.shape.slice(0, axis), ...new Array<number>(count).fill(1), ...y.shape.slice(axis)];
    const isMax = equal(x, broadcastTo(reshape(y, kept), x.shape));
    const ties = applySingle(sumOperation, [isMax], { axis, count });
    return [mul(isMax, broadcastTo(reshape(div(g, ties), kept), x.shape))];
  },
  reference: ([x], attributes) => {
    const { outer, reduced, inner } = reductionSizes(x?.shape ?? [], attributes);
    const result = new Float64Array(outer * inner).fill(Number.NEGATIVE_INFINITY);
    for (let o = 0; o < outer; o++) {
      for (let r = 0; r < reduced; r++) {
        for (let i = 0; i < inner; i++)
          result[o * inner + i] = Math.max(result[o * inner + i]!, x?.data[(o * reduced + r) * inner + i] ?? 0);
      }
    }
    return [result];
  },
};

/** The largest element over the given axes (all of them by default). */
export function max(x: Value, axes?: readonly number[], options: { readonly keep?: boolean } = {}): Value {
  return reduceAxes(maxOperation, x, axes, options.keep ?? false);
}

/** The mean over the given axes (all of them by default). */
export function mean(x: Value, axes?: readonly number[], options: { readonly keep?: boolean } = {}): Value {
  const total = sum(x, axes, options);
  return mul(total, elementCount(total.shape) / elementCount(x.shape));
}
