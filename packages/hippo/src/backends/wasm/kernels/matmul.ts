// Calls of the matrix product, the twin of matmul.as.ts (large products: B packed, then tiles) and of matmul-rows.as.ts (few
// rows: nothing packed). Which of them runs, and how the work is cut, depends on sizes alone; numbers do not depend on it.
import type { Addresses, KernelCall, KernelCalls } from './call.ts';

/** C[b] = activation(op(A[b])·op(B[b]) + C[b]? + bias?), b < batch; op(A) is m×k, op(B) k×n, row-major. */
export interface MatmulOptions {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: number;
  /** Elements from one batch to the next; 0: one matrix for all. */
  readonly strideA: number;
  readonly strideB: number;
  readonly strideC: number;
  /** A lies as k×m. */
  readonly transposeA: boolean;
  /** B lies as n×k. */
  readonly transposeB: boolean;
  /** Elements from row to row in memory; default: the rows lie close. */
  readonly lda?: number;
  readonly ldb?: number;
  readonly ldc?: number;
  /** Add to what C holds. */
  readonly accumulate?: boolean;
  /** A third input, n numbers added to every row. */
  readonly bias?: boolean;
  /** `gelu` is the one by tanh. */
  readonly activation?: 'none' | 'gelu';
}

type Product = Required<Omit<MatmulOptions, 'activation'>> & { readonly activation: number };

/** Inputs [A, B, bias?], outputs [C]. All sizes ≥ 1. The sum over k is taken in f32, in steps of 256. */
export function matmulCalls(options: MatmulOptions): KernelCalls {
  const { m, n, k, transposeA, transposeB, activation } = options;
  const product: Product = {
    lda: transposeA ? m : k,
    ldb: transposeB ? k : n,
    ldc: n,
    accumulate: false,
    bias: false,
    ...options,
    activation: activation === 'gelu' ? 1 : 0,
  };
  const swapped = swapVector(product);
  if (swapped) return rowCalls(swapped.product, swapped.order);
  return hasFewRows(product) ? rowCalls(product, [0, 1]) : tiledCalls(product);
}

/** Up to this many rows, reading B in place beats packing it. Dot products share its loads between two rows. */
const FEW_ROWS = 8;
const FEW_ROWS_OF_DOTS = 24;
/** Shorter dot products lose to their final sums. */
const LONG_DOTS = 64;

/** Dot products need A's numbers along k close to each other. */
function hasFewRows({ m, k, lda, transposeA, transposeB }: Product): boolean {
  if (!transposeB) return m <= FEW_ROWS;
  return m <= (k < LONG_DOTS ? FEW_ROWS : FEW_ROWS_OF_DOTS) && (!transposeA || lda === 1);
}

/** A column as result, Ab, is the row bᵀAᵀ: with A in B's place nothing needs packing. */
function swapVector(
  product: Product,
): { readonly product: Product; readonly order: readonly [number, number] } | undefined {
  const { m, n, lda, ldb, ldc, strideA, strideB, transposeA, transposeB, bias } = product;
  const isRow = transposeB || ldb === 1; // b's elements lie close
  if (n !== 1 || m === 1 || ldc !== 1 || bias || !(isRow || transposeA)) return undefined;
  const sizes = { m: 1, n: m, strideA: strideB, strideB: strideA, ldc: m };
  // b is 1×k in memory when close, else k×1, which `transposeA` describes.
  const layout = { lda: ldb, ldb: lda, transposeA: !isRow, transposeB: !transposeA };
  return { product: { ...product, ...sizes, ...layout }, order: [1, 0] };
}

/** Multiply-adds below which threads are not worth waking. */
const SHARED_FROM = 30_000;

function sharing({ m, n, k, batch }: Product): { readonly parts?: 1 } {
  return m * n * k * batch < SHARED_FROM ? { parts: 1 } : {};
}

/** Columns of a unit of work: four combined rows of B must fit the first cache beside C. */
const COMBINE_COLUMNS = 1024;
const DOT_COLUMNS = 256;

function rowCalls(product: Product, [first, second]: readonly [number, number]): KernelCalls {
  const { m, n, k, batch, lda, ldb, ldc, strideA, strideB, strideC, transposeA, transposeB, activation } = product;
  const [rowA, columnA] = transposeA ? [1, lda] : [lda, 1];
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs, outputs: [c = 0] }, parts) => {
      // As many units as parts, or a multiple; a batch may be cut too.
      const widest = transposeB ? DOT_COLUMNS : COMBINE_COLUMNS;
      const units = parts * Math.ceil((n * batch) / (widest * parts));
      const width = Math.min(widest, Math.ceil((n * batch) / units / 16) * 16);
      const addresses = [inputs[first] ?? 0, inputs[second] ?? 0, c, product.bias ? (inputs[2] ?? 0) : 0];
      const strides = [strideA, strideB, strideC, rowA, columnA, ldb, ldc].map((elements) => elements * 4);
      const words = [...addresses, m, n, k, batch, ...strides, Number(product.accumulate), activation, width];
      return [{ entry: transposeB ? 'matmulDots' : 'matmulCombine', words, ...sharing(product) }];
    },
  };
}

const K_STEP = 256;
/** Packed B beyond this is packed and used piece by piece: 16 MiB. */
const PACKED_LIMIT = 1 << 22;

