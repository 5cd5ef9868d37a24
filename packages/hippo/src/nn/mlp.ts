// The two-layer perceptron of a block: fc2(GELU(fc1 x)), GELU by tanh, with biases (paper.md 1.7).
import type { Value } from '../graph/value.ts';
import { gelu } from '../ops/index.ts';
import { linear } from './linear.ts';
import type { Scope } from './scope.ts';

export interface MlpOptions {
  readonly width: number;
  /** Width between the two layers. */
  readonly innerWidth: number;
  /** Standard deviation of the initial weights of `fc1`; default 0.02. */
  readonly deviation?: number | undefined;
  /** Same for `fc2`, which writes to the residual stream; default `deviation`. */
  readonly outputDeviation?: number | undefined;
}

export interface Mlp {
  /** [..., width] → [..., width] */
  apply(x: Value): Value;
}

/** Declares `fc1` and `fc2`, each with weight and bias. */
export function mlp(scope: Scope, options: MlpOptions): Mlp {
  const { width, innerWidth, deviation = 0.02, outputDeviation = deviation } = options;
  const first = linear(scope.child('fc1'), { inputs: width, outputs: innerWidth, deviation });
  const second = linear(scope.child('fc2'), { inputs: innerWidth, outputs: width, deviation: outputDeviation });
  return { apply: (x) => scope.within(() => second.apply(gelu(first.apply(x)))) };
}
