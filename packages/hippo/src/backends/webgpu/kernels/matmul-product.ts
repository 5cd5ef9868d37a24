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
  /** Numbers are f16, and rows, batches and the beginning lie at multiples of eight of them. Default: f32, anywhere. */
  readonly halves?: true;
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
  /** Elements of an access: 4 where rows, batches and the beginning lie at multiples of four, 8 of halves, else 1. */
  readonly lanes: 1 | 4 | 8;
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
  const { lead, batch, halves } = matrix;
  const { memory, first } = pieceOf(matrix, reachOf(matrix, extent, batches), options.maxBindingBytes);
  const isAt = (multiple: number): boolean => [first, lead, batch, extent[1]].every((count) => count % multiple === 0);
  if (halves && !isAt(8)) throw new Error(`matmul: the halves of ${name} lie at no multiples of eight`);
  const lanes = halves ? 8 : vectors && isAt(4) ? 4 : 1;
  return { binding: { name, memory, element: elementOf(lanes), access }, first, lanes, lead, batch };
}

/** Eight halves lie in four words. */
export const elementOf = (lanes: 1 | 4 | 8): string => ({ 1: 'f32', 4: 'vec4<f32>', 8: 'vec4<u32>' })[lanes];

/** Bytes of a matrix's number. */
export const numberBytes = ({ halves }: Pick<Matrix, 'halves'>): 2 | 4 => (halves ? 2 : 4);

/** The part of a memory that holds `count` elements from `first`, and where they begin in it. */
export function pieceOf(
  { memory, bytes, first, ...matrix }: Pick<Matrix, 'memory' | 'bytes' | 'first' | 'halves'>,
  count: number,
  maxBindingBytes: number,
): { readonly memory: Memory; readonly first: number } {
  if (memory.space === 'table') return { memory, first };
  // A range where one is needed, and where it makes parts of a memory the same shader.
  const each = numberBytes(matrix);
  if (bytes <= maxBindingBytes && (first === 0 || (first * each) % 256 !== 0)) return { memory, first };
  const start = memory.space === 'workspace' ? memory.range.from : 0;
  const from = Math.floor((first * each) / 256) * 256;
  const range = { from: start + from, to: start + (first + count) * each };
  return { memory: { ...memory, range }, first: first - from / each };
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
