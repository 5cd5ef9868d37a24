// What an H3 layer does between its projections (paper.md 1.1), whole or, for ablations, without one of its two SSMs. For each head
//   k̄ = shift(k) + D_k·k,   S = diagonal(k̄ vᵀ) + D·k̄ vᵀ,   o = q·S  (contracts the index of k̄, leaves that of v)
// Without the shift SSM k̄ = k, its skip term gone with it. Without the diagonal SSM S = k̄ vᵀ of the same moment, so that o = (q·k̄) v:
// what is left of the past is what the shift SSM holds. Layout is channel-major, [channels, batch, length].
import type { Value } from '../../graph/value.ts';
import {
  diagonalSsm as applyDiagonal,
  causalFir,
  type DiagonalSsmParameters,
  h3Mixer,
  mul,
  reshape,
  type SsmForm,
  sum,
} from '../../ops/index.ts';
import type { State } from '../mixer.ts';

/** The SSM that an H3 layer lacks. */
export type H3Without = 'none' | 'shift' | 'diagonal';

export const h3Withouts: readonly H3Without[] = ['none', 'shift', 'diagonal'];

export interface ShiftPart {
  /** [width, taps] */
  readonly taps: Value;
  /** [width] */
  readonly skip: Value;
  /** [width, batch, taps − 1]; absent: zeros. */
  readonly state: Value | undefined;
}

export interface DiagonalPart {
  /** Each [heads, states], the skip [heads]. */
  readonly parameters: DiagonalSsmParameters & { readonly skip: Value };
  /** [heads, headDim²·batch, 2, states]; absent: zeros. */
  readonly state: Value | undefined;
}

export interface H3Mixing {
  /** Each [width, batch, length]. */
  readonly inputs: { readonly q: Value; readonly k: Value; readonly v: Value };
  readonly headDim: number;
  /** Absent: keys pass unchanged. */
  readonly shift: ShiftPart | undefined;
  /** Absent: the products of keys and values go straight to the gate. */
  readonly diagonal: DiagonalPart | undefined;
  readonly form?: SsmForm | undefined;
}

export interface H3Mixed {
  /** [width, batch, length], or any shape of as many elements in this order. */
  readonly y: Value;
  /** `shift` and `diagonal` after the last step, as far as the layer has them. */
  readonly state: State;
}

/** Mixes along time and within heads. The whole layer of head dimension 1 is one operation. */
export function mixH3(mixing: H3Mixing): H3Mixed {
  const { shift, diagonal, headDim } = mixing;
  return shift && diagonal && headDim === 1 ? mixNumbers({ ...mixing, shift, diagonal }) : mixHeads(mixing);
}

type WholeMixing = H3Mixing & { readonly shift: ShiftPart; readonly diagonal: DiagonalPart };

function mixNumbers({ inputs, shift, diagonal, form }: WholeMixing): H3Mixed {
  const parameters = { taps: shift.taps, shiftSkip: shift.skip, diagonal: diagonal.parameters };
  const state = shift.state && diagonal.state ? { shift: shift.state, diagonal: diagonal.state } : undefined;
  const { y, shiftEnd, endState } = h3Mixer(inputs, parameters, { state, form });
  return { y, state: { shift: shiftEnd, diagonal: endState } };
}

/** Composed of smaller operations: the headDim² products of k̄ and v are so many more sequences of the head's SSM. */
function mixHeads({ inputs: { q, k, v }, headDim, shift, diagonal, form }: H3Mixing): H3Mixed {
  const [width = 1, batch = 1, length = 1] = q.shape;
  const heads = width / headDim;
  // The index of k̄ is axis 1, that of v axis 2.
  const alongK = (value: Value): Value => reshape(value, [heads, headDim, 1, batch, length]);
  const alongV = (value: Value): Value => reshape(value, [heads, 1, headDim, batch, length]);
  const shifted = shift && causalFir(k, { taps: shift.taps, skip: shift.skip, state: shift.state });
  const keys = shifted?.y ?? k;
  const shiftEnd = shifted && { shift: shifted.endState };
  if (!diagonal) {
    const agreement = sum(mul(alongK(q), alongK(keys)), [1], { keep: true });
    return { y: mul(agreement, alongV(v)), state: { ...shiftEnd } };
  }
  const kv = reshape(mul(alongK(keys), alongV(v)), [heads, headDim * headDim * batch, length]);
  const summed = applyDiagonal(kv, diagonal.parameters, { state: diagonal.state, form });
  const perPair = mul(alongK(q), reshape(summed.y, [heads, headDim, headDim, batch, length]));
  return { y: sum(perPair, [1]), state: { ...shiftEnd, diagonal: summed.endState } };
}
