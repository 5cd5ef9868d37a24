// The diagonal SSM that H3 and S4D share: parameters as checkpoints store them, and the operator's poles made from them inside the
// graph, so that gradients reach the stored form (paper.md 1.3, 1.5; H3 ss_kernel.py, ss_kernel_diag.py).
//   A = −exp(inv_A_real) + i·A_imag,  Δ = exp(log_dt),  B and C two reals each
import { UsageError } from '../../errors.ts';
import { read } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import type { Initializer, Variable } from '../../graph/variable.ts';
import { type DiagonalSsmParameters, exp, neg, reshape } from '../../ops/index.ts';
import { normals } from '../../tensor/philox.ts';
import { elementCount } from '../../tensor/shape.ts';
import { drawFor, logOfLogUniform, normal } from '../initialize.ts';
import type { Scope } from '../scope.ts';
import { type Complex, complexMul, complexParts } from './complex.ts';
import { type Discretisation, discretise } from './discretise.ts';
import { type InitialPoles, initialPoles, type Measure } from './measures.ts';
import { ssmGroup } from './parameter-group.ts';

export interface DiagonalSsmOptions {
  /** Independent channels H. */
  readonly channels: number;
  /** Real size of the state, N: N/2 complex numbers a channel. Even. */
  readonly stateSize: number;
  /** Initial A; default `diag-lin`. */
  readonly measure?: Measure | undefined;
  /** Default `bilinear`. */
  readonly discretisation?: Discretisation | undefined;
  /** One A for all channels instead of one each; default false. */
  readonly tied?: boolean | undefined;
  /** `ones`: B is a parameter that starts at 1. `folded`: random, normalised and multiplied into C's initial value. */
  readonly inputVector?: 'ones' | 'folded' | undefined;
  /** Δ starts log-uniform on [dtMin, dtMax); default 0.001 to 0.1. */
  readonly dtMin?: number | undefined;
  readonly dtMax?: number | undefined;
}

export interface DiagonalSsm {
  /** N/2 */
  readonly states: number;
  /** The operator's parameters; `skip` [channels] is passed on. */
  parameters(skip: Value): DiagonalSsmParameters;
}

/**
 * Declares `C` [1, H, N/2, 2], `log_dt` [H], `B` [H, N/2, 2] (unless folded), `inv_A_real` and `A_imag` [H, N/2] (first axis 1
 * when tied).
 * @throws UsageError `state-size` when N is odd or below 2.
 */
export function diagonalSsm(scope: Scope, options: DiagonalSsmOptions): DiagonalSsm {
  const { channels, stateSize, measure = 'diag-lin', discretisation = 'bilinear', tied = false } = options;
  const { inputVector = 'ones', dtMin = 1e-3, dtMax = 0.1 } = options;
  if (!Number.isInteger(stateSize / 2) || stateSize < 2) {
    throw new UsageError(
      'state-size',
      `diagonal SSM: the state size counts real numbers and must be even and at least 2; got ${stateSize}.`,
      { stateSize },
    );
  }
  const states = stateSize / 2;
  const copies = tied ? 1 : channels;
  const poles = (seed: number): InitialPoles =>
    initialPoles(measure, { copies, states, normals: drawer(`${scope.path}.A`, seed) });
  const c = scope.parameter('C', [1, channels, states, 2], {
    initialize: inputVector === 'ones' ? normal(Math.SQRT1_2) : foldedC({ poles, states, copies }),
  });
  const group = ssmGroup;
  const logDt = scope.parameter('log_dt', [channels], { initialize: logOfLogUniform(dtMin, dtMax), group });
  const b =
    inputVector === 'ones' ? scope.parameter('B', [copies, states, 2], { initialize: complexOnes, group }) : undefined;
  const invAReal = scope.parameter('inv_A_real', [copies, states], {
    // The clamp keeps the logarithm finite; no measure here comes near it.
    initialize: ({ seed }) => poles(seed).re.map((re) => Math.log(-Math.min(re, -1e-4))),
    group,
  });
  const aImag = scope.parameter('A_imag', [copies, states], { initialize: ({ seed }) => [...poles(seed).im], group });

  const parameters = (skip: Value): DiagonalSsmParameters =>
    scope.within(() => {
      const step = reshape(exp(read(logDt)), [channels, 1]);
      const a: Complex = { re: neg(exp(read(invAReal))), im: read(aImag) };
      const bc = product(complexParts(read(c), [channels, states]), b, [copies, states]);
      return { ...discretise(discretisation, { a, bc, step }), skip };
    });
  return { states, parameters };
}

function product(c: Complex, b: Variable | undefined, shape: readonly number[]): Complex {
  return b ? complexMul(c, complexParts(read(b), shape)) : c;
}

const complexOnes: Initializer = ({ shape }) => Array.from({ length: elementCount(shape) }, (_, i) => 1 - (i % 2));

/** Normal numbers by name and seed; each call goes on where the last one stopped. */
function drawer(name: string, seed: number): (count: number) => Float32Array {
  let counter = 0;
  return (count) => normals(count, { ...drawFor(name, seed), counter: counter++ });
}

interface FoldedOptions {
  readonly poles: (seed: number) => InitialPoles;
  readonly states: number;
  readonly copies: number;
}

/** C complex normal times B complex normal, B scaled by 1/√(2 Σ|B_n/A_n|²), the deviation of its response to a step. */
function foldedC({ poles, states, copies }: FoldedOptions): Initializer {
  return ({ name, shape, seed }) => {
    const draw = (stream: string, count: number): Float32Array =>
      normals(count, drawFor(stream, seed)).map((x) => x * Math.SQRT1_2);
    const c = draw(name, elementCount(shape));
    const b = draw(`${name} B`, copies * states * 2);
    const { re, im } = poles(seed);
    const result = new Float32Array(c.length);
    for (let row = 0; row * states * 2 < c.length; row++) {
      const from = (row % copies) * states;
      let variance = 0;
      for (let n = from; n < from + states; n++)
        variance += (2 * ((b[2 * n] ?? 0) ** 2 + (b[2 * n + 1] ?? 0) ** 2)) / ((re[n] ?? 0) ** 2 + (im[n] ?? 0) ** 2);
      for (let n = 0; n < states; n++) {
        const at = 2 * (row * states + n);
        const [cRe = 0, cIm = 0] = c.subarray(at, at + 2);
        const [bRe = 0, bIm = 0] = b.subarray(2 * (from + n), 2 * (from + n) + 2);
        result[at] = (cRe * bRe - cIm * bIm) / Math.sqrt(variance);
        result[at + 1] = (cRe * bIm + cIm * bRe) / Math.sqrt(variance);
      }
    }
    return result;
  };
}
