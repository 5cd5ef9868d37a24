import { describe, expect, it } from 'vitest';
import { initialPoles, type Measure, measures } from './measures.ts';
import { skewEigenvalues } from './skew-eigenvalues.ts';

const normals = (count: number): number[] => Array.from({ length: count }, (_, i) => i - 0.5);
const imaginary = (measure: Measure, states: number): readonly number[] =>
  initialPoles(measure, { copies: 1, states, normals }).im;

describe('initial A', () => {
  it.each<[Measure, readonly number[]]>([
    ['diag-lin', [0, Math.PI, 2 * Math.PI]],
    ['diag-linear', [0, Math.PI, 2 * Math.PI]],
    ['diag-inv', [30 / Math.PI, 6 / Math.PI, 1.2 / Math.PI]],
    ['diag-inv2', [30 / Math.PI, 12 / Math.PI, 6 / Math.PI]],
    ['diag-quad', [1 / Math.PI, 9 / Math.PI, 25 / Math.PI]],
    ['diag-real', [0, 0, 0]],
    ['diag-random', [-0.5, 0.5, 1.5]],
  ])('%s', (measure, expected) => {
    for (const [n, value] of imaginary(measure, 3).entries()) expect(value).toBeCloseTo(expected[n] ?? Number.NaN, 12);
  });

  it('real parts are −1/2, for diag-real −1, −2, −3', () => {
    for (const measure of measures) {
      const { re } = initialPoles(measure, { copies: 2, states: 3, normals });
      expect(re, measure).toEqual(measure === 'diag-real' ? [-1, -2, -3, -1, -2, -3] : new Array(6).fill(-0.5));
    }
  });

  it('every measure fills every copy, down to one state', () => {
    for (const measure of measures) {
      for (const states of [1, 5]) {
        const { re, im } = initialPoles(measure, { copies: 4, states, normals });
        expect([re.length, im.length], measure).toEqual([4 * states, 4 * states]);
        expect([...re, ...im].every(Number.isFinite), measure).toBe(true);
      }
    }
  });

  it('diag is inverse for one half and linear for the other', () => {
    const { im } = initialPoles('diag', { copies: 4, states: 3, normals });
    expect(im.slice(0, 6)).toEqual([...imaginary('diag-inv', 3), ...imaginary('diag-inv', 3)]);
    expect(im.slice(6)).toEqual([...imaginary('diag-lin', 3), ...imaginary('diag-lin', 3)]);
    expect(() => initialPoles('diag', { copies: 3, states: 3, normals })).toThrow(
      /even number of independent A.*got 3/,
    );
  });

  it('copies of diag-random differ', () => {
    let drawn = 0;
    const { im } = initialPoles('diag-random', {
      copies: 2,
      states: 2,
      normals: (count) => Array.from({ length: count }, () => drawn++),
    });
    expect(im).toEqual([0, 1, 2, 3]);
  });

  it('diag-legs at order 64 agrees with a dense Hermitian eigensolver to 1e-10', () => {
    // Eigenvalues of −iS by LAPACK (numpy.linalg.eigvalsh), ascending.
    const expected = [
      [0, -1303.273842981197],
      [1, -433.030756538692],
      [2, -258.152210215382],
      [7, -79.332624218112],
      [15, -27.830266629848],
      [23, -9.01200487739],
      [30, -0.905859410025],
      [31, -0.263856931111],
    ] as const;
    const im = imaginary('diag-legs', 32);
    expect(im).toHaveLength(32);
    for (const [n, value] of expected)
      expect(Math.abs((im[n] ?? 0) - value), `eigenvalue ${n}`).toBeLessThan(1e-10 * 1304);
    expect([...im].sort((a, b) => a - b)).toEqual([...im]);
  });

  it('diag-legs at orders 2 and 4 has the closed forms', () => {
    expect(imaginary('diag-legs', 1)[0]).toBeCloseTo(-Math.sqrt(3) / 2, 14);
    // Order 4: the product of the two is the Pfaffian √105/4, the sum of squares half the squared norm, (3+5+7+15+21+35)/4.
    const [a = 0, b = 0] = imaginary('diag-legs', 2);
    expect(a * b).toBeCloseTo(Math.sqrt(105) / 4, 12);
    expect(a * a + b * b).toBeCloseTo(86 / 4, 12);
  });
});

describe('eigenvalues of skew-symmetric matrices', () => {
  it('come from any rotation of a known one', () => {
    // Two planes turning at 5 and 1e-6: small next to large keeps its digits.
    const c = Math.SQRT1_2;
    const basis = [
      [c, c, 0, 0],
      [-c, c, 0, 0],
      [0, 0, 0.6, 0.8],
      [0, 0, -0.8, 0.6],
    ];
    const turning = [
      [0, 5, 0, 0],
      [-5, 0, 0, 0],
      [0, 0, 0, 1e-6],
      [0, 0, -1e-6, 0],
    ];
    const mixed = [[0, 2, 1, 3].map((i) => basis[i] ?? []), turning] as const;
    const entry = (k: number, n: number): number => {
      let total = 0;
      for (let i = 0; i < 4; i++)
        for (let j = 0; j < 4; j++)
          total += (mixed[0][i]?.[k] ?? 0) * (mixed[1][i]?.[j] ?? 0) * (mixed[0][j]?.[n] ?? 0);
      return total;
    };
    const columns = [0, 1, 2, 3].map((k) => [0, 1, 2, 3].map((n) => entry(k, n)));
    const [large = 0, small = 0] = skewEigenvalues(columns);
    expect(large).toBeCloseTo(5, 12);
    expect(Math.abs(small - 1e-6)).toBeLessThan(1e-14);
  });

  it('are zero for the zero matrix', () => {
    expect(
      skewEigenvalues([
        [0, 0],
        [0, 0],
      ]),
    ).toEqual([0]);
  });
});
