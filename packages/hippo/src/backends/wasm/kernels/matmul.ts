// Calls of the matrix product, the twin of matmul.as.ts (large products: B packed, then tiles) and of matmul-rows.as.ts (few
// rows: nothing packed). Which of them runs, and how the work is cut, depends on sizes alone; numbers do not depend on it.
import type { Addresses, KernelCall, KernelCalls } from './call.ts';

/** C[b] = activation(op(A[b])·op(B[b]) + C[b]? + bias?) + residual[b]?, b < batch; op(A) is m×k, op(B) k×n, row-major. */
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
  /** A third input: n numbers, one for each column, or m, one for each row of a batch. */
  readonly bias?: 'none' | 'columns' | 'rows';
  /** `gelu` is the one by tanh. */
  readonly activation?: 'none' | 'gelu';
  /** The last input, of C's layout, added after the activation. It must not share C's memory. */
  readonly residual?: boolean;
  /** Tiles of 6×16 instead of 6×8, for engines that fuse pairs of 128-bit operations. The numbers are the same. */
  readonly wide?: boolean;
  /** B is already packed, in panels of the tile's width (`packColumnsCalls`). */
  readonly packedB?: boolean;
}

type Product = Required<Omit<MatmulOptions, 'activation' | 'bias'>> & {
  readonly activation: number;
  /** 0 none, 1 of columns, 2 of rows, as in matmul-finish.as.ts. */
  readonly bias: number;
};

const BIAS_KINDS = { none: 0, columns: 1, rows: 2 } as const;

/** Inputs [A, B, bias?, residual?], outputs [C]. All sizes ≥ 1. The sum over k is taken in f32, in steps of 256. */
export function matmulCalls(options: MatmulOptions): KernelCalls {
  const { m, n, k, transposeA, transposeB, activation, bias = 'none' } = options;
  const product: Product = {
    lda: transposeA ? m : k,
    ldb: transposeB ? k : n,
    ldc: n,
    accumulate: false,
    residual: false,
    wide: false,
    packedB: false,
    ...options,
    activation: activation === 'gelu' ? 1 : 0,
    bias: BIAS_KINDS[bias],
  };
  if (product.packedB) return tiledCalls(product);
  const swapped = swapVector(product);
  if (swapped) return rowCalls(swapped.product, swapped.order);
  const narrow = swapNarrow(product);
  if (narrow) return rowCalls(narrow, [1, 0], 4 * product.ldc);
  return hasFewRows(product) ? rowCalls(product, [0, 1]) : tiledCalls(product);
}

/** Up to this many rows, reading B in place beats packing it. Dot products share its loads between two rows. */
const FEW_ROWS = 8;
const FEW_ROWS_OF_DOTS = 24;
/** Shorter dot products lose to their final sums. */
const LONG_DOTS = 64;

function hasFewRows(product: Product): boolean {
  const { m, k, transposeB } = product;
  if (!transposeB || needsGathering(product)) return m <= FEW_ROWS;
  return m <= (k < LONG_DOTS ? FEW_ROWS : FEW_ROWS_OF_DOTS);
}

/** Dot products need A's numbers along k close to each other: few rows are gathered first, many would cost more than packing B. */
function needsGathering({ lda, transposeA, transposeB }: Product): boolean {
  return transposeB && transposeA && lda > 1;
}

/**
 * Few columns as result, ABᵀ, are the rows BAᵀ, written where C's columns are. With this a projection that writes channels first
 * sums in the order of one that writes rows, and a column gets the bits it gets alone.
 */
function swapNarrow(product: Product): Product | undefined {
  const { m, n, lda, ldb, strideA, strideB, transposeA, transposeB } = product;
  if (n > FEW_ROWS || m <= n || transposeA || !transposeB) return undefined;
  return { ...product, m: n, n: m, lda: ldb, ldb: lda, ldc: 1, strideA: strideB, strideB: strideA };
}

/** A column as result, Ab, is the row bᵀAᵀ: with A in B's place nothing needs packing. */
function swapVector(
  product: Product,
): { readonly product: Product; readonly order: readonly [number, number] } | undefined {
  const { m, n, lda, ldb, ldc, strideA, strideB, transposeA, transposeB, bias } = product;
  const isRow = transposeB || ldb === 1; // b's elements lie close
  if (n !== 1 || m === 1 || ldc !== 1 || !(isRow || transposeA)) return undefined;
  const sizes = { m: 1, n: m, strideA: strideB, strideB: strideA, ldc: m };
  // b is 1×k in memory when close, else k×1, which `transposeA` describes.
  const layout = { lda: ldb, ldb: lda, transposeA: !isRow, transposeB: !transposeA };
  // Rows have become columns.
  const swappedBias = bias === 0 ? 0 : 3 - bias;
  return { product: { ...product, ...sizes, ...layout, bias: swappedBias }, order: [1, 0] };
}

