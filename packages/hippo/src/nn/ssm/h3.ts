// The H3 layer (paper.md 1.1; H3 h3.py). With q, k, v linear in the input and k̄ = shift(k) + D_k·k, for each head
//   S = diagonal(k̄ vᵀ) + D·k̄ vᵀ,   o = q·S  (contracts the index of k̄, leaves that of v),
// then the output projection; for head dim 1 all of these are products of numbers. Channels are laid out (heads, head dim).
// Layout is channel-major [channels, batch, length] between the projections, which write and read it for free. Here are the
// parameters; h3-mixing.ts mixes, also without one of the two SSMs.
import { UsageError } from '../../errors.ts';
import { read } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import { reshape } from '../../ops/index.ts';
import { normal } from '../initialize.ts';
import { linear } from '../linear.ts';
import { type Mixer, type MixerContext, type StateShape, sequenceSizes, stateEntry } from '../mixer.ts';
import type { Scope } from '../scope.ts';
import { diagonalSsm } from './diagonal.ts';
import type { Discretisation } from './discretise.ts';
import { type DiagonalPart, type H3Without, mixH3, type ShiftPart } from './h3-mixing.ts';
import type { Measure } from './measures.ts';
import { shiftSsm } from './shift.ts';

export interface H3Options {
  readonly width: number;
  /** Taps of the shift SSM and real size of the diagonal SSM's state; default 64. */
  readonly stateSize?: number | undefined;
  /** Must divide the width; default 1. */
  readonly headDim?: number | undefined;
  /** An SSM to leave out, parameters and state too, as an ablation; default `none`. */
  readonly without?: H3Without | undefined;
  readonly measure?: Measure | undefined;
  readonly discretisation?: Discretisation | undefined;
  readonly dtMin?: number | undefined;
  readonly dtMax?: number | undefined;
  /** Standard deviation of the projections' initial weights; default 0.02. */
  readonly deviation?: number | undefined;
}

/**
 * Declares `q_proj`, `k_proj`, `v_proj`, `output_linear`, and of the SSMs it has `ssm_k_kernel.kernel`, `ssm_k_D` [width] (shift) and
 * `kernel.kernel`, `D` [heads] (diagonal).
 * State, of the SSMs it has: `shift` [width, batch, stateSize − 1] and `diagonal` [heads, headDim²·batch, 2, stateSize/2].
 * @throws UsageError `head-dim` when it does not divide the width.
 */
export function h3(scope: Scope, options: H3Options): Mixer {
  const { width, headDim = 1, deviation, without = 'none' } = options;
  checkHeadDim(width, headDim);
  const project = (name: string) => linear(scope.child(name), { inputs: width, outputs: width, deviation });
  const [q, k, v] = [project('q_proj'), project('k_proj'), project('v_proj')];
  const shift = without === 'shift' ? undefined : declareShift(scope, options);
  const diagonal = without === 'diagonal' ? undefined : declareDiagonal(scope, options);
  const output = project('output_linear');

  const mix = (x: Value, context: MixerContext) => {
    const { batch, length } = sequenceSizes(x);
    const rows = reshape(x, [batch * length, width]);
    const inputs = [q, k, v].map((one) => reshape(one.toChannels(rows), [width, batch, length]));
    const mixed = mixH3({
      inputs: { q: inputs[0] as Value, k: inputs[1] as Value, v: inputs[2] as Value },
      headDim,
      shift: shift?.part(context),
      diagonal: diagonal?.part(context),
      form: context.form,
    });
    const out = output.fromChannels(reshape(mixed.y, [width, batch * length]));
    return { y: reshape(out, [batch, length, width]), state: mixed.state };
  };

  return {
    stateShapes: (batch) => [shift, diagonal].flatMap((ssm) => (ssm ? [ssm.stateShape(batch)] : [])),
    apply: (x, context = {}) => scope.within(() => mix(x, context)),
  };
}

function checkHeadDim(width: number, headDim: number): void {
  if (Number.isInteger(width / headDim) && headDim >= 1) return;
  throw new UsageError(
    'head-dim',
    `h3: the width must be a multiple of the head dimension; got width ${width} and head dimension ${headDim}.`,
    { width, headDim },
  );
}

/** One of the layer's SSMs: what it adds to the state, and what a call gives to the mixing. */
interface Declared<Part> {
  stateShape(batch: number): StateShape;
  part(context: MixerContext): Part;
}

function declareShift(scope: Scope, { width, stateSize = 64 }: H3Options): Declared<ShiftPart> {
  const shift = shiftSsm(scope.child('ssm_k_kernel.kernel'), { channels: width, stateSize });
  const skip = scope.parameter('ssm_k_D', [width], { initialize: normal() });
  return {
    stateShape: (batch) => shift.stateShape(batch, 'shift'),
    part: (context) => ({ taps: shift.taps(), skip: read(skip), state: stateEntry(context, 'shift', 'h3') }),
  };
}

function declareDiagonal(scope: Scope, options: H3Options): Declared<DiagonalPart> {
  const { width, stateSize = 64, headDim = 1, measure, discretisation, dtMin, dtMax } = options;
  const heads = width / headDim;
  const kernel = scope.child('kernel.kernel');
  const diagonal = diagonalSsm(kernel, { channels: heads, stateSize, measure, discretisation, dtMin, dtMax });
  const skip = scope.parameter('D', [heads], { initialize: normal() });
  return {
    stateShape: (batch) => ({
      name: 'diagonal',
      shape: [heads, headDim * headDim * batch, 2, diagonal.states],
      dtype: 'f32',
    }),
    part: (context) => ({
      parameters: { ...diagonal.parameters(read(skip)), skip: read(skip) },
      state: stateEntry(context, 'diagonal', 'h3'),
    }),
  };
}
