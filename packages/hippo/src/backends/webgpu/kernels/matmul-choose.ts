// Which kernels make a product on the device at hand. Few rows or columns: one reading of the weights (matmul-rows.ts). Half precision
// and matrices of subgroups: matmul-subgroup-matrix.ts. Else tiles in f32 (matmul-tile.ts), of the size that a model of the time
// prefers: a multiprocessor takes its tiles one after another, small tiles wait more for workgroup memory, and cutting k costs a pass.
// Half precision without subgroup matrices stays f32: sums are f32 anyway, so half-precision factors would only add conversions.
import type { DeviceTraits } from '../traits.ts';
import type { Dispatch } from './dispatch.ts';
import { partsBytes, partsDispatch, partsProduct } from './matmul-parts.ts';
import type { Product } from './matmul-product.ts';
import { mostRows, rowParts, rowsDispatch, type WeightUnits } from './matmul-rows.ts';
import type { Source } from './matmul-source.ts';
import { splitProduct } from './matmul-split.ts';
import { chooseSubgroupMatrix, type SubgroupMatrixForm, subgroupMatrixDispatch } from './matmul-subgroup-matrix.ts';
import { type TileForm, threadsOf, tileDispatch, tileForm, workgroupBytesOf } from './matmul-tile.ts';

/** How a product is made. */
export interface MatmulForm {
  readonly kind: 'rows' | 'tile' | 'subgroup matrices';
  readonly tile?: TileForm;
  readonly subgroup?: SubgroupMatrixForm;
  /** Parts into which the sums along k are cut. */
  readonly parts: number;
  readonly reason: string;
}

/** Tiles with their share of the rate of the largest, by estimate. */
const tiles: readonly { readonly form: TileForm; readonly rate: number }[] = [
  { form: tileForm(128, 128, 8, 8), rate: 1 },
  { form: tileForm(128, 64, 8, 8), rate: 0.85 },
  { form: tileForm(64, 64, 8, 4, { unroll: 4 }), rate: 0.7 },
  { form: tileForm(32, 64, 4, 4, { unroll: 4 }), rate: 0.45 },
  { form: tileForm(64, 32, 4, 4, { unroll: 4 }), rate: 0.45 },
  { form: tileForm(32, 32, 4, 4, { unroll: 4 }), rate: 0.4 },
];

/** Of the device that the model of the time is for: multiprocessors (WebGPU does not tell), multiply-adds a nanosecond of each, bytes a nanosecond, and a dispatch. */
const device = { processors: 132, rate: 150, bytes: 2000, dispatch: 4000 } as const;

interface Candidate {
  readonly form: TileForm;
  readonly parts: number;
  readonly nanoseconds: number;
}

/** @returns the tile and the parts of k that the model of the time prefers. */
export function chooseTile(product: Product, traits: DeviceTraits): Candidate {
  const { m, n, k, batch } = product;
  const candidates = tiles
    .filter(({ form }) => workgroupBytesOf(form) <= traits.maxWorkgroupBytes && threadsOf(form) <= traits.maxThreads)
    .flatMap(({ form, rate }) =>
      [1, 2, 4, 8, 16].flatMap((parts): Candidate[] => {
        const bytes = partsBytes(product, parts);
        if (parts > 1 && (k / parts < 128 || bytes > traits.maxBindingBytes)) return [];
        const count = Math.ceil(m / form.tileM) * Math.ceil(n / form.tileN) * batch * parts;
        const work = Math.ceil(count / device.processors) * form.tileM * form.tileN * Math.ceil(k / parts);
        const adding = parts > 1 ? device.dispatch + (2 * bytes) / device.bytes : 0;
        return [{ form, parts, nanoseconds: work / device.rate / rate + adding }];
      }),
    );
  const [first, ...others] = candidates;
  if (!first) throw new Error('matmul: no tile fits the least that a WebGPU device has');
  return others.reduce((best, one) => (one.nanoseconds < best.nanoseconds ? one : best), first);
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
  const subgroup = units === undefined ? chooseSubgroupMatrix(product, traits) : undefined;
  if (subgroup) {
    return {
      kind: 'subgroup matrices',
      subgroup,
      parts: 1,
      reason: `f16 factors, f32 sums: subgroup matrices ${subgroup.matrix.m}×${subgroup.matrix.n}×${subgroup.matrix.k}, tiles of ${subgroup.tileM}×${subgroup.tileN}`,
    };
  }
  const { form, parts } = chooseTile(product, traits);
  const why = traits.precision === 'f16' ? 'f32, no subgroup matrices here: ' : '';
  const cut = parts > 1 ? `, k in ${parts} parts, for want of tiles` : '';
  return { kind: 'tile', tile: form, parts, reason: `${why}tiles of ${form.tileM}×${form.tileN}${cut}` };
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
  const { maxBindingBytes } = traits;
  if (kind === 'rows') return rowsDispatch(product, { traits, parts, ...(other && { weights: other.units(product) }) });
  if (subgroup) return subgroupMatrixDispatch(product, subgroup, maxBindingBytes);
  if (!tile) throw new Error('matmul: a form without a tile');
  return tileDispatch(product, tile, { maxBindingBytes, parts, ...(other && { b: other.source(product) }) });
}
