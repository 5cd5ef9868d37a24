// Tiles of attention by matrices of subgroups. A workgroup owns `rows` rows of two operands, `rowsEach` of them a subgroup, and walks
// over tiles of `columns` rows of two others. Factors are rounded to f16 on their way into workgroup memory; sums are f32.
//
// Both operands of the walk lie behind one another in `columnTiles`; the next tile is fetched before this one is computed. A subgroup's
// own rows are left factors of the scores; they stay in its matrices (registers) over the whole walk, having passed through
// `columnTiles`, and take no workgroup memory. Scores leave their matrices by way of `scratch`, become weights in f32, and go to `weights`
// as left factors of what is summed up. There a subgroup reads only what it wrote; WGSL has no barrier for a subgroup alone, so the
// workgroup's must do.
// Lanes of a subgroup share a row in groups: lane (row, column) has vectors of four scores of rows row, row + step, …, so that everything
// about a row stays in registers of its lanes.
// Rows of f16 numbers are eight longer than their content, so that the rows of a matrix begin in different banks; those of f32
// scores too: the four rows that half a warp stores at once then cover all banks.
import type { DeviceTraits, SubgroupMatrix } from '../traits.ts';
import type { AttentionNode } from './attention-tile.ts';
import { usableMatrix } from './matmul-forms.ts';

/** What may be chosen. */
export interface SubgroupAttentionForm {
  readonly subgroups: number;
  /** Rows of a subgroup. */
  readonly rowsEach: number;
  readonly columns: number;
}

/** The arrays of scores and of weights that a pass needs. */
export interface PassMemory {
  readonly scores: number;
  readonly weights: number;
}

export interface SubgroupAttentionTile extends SubgroupAttentionForm, AttentionNode, PassMemory {
  readonly matrix: SubgroupMatrix;
  /** Threads of a subgroup. */
  readonly size: number;
  readonly rows: number;
  readonly threads: number;
  /** Vectors of four numbers in a row of the operands. */
  readonly vectors: number;
  /** Vectors from one row to the next in `columnTiles`, in `weights` and in `scratch`. */
  readonly stride: number;
  readonly columnStride: number;
  /** Lanes that share a row, the rows between two of a lane, and the vectors of scores of a lane. */
  readonly lanesEach: number;
  readonly rowStep: number;
  readonly vectorsEach: number;
}

/** Numbers by which a row in workgroup memory is longer than its content. */
const padding = 8;

/** The first of the forms that suits the sizes and fits the device; undefined: none, or the device is to compute in f32. */
export function chooseSubgroupTile(
  node: AttentionNode,
  traits: DeviceTraits,
  { forms, memory }: { readonly forms: readonly SubgroupAttentionForm[]; readonly memory: PassMemory },
): SubgroupAttentionTile | undefined {
  const matrix = usableMatrix(traits);
  if (!matrix || !traits.subgroups) return undefined;
  const size = traits.subgroups.max;
  return forms
    .map((form) => ({ ...subgroupTile(node, form, { matrix, size }), ...memory }))
    .filter(isWhole)
    .find((tile) => tile.threads <= traits.maxThreads && bytesOf(tile) <= traits.maxWorkgroupBytes);
}

function subgroupTile(
  node: AttentionNode,
  form: SubgroupAttentionForm,
  { matrix, size }: { readonly matrix: SubgroupMatrix; readonly size: number },
): Omit<SubgroupAttentionTile, keyof PassMemory> {
  const { subgroups, rowsEach, columns } = form;
  const lanesEach = columns / 4;
  return {
    ...node,
    ...form,
    matrix,
    size,
    rows: subgroups * rowsEach,
    threads: subgroups * size,
    vectors: node.headDim / 4,
    stride: (node.headDim + padding) / 4,
    columnStride: (columns + padding) / 4,
    lanesEach,
    rowStep: size / lanesEach,
    vectorsEach: (rowsEach * lanesEach) / size,
  };
}

/** Whether everything divides into matrices, and a subgroup's scores among its lanes. */
function isWhole(tile: SubgroupAttentionTile): boolean {
  const { matrix, headDim, rowsEach, columns, size, lanesEach, rowStep } = tile;
  const { m, n, k } = matrix;
  const inMatrices = rowsEach % m === 0 && [headDim, columns].every((count) => count % n === 0 && count % k === 0);
  const isPower = (lanesEach & (lanesEach - 1)) === 0;
  return inMatrices && isPower && k % 4 === 0 && size % lanesEach === 0 && rowsEach % rowStep === 0;
}

/** Vectors in the arrays of workgroup memory; what would follow the last row's content is left out. */
export function lengthsOf(tile: SubgroupAttentionTile) {
  const { rows, columns, stride, columnStride, scores, weights } = tile;
  const last = padding / 4;
  return {
    columnTiles: Math.max(2 * columns, rows) * stride - last,
    weights: weights * rows * columnStride - last,
    scratch: scores * rows * columnStride - last,
  };
}

/** Bytes of workgroup memory, with a little for a flag. */
function bytesOf(tile: SubgroupAttentionTile): number {
  const { columnTiles, weights, scratch } = lengthsOf(tile);
  return 8 * (columnTiles + weights) + 16 * scratch + 16;
}

/** For `reason`. */
export const tileWords = ({ rows, columns }: SubgroupAttentionTile): string => `${rows} × ${columns}`;
export const matrixWords = ({ matrix: { m, n, k } }: SubgroupAttentionTile): string =>
  `in f16 by subgroup matrices ${m}×${n}×${k}`;

/** Matrices of a subgroup's rows, columns and width as rows or columns of sums; of all columns and the whole width along them. */
export function countsOf({ matrix: { m, n, k }, rowsEach, columns, headDim }: SubgroupAttentionTile) {
  return {
    high: rowsEach / m,
    columnsWide: columns / n,
    columnsDeep: columns / k,
    wide: headDim / n,
    deep: headDim / k,
  };
}
