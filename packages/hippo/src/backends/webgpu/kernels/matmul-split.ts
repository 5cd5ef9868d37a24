// Products whose matrices are larger than one binding may cover (128 MiB on base devices; the embedding of 50,264 × 2,560 has 515 MB):
// cut into products on ranges of the rows in which the storages lie. A [m, k] and C are cut along m, B [n, k] along n; A as [k, m] and
// B as [k, n] along k, each part adding to what the part before it left, so that the order of sums is fixed.
import { BackendError } from '../../../errors.ts';
import { extentA, extentB, extentC, type Matrix, numberBytes, type Product, reachOf } from './matmul-product.ts';

/** Rows of a cut come in these, so that parts begin at multiples of 256 bytes (those of halves have eight numbers or more). */
const step = 64;

/**
 * The product as parts to be run in order, each within the limit; usually one.
 * @throws BackendError `binding-too-large` where a single row exceeds the limit.
 */
export function splitProduct(product: Product, maxBindingBytes: number): readonly Product[] {
  if (product.shared) return [product];
  const fits = matricesOf(product).every(
    ({ matrix, extent }) =>
      matrix.bytes <= maxBindingBytes || bytesOf(matrix, extent, product.batch) <= maxBindingBytes,
  );
  if (fits) return [product];
  if (product.batch > 1) return batchesOf(product).flatMap((one) => splitProduct(one, maxBindingBytes));
  const most = { m: product.m, n: product.n, k: product.k };
  for (const { name, matrix, extent, along } of matricesOf(product)) {
    if (along === undefined || bytesOf(matrix, extent, 1) <= maxBindingBytes) continue;
    most[along] = Math.min(most[along], rowsWithin({ name, matrix, extent }, maxBindingBytes));
  }
  return partsOf(product.k, most.k).flatMap((k) =>
    partsOf(product.m, most.m).flatMap((m) => partsOf(product.n, most.n).map((n) => partOf(product, { m, n, k }))),
  );
}

interface Part {
  readonly from: number;
  readonly count: number;
}

function partsOf(total: number, most: number): readonly Part[] {
  const count = Math.ceil(total / most);
  return Array.from({ length: count }, (_, i) => ({ from: i * most, count: Math.min(most, total - i * most) }));
}

interface PlacedMatrix {
  readonly name: string;
  readonly matrix: Matrix;
  readonly extent: readonly [rows: number, columns: number];
  /** The size along which its storage can be cut. */
  readonly along?: 'm' | 'n' | 'k';
}

function matricesOf(product: Product): readonly PlacedMatrix[] {
  const { a, b, c, residual, transposeA, transposeB } = product;
  return [
    { name: 'A', matrix: a, extent: extentA(product), along: transposeA ? 'k' : 'm' },
    { name: 'B', matrix: b, extent: extentB(product), along: transposeB ? 'n' : 'k' },
    { name: 'C', matrix: c, extent: extentC(product), along: 'm' },
    ...(residual ? [{ name: 'the residual', matrix: residual, extent: extentC(product), along: 'm' as const }] : []),
  ];
}

/** With what an unaligned beginning adds. */
function bytesOf(matrix: Matrix, extent: readonly [number, number], batches: number): number {
  return (reachOf(matrix, extent, batches) + (matrix.first % step)) * numberBytes(matrix);
}

function rowsWithin({ name, matrix, extent }: PlacedMatrix, maxBindingBytes: number): number {
  const each = numberBytes(matrix);
  const rows = Math.floor((maxBindingBytes / each - step) / matrix.lead);
  if (rows < 1) {
    throw new BackendError(
      'binding-too-large',
      `webgpu, matmul: a row of ${name} has ${extent[1]} numbers, ${matrix.lead * each} bytes from the next; this device lets a kernel see ${maxBindingBytes} bytes at once. Use a device with larger bindings, or the wasm backend.`,
      { bytes: matrix.lead * each, maxBindingBytes },
    );
  }
  // Rows of a quantised matrix lie in pairs.
  if (rows < step) return rows - (rows > 1 ? rows % 2 : 0);
  return Math.floor(rows / step) * step;
}

function batchesOf(product: Product): readonly Product[] {
  const at = (matrix: Matrix, p: number): Matrix => ({ ...matrix, first: matrix.first + p * matrix.batch, batch: 0 });
  const { a, b, c, residual } = product;
  return Array.from({ length: product.batch }, (_, p) => ({
    ...product,
    batch: 1,
    a: at(a, p),
    b: at(b, p),
    c: at(c, p),
    ...(residual && { residual: at(residual, p) }),
  }));
}

function partOf(product: Product, { m, n, k }: { readonly m: Part; readonly n: Part; readonly k: Part }): Product {
  const { a, b, c, bias, residual, transposeA, transposeB, ...rest } = product;
  const at = (matrix: Matrix, row: Part, column: Part): Matrix => ({
    ...matrix,
    first: matrix.first + row.from * matrix.lead + column.from,
  });
  const last = k.from + k.count === product.k;
  const begin = bias?.kind === 'rows' ? m.from : n.from;
  return {
    ...rest,
    transposeA,
    transposeB,
    m: m.count,
    n: n.count,
    k: k.count,
    a: transposeA ? at(a, k, m) : at(a, m, k),
    b: transposeB ? at(b, n, k) : at(b, k, n),
    c: at(c, m, n),
    accumulate: product.accumulate || k.from > 0,
    gelu: product.gelu && last,
    ...(bias && last && { bias: { ...bias, first: bias.first + begin } }),
    ...(residual && last && { residual: at(residual, m, n) }),
  };
}
