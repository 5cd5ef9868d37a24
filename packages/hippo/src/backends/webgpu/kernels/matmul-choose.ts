// Which kernels make a product on the device at hand. Few rows or columns: one reading of the weights (matmul-rows.ts). Half precision
// and matrices of subgroups: matmul-subgroup-matrix.ts. Else tiles in f32 (matmul-tile.ts). Sizes of tiles and parts of k are those
// that a model of the time prefers (matmul-forms.ts).
// Half precision without subgroup matrices stays f32: sums are f32 anyway, so half-precision factors would only add conversions.
import type { DeviceTraits } from '../traits.ts';
import type { Dispatch } from './dispatch.ts';
import { preferredSubgroupMatrix, preferredTile } from './matmul-forms.ts';
import { partsBytes, partsDispatch, partsProduct } from './matmul-parts.ts';
import type { Product } from './matmul-product.ts';
import { mostRows, rowParts, rowsDispatch, type WeightUnits } from './matmul-rows.ts';
import type { Source } from './matmul-source.ts';
import { splitProduct } from './matmul-split.ts';
import type { SubgroupMatrixForm } from './matmul-subgroup-form.ts';
import { subgroupMatrixDispatch } from './matmul-subgroup-matrix.ts';
import { type TileForm, tileDispatch } from './matmul-tile.ts';

/** How a product is made. */
export interface MatmulForm {
  readonly kind: 'rows' | 'tile' | 'subgroup matrices';
  readonly tile?: TileForm;
  readonly subgroup?: SubgroupMatrixForm;
  /** Parts into which the sums along k are cut. */
  readonly parts: number;
  readonly reason: string;
}

export function chooseForm(product: Product, traits: DeviceTraits, units?: number): MatmulForm {
  const { m, n } = product;
  if (Math.min(m, n) <= mostRows && (units === undefined || m <= mostRows)) {
    const parts = rowParts(product, units);
    const what = m <= mostRows ? (m === 1 ? '1 row' : `${m} rows`) : n === 1 ? '1 column' : `${n} columns`;
    return {
      kind: 'rows',
      parts: partsBytes(product, parts) <= traits.maxBindingBytes ? parts : 1,
      reason: `${what}: bound by reading the other factor once`,
    };
  }
  const cutOf = (parts: number): string => (parts > 1 ? `, k in ${parts} parts, for want of tiles` : '');
  const half = units === undefined ? preferredSubgroupMatrix(product, traits) : undefined;
  if (half) {
    const { matrix, tileM, tileN } = half.form;
    return {
      kind: 'subgroup matrices',
      subgroup: half.form,
      parts: half.parts,
      reason: `f16 factors, f32 sums: subgroup matrices ${matrix.m}×${matrix.n}×${matrix.k}, tiles of ${tileM}×${tileN}${cutOf(half.parts)}`,
    };
  }
  const { form, parts } = preferredTile(product, traits);
  const why = traits.precision === 'f16' ? 'f32, no subgroup matrices here: ' : '';
  return { kind: 'tile', tile: form, parts, reason: `${why}tiles of ${form.tileM}×${form.tileN}${cutOf(parts)}` };
}

/** Weights that are no f32 matrix, for tiles and for few rows. */
export interface OtherWeights {
  source(product: Product): Source;
  units(product: Product): WeightUnits;
  /** Units along k. */
  readonly count: number;
}

export interface ProductKernel {
  readonly dispatches: readonly Dispatch[];
  readonly workspaceBytes: number;
  readonly reason: string;
}

/** The dispatches of a product, cut to the device's limits; the workspace's bytes include what lies before `scratch`. */
export function productKernel(product: Product, traits: DeviceTraits, other?: OtherWeights): ProductKernel {
  const pieces = splitProduct(product, traits.maxBindingBytes);
  const made = pieces.map((piece) => pieceKernel(piece, traits, chooseForm(piece, traits, other?.count), other));
  const cut = pieces.length > 1 ? `; in ${pieces.length} pieces, of what a kernel may see at once` : '';
  return {
    dispatches: made.flatMap(({ dispatches }) => dispatches),
    workspaceBytes: Math.max(0, ...made.map(({ workspaceBytes }) => workspaceBytes)),
    reason: `${made[0]?.reason ?? ''}${cut}`,
  };
}

/** The dispatches of a product within the limits, in a form. */
export function pieceKernel(
  product: Product,
  traits: DeviceTraits,
  form: MatmulForm,
  other?: OtherWeights,
): ProductKernel {
  const { parts, reason } = form;
  const target = parts > 1 ? partsProduct(product, parts) : product;
  const first = formDispatch(target, traits, form, other);
  return {
    dispatches: parts > 1 ? [first, partsDispatch(product, parts, traits.maxBindingBytes)] : [first],
    workspaceBytes: parts > 1 ? (product.scratch ?? 0) + partsBytes(product, parts) : 0,
    reason,
  };
}

function formDispatch(product: Product, traits: DeviceTraits, form: MatmulForm, other?: OtherWeights): Dispatch {
  const { kind, tile, subgroup, parts } = form;
  const { maxBindingBytes, maxWorkgroupBytes } = traits;
  if (kind === 'rows') return rowsDispatch(product, { traits, parts, ...(other && { weights: other.units(product) }) });
  if (subgroup) return subgroupMatrixDispatch(product, subgroup, { maxBindingBytes, maxWorkgroupBytes, parts });
  if (!tile) throw new Error('matmul: a form without a tile');
  return tileDispatch(product, tile, { maxBindingBytes, parts, ...(other && { b: other.source(product) }) });
}
