// The gated state-space layer (Mehta et al., arXiv 2206.13947; baselines.md). With F = 4·width and H = width/4:
//   v = GELU(W_v x) [F],  u = norm(GELU(W_u x)) [H],  y = DSS(u) [H],  out = W_o(v ⊙ W_y y).
// The simplified DSS has one Λ = −exp(Λ_re) + i·exp(Λ_im) for all channels and no step size:
//   K_l = Re Σ_n C_n·(e^{Λ_n} − 1)/Λ_n·e^{lΛ_n},  y = conv(K, u) + D·u.
// The layer brings its own expansion, so a GSS block has no MLP.
import { UsageError } from '../../errors.ts';
import { read } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import {
  diagonalSsm as applyDiagonal,
  broadcastTo,
  type DiagonalSsmParameters,
  exp,
  full,
  geluErf,
  mul,
  neg,
  reshape,
  transpose,
} from '../../ops/index.ts';
import { normal } from '../initialize.ts';
import { layerNorm } from '../layer-norm.ts';
import { linear } from '../linear.ts';
import { type Mixer, type MixerContext, sequenceSizes, stateEntry } from '../mixer.ts';
import type { Scope } from '../scope.ts';
import { complexParts } from './complex.ts';
import { zeroOrderHold } from './discretise.ts';
import { ssmGroup } from './parameter-group.ts';

export interface GssOptions {
  /** A multiple of 4. */
  readonly width: number;
  /** Complex states, shared by all channels; default 512. */
  readonly states?: number | undefined;
  readonly deviation?: number | undefined;
}

/**
 * Declares `v_proj`, `u_proj`, `y_proj` (no biases), `output_linear`, `norm` and the kernel's `Lambda_re`, `Lambda_im` [states],
 * `C` [H, states, 2], `D` [H]. State: `diagonal` [width/4, batch, 2, states].
 * @throws UsageError `gss-width`.
 */
export function gss(scope: Scope, options: GssOptions): Mixer {
  const { width, states = 512, deviation } = options;
  const [inner, reduced] = [4 * width, width / 4];
  if (!Number.isInteger(reduced)) {
    throw new UsageError(
      'gss-width',
      `gss: the width must be a multiple of 4, since the state space runs on a quarter of it; got ${width}.`,
      { width },
    );
  }
  const project = (name: string, inputs: number, outputs: number) =>
    linear(scope.child(name), { inputs, outputs, bias: false, deviation });
  const [v, u] = [project('v_proj', width, inner), project('u_proj', width, reduced)];
  const norm = layerNorm(scope.child('norm'), { width: reduced });
  const kernel = simplifiedDss(scope.child('kernel'), reduced, states);
  const expand = project('y_proj', reduced, inner);
  const output = linear(scope.child('output_linear'), { inputs: inner, outputs: width, deviation });

  const mix = (x: Value, context: MixerContext) => {
    const { batch, length } = sequenceSizes(x);
    const rows = reshape(x, [batch * length, width]);
    // The norm runs along the channels, so they must be the last axis until here; a quarter of the width is transposed.
    const normal = transpose(norm.apply(geluErf(u.apply(rows))), [1, 0]);
    const { y, endState } = applyDiagonal(reshape(normal, [reduced, batch, length]), kernel(), {
      state: stateEntry(context, 'diagonal', 'gss'),
      form: context.form,
    });
    const gate = geluErf(v.apply(rows));
    const out = output.apply(mul(gate, expand.fromChannels(reshape(y, [reduced, batch * length]))));
    return { y: reshape(out, [batch, length, width]), state: { diagonal: endState } };
  };

  return {
    stateShapes: (batch) => [{ name: 'diagonal', shape: [reduced, batch, 2, states], dtype: 'f32' }],
    apply: (x, context = {}) => scope.within(() => mix(x, context)),
  };
}

/** Declares the kernel's parameters; both parts of C are standard normal, as are Λ_re, Λ_im and D. */
function simplifiedDss(scope: Scope, channels: number, states: number): () => DiagonalSsmParameters {
  const group = ssmGroup;
  const lambdaRe = scope.parameter('Lambda_re', [states], { initialize: normal(), group });
  const lambdaIm = scope.parameter('Lambda_im', [states], { initialize: normal(), group });
  const c = scope.parameter('C', [channels, states, 2], { initialize: normal() });
  const skip = scope.parameter('D', [channels], { initialize: normal() });
  return () =>
    scope.within(() => {
      const a = { re: reshape(neg(exp(read(lambdaRe))), [1, states]), im: reshape(exp(read(lambdaIm)), [1, states]) };
      const { re, im } = complexParts(read(c), [channels, states]);
      // The operator takes twice the real part, this kernel once.
      const bc = { re: mul(0.5, re), im: mul(0.5, im) };
      const poles = zeroOrderHold({ a, bc, step: full([1, 1], 1) });
      return {
        ...poles,
        logPoleRe: broadcastTo(poles.logPoleRe, [channels, states]),
        logPoleIm: broadcastTo(poles.logPoleIm, [channels, states]),
        skip: read(skip),
      };
    });
}
