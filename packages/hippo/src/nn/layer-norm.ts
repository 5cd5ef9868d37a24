// Layer normalisation over the last axis with a trained scale and shift; ε = 1e-5 as in the released models (paper.md 1.3).
import { read } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { layerNorm as normalize } from '../ops/index.ts';
import { ones, zeros } from './initialize.ts';
import type { Scope } from './scope.ts';

export interface LayerNorm {
  /** [..., width] → [..., width] */
  apply(x: Value): Value;
}

/** Declares `weight` and `bias`, both [width]. */
export function layerNorm(scope: Scope, options: { readonly width: number; readonly epsilon?: number }): LayerNorm {
  const { width, epsilon = 1e-5 } = options;
  const weight = scope.parameter('weight', [width], { initialize: ones });
  const bias = scope.parameter('bias', [width], { initialize: zeros });
  return { apply: (x) => scope.within(() => normalize(x, { weight: read(weight), bias: read(bias), epsilon })) };
}
