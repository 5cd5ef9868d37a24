// The form of a product by matrices of subgroups (matmul-subgroup-matrix.ts): its sizes, and what follows from them.
import type { SubgroupMatrix } from '../traits.ts';

export interface SubgroupMatrixForm {
  readonly matrix: SubgroupMatrix;
  /** Threads of a subgroup. */
  readonly size: number;
  readonly tileM: number;
  readonly tileN: number;
  readonly tileK: number;
  /** Subgroups of a workgroup along m and n. */
  readonly subgroupsM: number;
  readonly subgroupsN: number;
  /** Element of workgroup memory: 8 or 4 numbers. */
  readonly staging: 'vec4<u32>' | 'vec4<f16>';
  readonly buffers: 1 | 2;
  /** The next step's numbers are fetched before this step is multiplied. */
  readonly prefetch: boolean;
}

/** Numbers of f16 by which a row in workgroup memory is longer than its content. */
export const padding = 8;

/** Rows and columns of a factor's tile as it lies in workgroup memory. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
}

export const subgroupThreads = ({ size, subgroupsM, subgroupsN }: SubgroupMatrixForm): number =>
  size * subgroupsM * subgroupsN;

export function tilesOf({ tileM, tileN, tileK }: SubgroupMatrixForm, alongA: boolean, alongB: boolean) {
  return {
    a: alongA ? { rows: tileM, columns: tileK } : { rows: tileK, columns: tileM },
    b: alongB ? { rows: tileN, columns: tileK } : { rows: tileK, columns: tileN },
  };
}

/** Matrices of sums of a subgroup along m and n. */
export function countsOf({ matrix, tileM, tileN, subgroupsM, subgroupsN }: SubgroupMatrixForm) {
  return { high: tileM / subgroupsM / matrix.m, wide: tileN / subgroupsN / matrix.n };
}

export const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

export function sumsOf(
  form: SubgroupMatrixForm,
): readonly { readonly name: string; readonly i: number; readonly j: number }[] {
  const { high, wide } = countsOf(form);
  return range(high).flatMap((i) => range(wide).map((j) => ({ name: `sum${i}_${j}`, i, j })));
}

export const resultType = ({ matrix }: SubgroupMatrixForm): string =>
  `subgroup_matrix_result<f32, ${matrix.n}, ${matrix.m}>`;

/** Bytes of workgroup memory of `matrices` sums of every subgroup. */
export const scratchBytes = ({ matrix, subgroupsM, subgroupsN }: SubgroupMatrixForm, matrices: number): number =>
  matrix.m * matrix.n * 4 * subgroupsM * subgroupsN * matrices;

/** The most bytes of workgroup memory that the factors take, whichever way they lie. */
export function factorBytes({ tileM, tileN, tileK, buffers }: SubgroupMatrixForm): number {
  const longest = (across: number): number => Math.max(across * (tileK + padding), tileK * (across + padding));
  return (longest(tileM) + longest(tileN)) * 2 * buffers;
}

/** The least workgroup memory with which the form works, whichever way the factors lie and whatever follows. */
export const subgroupMatrixBytes = (form: SubgroupMatrixForm): number => factorBytes(form) + scratchBytes(form, 1);
