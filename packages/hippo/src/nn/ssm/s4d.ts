// The S4D layer (Gu et al., arXiv 2206.11893; baselines.md): one diagonal SSM a channel over the layer's input, no projection
// before it, y = W·dropout(GELU(conv(K, u) + D·u)) + b. GELU is the exact one. One A is shared by all channels, zero-order hold.
import { read } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import { diagonalSsm as applyDiagonal, geluErf, mul, reshape, sigmoid, sliceAxis, transpose } from '../../ops/index.ts';
import { dropout } from '../dropout.ts';
import { normal } from '../initialize.ts';
import { linear } from '../linear.ts';
import { type Mixer, type MixerContext, sequenceSizes, stateEntry } from '../mixer.ts';
import type { Scope } from '../scope.ts';
import { diagonalSsm } from './diagonal.ts';
import type { Discretisation } from './discretise.ts';
import type { Measure } from './measures.ts';

export interface S4dOptions {
  readonly width: number;
  /** Real size of the state; default 64. */
  readonly stateSize?: number | undefined;
  /** Default `diag-inv`. */
  readonly measure?: Measure | undefined;
  /** Default `zoh`. */
  readonly discretisation?: Discretisation | undefined;
  readonly dtMin?: number | undefined;
  readonly dtMax?: number | undefined;
  /** Dropout after the GELU while training; default 0. */
  readonly dropout?: number | undefined;
  /** The output layer makes 2·width numbers and gates the first half with the sigmoid of the second; default false. */
  readonly gated?: boolean | undefined;
  readonly deviation?: number | undefined;
}

/**
 * Declares `kernel.kernel` (C, log_dt, inv_A_real, A_imag; B is folded into C), `D` [width] and `output_linear`.
 * State: `diagonal` [width, batch, 2, stateSize/2].
 */
export function s4d(scope: Scope, options: S4dOptions): Mixer {
  const {
    width,
    stateSize = 64,
    measure = 'diag-inv',
    discretisation = 'zoh',
    dtMin,
    dtMax,
    gated = false,
    deviation,
  } = options;
  const kernel = diagonalSsm(scope.child('kernel.kernel'), {
    channels: width,
    stateSize,
    measure,
    discretisation,
    dtMin,
    dtMax,
    tied: true,
    inputVector: 'folded',
  });
  const skip = scope.parameter('D', [width], { initialize: normal() });
  const output = linear(scope.child('output_linear'), { inputs: width, outputs: gated ? 2 * width : width, deviation });

  const mix = (x: Value, context: MixerContext) => {
    const { batch, length } = sequenceSizes(x);
    // The layer has no input projection that could write channel-major, so here the layout costs a transpose.
    const u = reshape(transpose(reshape(x, [batch * length, width]), [1, 0]), [width, batch, length]);
    const { y, endState } = applyDiagonal(u, kernel.parameters(read(skip)), {
      state: stateEntry(context, 'diagonal', 's4d'),
      form: context.form,
    });
    const active = dropout(geluErf(reshape(y, [width, batch * length])), options.dropout ?? 0, context.random);
    const out = output.fromChannels(active);
    const result = gated ? mul(sliceAxis(out, 1, 0, width), sigmoid(sliceAxis(out, 1, width, 2 * width))) : out;
    return { y: reshape(result, [batch, length, width]), state: { diagonal: endState } };
  };

  return {
    stateShapes: (batch) => [{ name: 'diagonal', shape: [width, batch, 2, kernel.states], dtype: 'f32' }],
    apply: (x, context = {}) => scope.within(() => mix(x, context)),
  };
}