/** Multiply-adds below which threads are not worth waking. */
const SHARED_FROM = 30_000;

function sharing({ m, n, k, batch }: Product): { readonly parts?: 1 } {
  return m * n * k * batch < SHARED_FROM ? { parts: 1 } : {};
}

/**
 * Columns of a unit of work. Combined rows of B are read in long runs, which the processor fetches ahead (1×768×50304: 5.8
 * GFLOP/s in runs of 1,024, 10.2 in whole rows), while the rows of C, at most eight, stay in the second cache.
 */
const COMBINED_NUMBERS = 1 << 16;
const DOT_COLUMNS = 256;
/** Partial sums of a pair of rows, at the start of a part's scratch as in matmul-rows.as.ts. */
const SUMS_BYTES = 512;

/** `columnStep`: bytes from column to column of C. */
function rowCalls(product: Product, [first, second]: readonly [number, number], columnStep = 4): KernelCalls {
  const { m, n, k, batch, lda, ldb, ldc, strideA, strideB, strideC, transposeA, transposeB, activation } = product;
  const [rowA, columnA] = transposeA ? [1, lda] : [lda, 1];
  const gatheredBytes = needsGathering(product) ? 16 * Math.ceil((m * k) / 4) : 0;
  const partBytes = transposeB ? SUMS_BYTES * Math.floor(m / 2) + gatheredBytes : 0;
  return {
    workspaceBytes: (parts) => parts * partBytes,
    calls: ({ inputs, outputs: [c = 0], workspace }, parts) => {
      // As many units as parts, or a multiple; a batch may be cut too.
      const widest = transposeB ? DOT_COLUMNS : Math.floor(COMBINED_NUMBERS / m);
      const units = parts * Math.ceil((n * batch) / (widest * parts));
      const width = Math.min(widest, Math.ceil((n * batch) / units / 16) * 16);
      const { bias, residual } = finishing(product, inputs);
      const addresses = [inputs[first] ?? 0, inputs[second] ?? 0, c, bias];
      const strides = [strideA, strideB, strideC, rowA, columnA, ldb, ldc].map((elements) => elements * 4);
      const flags = [Number(product.accumulate), activation, width, product.bias, residual];
      const layout = [columnStep, workspace, partBytes, Number(gatheredBytes > 0)];
      const words = [...addresses, m, n, k, batch, ...strides, ...flags, ...(transposeB ? layout : [])];
      return [{ entry: transposeB ? 'matmulDots' : 'matmulCombine', words, ...sharing(product) }];
    },
  };
}

/** True for a product that packs B before it multiplies. */
export function gainsFromPacking(options: MatmulOptions): boolean {
  return matmulCalls(options).calls({ inputs: [0, 0], outputs: [0], workspace: 0 }, 1)[0]?.entry === 'matmulPack';
}

/** Columns of a panel of packed B. */
export function panelWidth(wide: boolean): number {
  return (wide ? WIDE_TILE : TILE).columns;
}

/** Input [B], k×n or n×k where `transposed`; output its panels [⌈n/width⌉, k, width]. */
export function packColumnsCalls(sizes: {
  readonly k: number;
  readonly n: number;
  readonly transposed: boolean;
  readonly width: number;
}): KernelCalls {
  const { k, n, transposed, width } = sizes;
  return {
    workspaceBytes: () => 0,
    calls: ({ inputs: [b = 0], outputs: [panels = 0] }) => {
      const words = [b, panels, k, n, 1, 0, 4 * (transposed ? k : n), Number(transposed), width];
      return [{ entry: 'matmulPack', words, ...(k * n < SHARED_FROM ? { parts: 1 as const } : {}) }];
    },
  };
}

