// One layer of the model, pre-norm as in GPT-2: x += mixer(norm1 x), then x += mlp(norm2 x) (paper.md 1.7). A GSS mixer brings its
// own expansion, so its block ends after the first half.
import type { Value } from '../graph/value.ts';
import { attention } from '../nn/attention.ts';
import { dropout } from '../nn/dropout.ts';
import { layerNorm } from '../nn/layer-norm.ts';
import type { Mixer, MixerContext, MixerResult, StateShape } from '../nn/mixer.ts';
import { mlp } from '../nn/mlp.ts';
import type { Scope } from '../nn/scope.ts';
import { gss } from '../nn/ssm/gss.ts';
import { h3 } from '../nn/ssm/h3.ts';
import { s4d } from '../nn/ssm/s4d.ts';
import { add, recompute } from '../ops/index.ts';
import type { MixerKind, ModelConfig } from './config.ts';

export interface BlockContext extends MixerContext {
  /** Keep only the block's input for the backward pass, which computes the block again. Same numbers, less memory, more time. */
  readonly recompute?: boolean | undefined;
}

export interface Block {
  readonly kind: MixerKind;
  stateShapes(batch: number, capacity: number): readonly StateShape[];
  /** @param x [batch, length, width] */
  apply(x: Value, context?: BlockContext): MixerResult;
}

/** Declares `norm1`, `mixer` and, except for GSS, `norm2` and `mlp`. */
export function block(scope: Scope, config: ModelConfig, kind: MixerKind): Block {
  const { d_model: width, d_inner: innerWidth, resid_dropout: rate } = config;
  const [mixer, norm1] = [makeMixer(scope.child('mixer'), config, kind), layerNorm(scope.child('norm1'), { width })];
  const deviations = { deviation: config.initializer_range, outputDeviation: residualDeviation(config) };
  const second =
    kind === 'gss'
      ? undefined
      : {
          mlp: mlp(scope.child('mlp'), { width, innerWidth, ...deviations }),
          norm: layerNorm(scope.child('norm2'), { width }),
        };
  const apply = (x: Value, context: MixerContext): MixerResult => {
    const mixed = mixer.apply(norm1.apply(x), context);
    const after = add(x, dropout(mixed.y, rate, context.random));
    if (!second) return { y: after, state: mixed.state };
    const y = add(after, dropout(second.mlp.apply(second.norm.apply(after)), rate, context.random));
    return { y, state: mixed.state };
  };
  return {
    kind,
    stateShapes: mixer.stateShapes,
    apply: (x, { recompute: again = false, ...context } = {}) =>
      scope.within(() => (again ? recompute(() => apply(x, context)) : apply(x, context))),
  };
}

/** GPT-2's smaller start for what writes to the residual stream: attention's out_proj and fc2, not H3's output_linear. */
function residualDeviation({ initializer_range, n_layer }: ModelConfig): number {
  return initializer_range / Math.sqrt(2 * n_layer);
}

function makeMixer(scope: Scope, config: ModelConfig, kind: MixerKind): Mixer {
  const { d_model: width, d_state: stateSize, measure, disc: discretisation } = config;
  const { dt_min: dtMin, dt_max: dtMax, initializer_range: deviation } = config;
  switch (kind) {
    case 'h3':
      return h3(scope, {
        width,
        stateSize,
        headDim: config.head_dim,
        without: config.h3_without,
        measure,
        discretisation,
        dtMin,
        dtMax,
        deviation,
      });
    case 's4d':
      return s4d(scope, {
        width,
        stateSize,
        measure,
        discretisation,
        dtMin,
        dtMax,
        dropout: config.ssm_dropout,
        gated: config.s4d_gated,
        deviation,
      });
    case 'gss':
      return gss(scope, { width, states: config.gss_states, deviation });
    case 'attention':
      return attention(scope, {
        width,
        heads: config.num_heads,
        rotaryDim: config.rotary_emb_dim,
        dropout: config.attn_dropout,
        deviation,
        outputDeviation: residualDeviation(config),
      });
  }
}
