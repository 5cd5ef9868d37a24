// A matrix product as the WebGPU kernels see it, C = gelu?(op(A)·op(B) + bias?) + residual?: sizes, where each matrix lies in memory,
// and how it is bound. Several dispatches may share a product, each on a part of it (matmul-split.ts), so every matrix has an offset
// and a distance between rows of its own.
import type { Binding, Memory } from './dispatch.ts';

/** A matrix, or one for each batch, in storage order. */
export interface Matrix {
  /** Inputs and outputs without a range. */
  readonly memory: Memory;
  /** Bytes of the whole memory. */
  readonly bytes: number;
  /** Element at which the matrix begins. */
  readonly first: number;
  /** Elements from one row of the storage to the next. */
  readonly lead: number;
  /** Elements from one batch to the next; 0: shared. */
  readonly batch: number;
}

export interface Bias {
  readonly kind: 'columns' | 'rows';
  readonly memory: Memory;
  readonly first: number;
}

export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: number;
  /** A lies as [k, m]. */
  readonly transposeA: boolean;
  /** B lies as [n, k]. */
  readonly transposeB: boolean;
  readonly a: Matrix;
  readonly b: Matrix;
  readonly c: Matrix;
  /** C holds sums to which the product is added first. */
  readonly accumulate: boolean;
  readonly bias?: Bias;
  readonly gelu: boolean;
  readonly residual?: Matrix;
  /** Two operands are the same memory: it is bound once, whole and with one element type. */
  readonly shared: boolean;
  /** Byte of the workspace, a multiple of 256, from which the product may use it. Default 0. */
  readonly scratch?: number;
}

/** Columns of A's and of B's storage, and its rows. */
export const extentA = ({ m, k, transposeA }: Product): readonly [rows: number, columns: number] =>
  transposeA ? [k, m] : [m, k];
export const extentB = ({ n, k, transposeB }: Product): readonly [rows: number, columns: number] =>
  transposeB ? [n, k] : [k, n];
export const extentC = ({ m, n }: Product): readonly [rows: number, columns: number] => [m, n];

/** A matrix bound under a name. */
export interface BoundMatrix {
  readonly binding: Binding;
  /** Element of the binding at which the matrix begins. */
  readonly first: number;
  /** Elements of an access, 1 or 4: 4 where rows, batches and the beginning lie at multiples of four. */
  readonly lanes: 1 | 4;
  readonly lead: number;
  readonly batch: number;
}

interface BindOptions {
  readonly access: 'read' | 'write';
  readonly extent: readonly [rows: number, columns: number];
  /** What one binding may cover; a larger memory is bound by the range that is needed. */
  readonly maxBindingBytes: number;
  readonly batches: number;
  /** False: single elements, whatever the alignment. */
  readonly vectors?: boolean;
}

/** Elements that the matrices reach over. */
export function reachOf({ lead, batch }: Matrix, [rows, columns]: readonly [number, number], batches: number): number {
  return (batches - 1) * batch + (rows - 1) * lead + columns;
}

export function bindMatrix(name: string, matrix: Matrix, options: BindOptions): BoundMatrix {
  const { access, extent, batches, vectors = true } = options;
  const { lead, batch } = matrix;
  const { memory, first } = pieceOf(matrix, reachOf(matrix, extent, batches), options.maxBindingBytes);
  const aligned = [first, lead, batch, extent[1]].every((count) => count % 4 === 0);
  const lanes = vectors && aligned ? 4 : 1;
  return { binding: { name, memory, element: elementOf(lanes), access }, first, lanes, lead, batch };
}

export const elementOf = (lanes: 1 | 4): string => (lanes === 4 ? 'vec4<f32>' : 'f32');

/** The part of a memory that holds `count` elements from `first`, and where they begin in it. */
export function pieceOf(
  { memory, bytes, first }: Pick<Matrix, 'memory' | 'bytes' | 'first'>,
  count: number,
  maxBindingBytes: number,
): { readonly memory: Memory; readonly first: number } {
  if (memory.space === 'table') return { memory, first };
  // A range where one is needed, and where it makes parts of a memory the same shader.
  if (bytes <= maxBindingBytes && (first === 0 || first % 64 !== 0)) return { memory, first };
  const start = memory.space === 'workspace' ? memory.range.from : 0;
  const from = Math.floor((first * 4) / 256) * 256;
  const range = { from: start + from, to: start + (first + count) * 4 };
  return { memory: { ...memory, range }, first: first - from / 4 };
}

/** WGSL: the sum of the terms that are not zero. */
export function sumText(...terms: readonly (string | number)[]): string {
  const shown = terms.filter((term) => term !== 0 && term !== '0u' && term !== '');
  return shown.length === 0 ? '0u' : shown.map((term) => (typeof term === 'number' ? `${term}u` : term)).join(' + ');
}

/** WGSL: a·b for a number b known here. */
export function timesText(term: string, factor: number): string {
  if (factor === 0 || term === '0u') return '0u';
  return factor === 1 ? term : `${/[+]/.test(term) ? `(${term})` : term} * ${factor}u`;
}

/** Text without empty lines. */
export const tidy = (code: string): string => code.replaceAll(/\n\s*(?=\n)/g, '');
