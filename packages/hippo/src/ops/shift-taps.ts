// The shift SSM's kernel from its two vectors: taps[l] = Σ_j b[j]·c[j+l] (paper.md 1.5; H3 ss_kernel_shift.py). With b = e₁ the
// taps are c itself.

import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { formatShape, sameShape } from '../tensor/shape.ts';
import { causalFir } from './causal-fir.ts';
import { reshape } from './reshape.ts';

/** Inputs [b, c], both [channels, taps]; output [channels, taps]. */
export const shiftTapsOperation: Operation = {
  name: 'shiftTaps',
  infer: (inputs) => {
    const [b, c] = [operand(inputs, 0), operand(inputs, 1)];
    rule(
      b.shape.length === 2 && sameShape(b.shape, c.shape) && b.dtype === 'f32' && c.dtype === 'f32',
      () => `takes two f32 [channels, taps] of one shape; got ${formatShape(b.shape)} and ${formatShape(c.shape)}.`,
    );
    return [{ shape: b.shape, dtype: 'f32' }];
  },
  // ∂/∂b[j] = Σ_l g[l]·c[j+l] is the operation itself; ∂/∂c[m] = Σ_j b[j]·g[m−j] is a causal filter over b.
  gradient: ({ inputs: [b, c], outputGradients: [g], needs }) => {
    if (!b || !c || !g) return [];
    const [channels = 1, taps = 1] = b.shape;
    return [
      needs[0] ? shiftTaps(g, c) : undefined,
      needs[1] ? reshape(causalFir(reshape(b, [channels, 1, taps]), { taps: g }).y, [channels, taps]) : undefined,
    ];
  },
  reference: ([b, c]) => {
    if (!b || !c) return [];
    const [channels = 0, taps = 0] = b.shape;
    const result = new Float64Array(channels * taps);
    for (let d = 0; d < channels; d++) {
      for (let l = 0; l < taps; l++) {
        for (let j = 0; j + l < taps; j++)
          result[d * taps + l]! += (b.data[d * taps + j] ?? 0) * (c.data[d * taps + j + l] ?? 0);
      }
    }
    return [result];
  },
  operations: ([b]) => (b?.shape[0] ?? 0) * (b?.shape[1] ?? 0) ** 2,
};

/** Σ_j b[d, j]·c[d, j+l] for each channel d and lag l. */
export function shiftTaps(b: Value, c: Value): Value {
  return applySingle(shiftTapsOperation, [b, c], {});
}
