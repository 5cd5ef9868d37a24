// The H3 layer (paper.md 1.1; H3 h3.py). With q, k, v linear in the input and k̄ = shift(k) + D_k·k, for each head
//   S = diagonal(k̄ vᵀ) + D·k̄ vᵀ,   o = q·S  (contracts the index of k̄, leaves that of v),
// then the output projection; for head dim 1 all of these are products of numbers. Channels are laid out (heads, head dim).
// Layout is channel-major [channels, batch, length] between the projections, which write and read it for free.
import { UsageError } from '../../errors.ts';
import { read } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import {
  diagonalSsm as applyDiagonal,
  causalFir,
  type H3MixerParameters,
  h3Mixer,
  mul,
  reshape,
  type SsmForm,
  sum,
} from '../../ops/index.ts';
import { normal } from '../initialize.ts';
import { linear } from '../linear.ts';
import { type Mixer, type MixerContext, sequenceSizes, stateEntry } from '../mixer.ts';
import type { Scope } from '../scope.ts';
import { diagonalSsm } from './diagonal.ts';
import type { Discretisation } from './discretise.ts';
import type { Measure } from './measures.ts';
import { shiftSsm } from './shift.ts';

export interface H3Options {
  readonly width: number;
  /** Taps of the shift SSM and real size of the diagonal SSM's state; default 64. */
  readonly stateSize?: number | undefined;
  /** Must divide the width; default 1. */
  readonly headDim?: number | undefined;
  readonly measure?: Measure | undefined;
  readonly discretisation?: Discretisation | undefined;
  readonly dtMin?: number | undefined;
  readonly dtMax?: number | undefined;
  /** Standard deviation of the projections' initial weights; default 0.02. */
  readonly deviation?: number | undefined;
}

/**
 * Declares `q_proj`, `k_proj`, `v_proj`, `output_linear`, `ssm_k_kernel.kernel`, `ssm_k_D` [width], `kernel.kernel`, `D` [heads].
 * State: `shift` [width, batch, stateSize − 1] and `diagonal` [heads, headDim²·batch, 2, stateSize/2].
 * @throws UsageError `head-dim` when it does not divide the width.
 */
export function h3(scope: Scope, options: H3Options): Mixer {
  const { width, stateSize = 64, headDim = 1, measure, discretisation, dtMin, dtMax, deviation } = options;
  const heads = width / headDim;
  if (!Number.isInteger(heads) || headDim < 1) {
    throw new UsageError(
      'head-dim',
      `h3: the width must be a multiple of the head dimension; got width ${width} and head dimension ${headDim}.`,
      { width, headDim },
    );
  }
  const project = (name: string) => linear(scope.child(name), { inputs: width, outputs: width, deviation });
  const [q, k, v] = [project('q_proj'), project('k_proj'), project('v_proj')];
  const shift = shiftSsm(scope.child('ssm_k_kernel.kernel'), { channels: width, stateSize });
  const shiftSkip = scope.parameter('ssm_k_D', [width], { initialize: normal() });
  const diagonal = diagonalSsm(scope.child('kernel.kernel'), {
    channels: heads,
    stateSize,
    measure,
    discretisation,
    dtMin,
    dtMax,
  });
  const skip = scope.parameter('D', [heads], { initialize: normal() });
  const output = project('output_linear');

  const mix = (x: Value, context: MixerContext) => {
    const { batch, length } = sequenceSizes(x);
    const rows = reshape(x, [batch * length, width]);
    const [shiftState, state] = [stateEntry(context, 'shift', 'h3'), stateEntry(context, 'diagonal', 'h3')];
    const inputs = [q, k, v].map((one) => reshape(one.toChannels(rows), [width, batch, length]));
    const { y, shiftEnd, endState } = (headDim === 1 ? mixNumbers : mixMatrices)({
      inputs: { q: inputs[0] as Value, k: inputs[1] as Value, v: inputs[2] as Value },
      parameters: {
        taps: shift.taps(),
        shiftSkip: read(shiftSkip),
        diagonal: { ...diagonal.parameters(read(skip)), skip: read(skip) },
      },
      state: shiftState && state ? { shift: shiftState, diagonal: state } : undefined,
      form: context.form,
    });
    const out = output.fromChannels(reshape(y, [width, batch * length]));
    return { y: reshape(out, [batch, length, width]), state: { shift: shiftEnd, diagonal: endState } };
  };

  return {
    stateShapes: (batch) => [
      shift.stateShape(batch, 'shift'),
      { name: 'diagonal', shape: [heads, headDim * headDim * batch, 2, diagonal.states], dtype: 'f32' },
    ],
    apply: (x, context = {}) => scope.within(() => mix(x, context)),
  };
}

interface Mixing {
  /** Each [width, batch, length]. */
  readonly inputs: { readonly q: Value; readonly k: Value; readonly v: Value };
  readonly parameters: H3MixerParameters;
  readonly state: { readonly shift: Value; readonly diagonal: Value } | undefined;
  readonly form: SsmForm | undefined;
}

type Mixed = { readonly y: Value; readonly shiftEnd: Value; readonly endState: Value };

/** Head dimension 1: one operation. */
function mixNumbers({ inputs, parameters, state, form }: Mixing): Mixed {
  return h3Mixer(inputs, parameters, { state, form });
}

/** Head dimension d > 1: the d² products of k̄ and v are so many more sequences of the head's SSM. */
function mixMatrices({ inputs: { q, k, v }, parameters, state, form }: Mixing): Mixed {
  const { taps, shiftSkip, diagonal } = parameters;
  const [width = 1, batch = 1, length = 1] = q.shape;
  const heads = diagonal.logPoleRe.shape[0] ?? 1;
  const headDim = width / heads;
  const shifted = causalFir(k, { taps, skip: shiftSkip, state: state?.shift });
  // The index of k̄ is axis 1, that of v axis 2.
  const alongK = (value: Value): Value => reshape(value, [heads, headDim, 1, batch, length]);
  const alongV = (value: Value): Value => reshape(value, [heads, 1, headDim, batch, length]);
  const kv = reshape(mul(alongK(shifted.y), alongV(v)), [heads, headDim * headDim * batch, length]);
  const summed = applyDiagonal(kv, diagonal, { state: state?.diagonal, form });
  const perPair = mul(alongK(q), reshape(summed.y, [heads, headDim, headDim, batch, length]));
  return { y: sum(perPair, [1]), shiftEnd: shifted.endState, endState: summed.endState };
}