/** Addresses of the operands that the epilogue reads; 0: none. */
function finishing(product: Product, inputs: readonly number[]): { readonly bias: number; readonly residual: number } {
  const bias = product.bias ? (inputs[2] ?? 0) : 0;
  return { bias, residual: product.residual ? (inputs[product.bias ? 3 : 2] ?? 0) : 0 };
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

/** `nanoseconds`: of a multiply-add. */
interface Tile {
  readonly columns: number;
  readonly entry: string;
  readonly nanoseconds: number;
}

const TILE: Tile = { columns: 8, entry: 'matmulTiles', nanoseconds: 0.036 };
const WIDE_TILE: Tile = { columns: 16, entry: 'matmulWideTiles', nanoseconds: 0.019 };

const tileOf = ({ wide }: Product): Tile => (wide ? WIDE_TILE : TILE);

function chunksOf(product: Product): readonly Chunk[] {
  const { n, k, batch, strideB } = product;
  const { columns: width } = tileOf(product);
  if (product.packedB) return [{ batch: 0, batches: batch, column: 0, columns: n }];
  const panels = Math.ceil(n / width);
  const fit = Math.max(1, Math.floor(PACKED_LIMIT / (width * k)));
  if (strideB === 0 || panels > fit) {
    const columns = width * Math.ceil(panels / Math.ceil(panels / fit));
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
  const { m, k, strideB } = product;
  const chunks = chunksOf(product);
  const { columns: width } = tileOf(product);
  const packedFloats = ({ batches, columns }: Chunk): number =>
    (strideB === 0 ? 1 : batches) * Math.ceil(columns / width) * width * k;
  const packedBytes = product.packedB ? 0 : 4 * Math.ceil(Math.max(...chunks.map(packedFloats)) / 16) * 16;
  // A tile, and a unit's rows of A.
  const rows = ROW_STEP * Math.min(MOST_STEPS, Math.ceil(m / ROW_STEP));
  const partBytes = RIM_BYTES + 4 * rows * Math.min(k, K_STEP);
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
  const tile = tileOf(product);
  const share = sharing({ ...product, n: columns, batch: batches });
  const panelBytes = Math.ceil(columns / tile.columns) * tile.columns * 4 * k;
  const b = (inputs[1] ?? 0) + 4 * (batch * strideB + column * (transposeB ? ldb : 1));
  const packing = [
    b,
    workspace,
    k,
    columns,
    strideB === 0 ? 1 : batches,
    4 * strideB,
    4 * ldb,
    Number(transposeB),
    tile.columns,
  ];
  const unit = chooseUnit({ m, columns, k, batches, parts, tile });
  const { bias, residual } = finishing(product, inputs);
  const resultAt = 4 * (batch * strideC + column);
  const addresses = [
    (inputs[0] ?? 0) + 4 * batch * strideA,
    product.packedB ? (inputs[1] ?? 0) : workspace,
    (outputs[0] ?? 0) + resultAt,
    bias && product.bias === BIAS_KINDS.columns ? bias + 4 * column : bias,
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
    product.bias,
    residual && residual + resultAt,
  ];
  const multiply: KernelCall = { entry: tile.entry, words, ...share };
  return product.packedB ? [multiply] : [{ entry: 'matmulPack', words: packing, ...share }, multiply];
}

/** Bytes of a tile of either size at the start of a part's scratch, as in matmul.as.ts. */
const RIM_BYTES = 384;
/** Rows of a unit are a multiple of this, which every tile's height divides. */
const ROW_STEP = 12;
const STEPS = [32, 24, 16, 12, 8, 6, 4, 3, 2, 1] as const;
const MOST_STEPS = STEPS[0];

interface UnitSizes {
  readonly m: number;
  readonly columns: number;
  readonly k: number;
  readonly batches: number;
  readonly parts: number;
  readonly tile: Tile;
}

/**
 * Rows and columns of a unit of work: large units read B rarely, small ones balance the parts. Costs in nanoseconds, as
 * measured: a multiply-add by the tile, 0.2 for a number of B that comes from the outer caches, 0.3 to pack one of A.
 */
function chooseUnit({ m, columns, k, batches, parts, tile }: UnitSizes): {
  readonly rows: number;
  readonly columns: number;
} {
  let best = { rows: ROW_STEP, columns: tile.columns, cost: Number.POSITIVE_INFINITY };
  for (let cuts = 1; cuts <= 4 * parts; cuts *= 2) {
    const width = Math.ceil(columns / cuts / tile.columns) * tile.columns;
    for (const step of STEPS) {
      const rows = step * ROW_STEP;
      const height = Math.min(rows, Math.ceil(m / 6) * 6);
      const units = batches * Math.ceil(m / rows) * Math.ceil(columns / width);
      const unit = k * (height * width * tile.nanoseconds + width * 0.2 + height * 0.3) + 100;
      const cost = Math.ceil(units / parts) * unit;
      if (cost < best.cost) best = { rows, columns: width, cost };
    }
  }
  return best;
}
