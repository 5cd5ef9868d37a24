// Initial A of diagonal SSMs, one formula a measure (H3 dplr.py and hippo.py; Gu et al., arXiv 2206.11893). A measure is
// `diag-` and a scaling; N = 2·states is the real size of the state, n = 0 … states − 1. Real parts are −1/2 except for `real`.
import { UsageError } from '../../errors.ts';
import { skewEigenvalues } from './skew-eigenvalues.ts';

/** Normal numbers for the measure that draws its A. */
export type DrawNormals = (count: number) => ArrayLike<number>;

interface Row {
  readonly re: (n: number) => number;
  readonly im: readonly number[];
}

type Scaling = (states: number, normals: DrawNormals) => Row;

const byFormula =
  (formula: (n: number, size: number) => number): Scaling =>
  (states) => ({
    re: () => -0.5,
    im: Array.from({ length: states }, (_, n) => formula(n, 2 * states)),
  });

const linear = byFormula((n) => Math.PI * n);
const inverse = byFormula((n, size) => (size / Math.PI) * (size / (2 * n + 1) - 1));
const inverse2 = byFormula((n, size) => (size / Math.PI) * (size / (n + 1) - 1));
const quadratic = byFormula((n) => (2 * n + 1) ** 2 / Math.PI);
const real: Scaling = (states) => ({ re: (n) => -(n + 1), im: new Array<number>(states).fill(0) });
const random: Scaling = (states, normals) => ({ re: () => -0.5, im: Array.from(normals(states)) });

/**
 * The diagonal part of HiPPO-LegS: its matrix plus ½·b·bᵀ is −½·I plus the skew-symmetric matrix of entries ∓½·√(2n+1)·√(2k+1),
 * whose eigenvalues' negative halves are taken, most negative first.
 */
const legs: Scaling = (states) => {
  const order = 2 * states;
  const entry = (n: number, k: number): number => 0.5 * Math.sign(k - n) * Math.sqrt((2 * n + 1) * (2 * k + 1));
  const columns = Array.from({ length: order }, (_, k) => Array.from({ length: order }, (__, n) => entry(n, k)));
  return { re: () => -0.5, im: skewEigenvalues(columns).map((omega) => -omega) };
};

const scalings = {
  'diag-lin': linear,
  'diag-linear': linear,
  'diag-inv': inverse,
  'diag-inverse': inverse,
  'diag-inv2': inverse2,
  'diag-inverse2': inverse2,
  'diag-quad': quadratic,
  'diag-quadratic': quadratic,
  'diag-legs': legs,
  'diag-hippo': legs,
  'diag-real': real,
  'diag-random': random,
} as const satisfies Record<string, Scaling>;

/** `diag` is one half of the copies `diag-inv`, the other `diag-lin`. */
export type Measure = keyof typeof scalings | 'diag';

const single = Object.keys(scalings) as readonly (keyof typeof scalings)[];

export const measures: readonly Measure[] = ['diag', ...single];

export interface InitialPoles {
  /** Real parts of A, [copies, states]. */
  readonly re: readonly number[];
  /** Imaginary parts. */
  readonly im: readonly number[];
}

/**
 * The initial A of `copies` independent SSMs.
 * @throws UsageError `measure-copies` for `diag` with an odd number of copies.
 */
export function initialPoles(
  measure: Measure,
  options: { readonly copies: number; readonly states: number; readonly normals: DrawNormals },
): InitialPoles {
  const { copies, states, normals } = options;
  if (measure === 'diag') {
    if (copies % 2 !== 0) {
      throw new UsageError(
        'measure-copies',
        `diagonal SSM: the measure "diag" needs an even number of independent A, half for "diag-inv" and half for "diag-lin"; got ${copies}. Choose one of the two.`,
        { copies },
      );
    }
    const parts = (['diag-inv', 'diag-lin'] as const).map((half) =>
      initialPoles(half, { copies: copies / 2, states, normals }),
    );
    return { re: parts.flatMap(({ re }) => re), im: parts.flatMap(({ im }) => im) };
  }
  // Only `random` differs between copies; the others are computed once.
  const row = scalings[measure];
  const shared = measure === 'diag-random' ? undefined : row(states, normals);
  const rows = Array.from({ length: copies }, () => shared ?? row(states, normals));
  return { re: rows.flatMap(({ re, im }) => im.map((_, n) => re(n))), im: rows.flatMap(({ im }) => im) };
}