/** A piece of the product that one packing of B serves. */
interface Chunk {
  readonly batch: number;
  readonly batches: number;
  readonly column: number;
  readonly columns: number;
}

function chunksOf({ n, k, batch, strideB }: Product): readonly Chunk[] {
  const panels = Math.ceil(n / 8);
  const fit = Math.max(1, Math.floor(PACKED_LIMIT / (8 * k)));
  if (strideB === 0 || panels > fit) {
    const columns = 8 * Math.ceil(panels / Math.ceil(panels / fit));
    const batches = strideB === 0 ? batch : 1;
    return pieces(batch, batches).flatMap((b) =>
      pieces(n, columns).map((c) => ({ batch: b.from, batches: b.size, column: c.from, columns: c.size })),
    );
  }
  return pieces(batch, Math.floor(fit / panels)).map(({ from, size }) => ({
    batch: from,
    batches: size,
    column: 0,
    columns: n,
  }));
}

function pieces(total: number, size: number): { readonly from: number; readonly size: number }[] {
  return Array.from({ length: Math.ceil(total / size) }, (_, i) => ({
    from: i * size,
    size: Math.min(size, total - i * size),
  }));
}

function tiledCalls(product: Product): KernelCalls {
  const { k, strideB, transposeA } = product;
  const chunks = chunksOf(product);
  const packedFloats = ({ batches, columns }: Chunk): number =>
    (strideB === 0 ? 1 : batches) * Math.ceil(columns / 8) * 8 * k;
  const packedBytes = 4 * Math.ceil(Math.max(...chunks.map(packedFloats)) / 16) * 16;
  // A 4×8 tile, and a unit's rows of A when they are packed.
  const partBytes = 128 + (transposeA ? 4 * ROW_STEPS[0] * Math.min(k, K_STEP) : 0);
  return {
    workspaceBytes: (parts) => packedBytes + parts * partBytes,
    calls: (at, parts) =>
      chunks.flatMap((chunk) =>
        chunkCalls(product, chunk, { at, parts, scratch: at.workspace + packedBytes, partBytes }),
      ),
  };
}

interface Setting {
  readonly at: Addresses;
  readonly parts: number;
  readonly scratch: number;
  readonly partBytes: number;
}

function chunkCalls(product: Product, chunk: Chunk, { at, parts, scratch, partBytes }: Setting): KernelCall[] {
  const { m, k, lda, ldb, ldc, strideA, strideB, strideC, transposeA, transposeB, activation } = product;
  const { inputs, outputs, workspace } = at;
  const { batch, batches, column, columns } = chunk;
  const share = sharing({ ...product, n: columns, batch: batches });
  const panelBytes = Math.ceil(columns / 8) * 32 * k;
  const b = (inputs[1] ?? 0) + 4 * (batch * strideB + column * (transposeB ? ldb : 1));
  const packing = [b, workspace, k, columns, strideB === 0 ? 1 : batches, 4 * strideB, 4 * ldb, Number(transposeB)];
  const unit = chooseUnit({ m, columns, k, batches, packsA: transposeA, parts });
  const addresses = [
    (inputs[0] ?? 0) + 4 * batch * strideA,
    workspace,
    (outputs[0] ?? 0) + 4 * (batch * strideC + column),
    product.bias ? (inputs[2] ?? 0) + 4 * column : 0,
  ];
  const strides = [4 * strideA, strideB === 0 ? 0 : panelBytes, 4 * strideC, 4 * lda, 4 * ldc];
  const flags = [Number(transposeA), Number(product.accumulate), activation];
  const words = [
    ...addresses,
    m,
    columns,
    k,
    batches,
    ...strides,
    ...flags,
    unit.rows,
    unit.columns,
    scratch,
    partBytes,
  ];
  return [
    { entry: 'matmulPack', words: packing, ...share },
    { entry: 'matmulTiles', words, ...share },
  ];
}

const ROW_STEPS = [256, 192, 128, 96, 64, 48, 32, 24, 16, 8, 4] as const;

interface UnitSizes {
  readonly m: number;
  readonly columns: number;
  readonly k: number;
  readonly batches: number;
  readonly packsA: boolean;
  readonly parts: number;
}

/**
 * Rows and columns of a unit of work: large units read B rarely, small ones balance the parts. Costs in nanoseconds, as
 * measured: 0.04 a multiply-add, 0.2 for a number of B that comes from the outer caches, 0.3 to pack one of A.
 */
function chooseUnit({ m, columns, k, batches, packsA, parts }: UnitSizes): {
  readonly rows: number;
  readonly columns: number;
} {
  let best = { rows: 4, columns: 8, cost: Number.POSITIVE_INFINITY };
  for (let cuts = 1; cuts <= 4 * parts; cuts *= 2) {
    const width = Math.ceil(columns / cuts / 8) * 8;
    for (const rows of ROW_STEPS) {
      const height = Math.min(rows, Math.ceil(m / 4) * 4);
      const units = batches * Math.ceil(m / rows) * Math.ceil(columns / width);
      const unit = k * (height * width * 0.04 + width * 0.2 + (packsA ? height * 0.3 : 0)) + 100;
      const cost = Math.ceil(units / parts) * unit;
      if (cost < best.cost) best = { rows, columns: width, cost };
    }
  }
  return best;
}
