// Linear layer: y = x·Wᵀ + b, W [outputs, inputs] as checkpoints store it. A matrix product chooses for free which operand it
// reads transposed, so a projection can also write or read channel-major [channels, batch·length], the layout of SSM layers.
import { read } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import type { Variable } from '../graph/variable.ts';
import { add, reshape } from '../ops/index.ts';
import { normal, zeros } from './initialize.ts';
import type { Scope } from './scope.ts';
import { weightMatrix } from './weight-matrix.ts';

export interface LinearOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Default true. */
  readonly bias?: boolean | undefined;
  /** Standard deviation of the initial weights; default 0.02. The bias starts at zero. */
  readonly deviation?: number | undefined;
}

export interface Linear {
  /** Quantised where the scope says so. */
  readonly weight: Variable;
  readonly bias: Variable | undefined;
  /** [..., inputs] → [..., outputs] */
  apply(x: Value): Value;
  /** [rows, inputs] → [outputs, rows] */
  toChannels(rows: Value): Value;
  /** [inputs, rows] → [rows, outputs] */
  fromChannels(channels: Value): Value;
}

/** Declares `weight` [outputs, inputs] and `bias` [outputs]. */
export function linear(scope: Scope, options: LinearOptions): Linear {
  const { inputs, outputs, bias: withBias = true, deviation = 0.02 } = options;
  const weight = weightMatrix(scope, 'weight', { rows: outputs, columns: inputs, initialize: normal(deviation) });
  const bias = withBias ? scope.parameter('bias', [outputs], { initialize: zeros }) : undefined;
  const shift = (y: Value): Value => (bias ? add(y, read(bias)) : y);
  return {
    weight: weight.variable,
    bias,
    apply: (x) => scope.within(() => shift(weight.apply(x))),
    toChannels: (rows) =>
      scope.within(() => {
        const y = weight.toChannels(rows);
        return bias ? add(y, reshape(read(bias), [outputs, 1])) : y;
      }),
    fromChannels: (channels) => scope.within(() => shift(weight.fromChannels(channels))),
  };
}
