// The shift SSM: a causal filter of N taps a channel plus a skip term (paper.md 1.2, 1.3; H3 ss_kernel_shift.py). Its state is the
// last N − 1 inputs. Both B and C are trained: taps[l] = Σ_j B[j]·C[j+l], which is C itself while B = e₁.
import { read } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import type { Initializer } from '../../graph/variable.ts';
import { causalFir, reshape, shiftTaps } from '../../ops/index.ts';
import { elementCount } from '../../tensor/shape.ts';
import { uniform } from '../initialize.ts';
import type { StateShape } from '../mixer.ts';
import type { Scope } from '../scope.ts';
import { ssmGroup } from './parameter-group.ts';

export interface ShiftSsmOptions {
  readonly channels: number;
  /** Taps N. */
  readonly stateSize: number;
}

export interface ShiftSsm {
  stateShape(batch: number, name: string): StateShape;
  /** [channels, stateSize] */
  taps(): Value;
  /**
   * @param u [channels, batch, length]
   * @param options.skip [channels]
   * @param options.state [channels, batch, stateSize − 1], oldest first; absent: zeros.
   */
  apply(
    u: Value,
    options: { readonly skip: Value; readonly state?: Value | undefined },
  ): { readonly y: Value; readonly endState: Value };
}

/** Declares `B` [channels, N], which starts as e₁, and `C` [1, channels, N], uniform on ±1/√N. */
export function shiftSsm(scope: Scope, { channels, stateSize }: ShiftSsmOptions): ShiftSsm {
  const b = scope.parameter('B', [channels, stateSize], { initialize: firstUnit(stateSize), group: ssmGroup });
  const bound = 1 / Math.sqrt(stateSize);
  const c = scope.parameter('C', [1, channels, stateSize], { initialize: uniform(-bound, bound) });
  const makeTaps = (): Value => shiftTaps(read(b), reshape(read(c), [channels, stateSize]));
  return {
    taps: () => scope.within(makeTaps),
    stateShape: (batch, name) => ({ name, shape: [channels, batch, stateSize - 1], dtype: 'f32' }),
    apply: (u, { skip, state }) => scope.within(() => causalFir(u, { taps: makeTaps(), skip, state })),
  };
}

/** Each row is (1, 0, 0, …). */
function firstUnit(size: number): Initializer {
  return ({ shape }) => Array.from({ length: elementCount(shape) }, (_, i) => (i % size === 0 ? 1 : 0));
}
