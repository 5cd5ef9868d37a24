// Calls of a linear head's cross-entropy and of its gradient: the logits exist for one chunk of rows at a time. Composed of the
// matrix product's calls and the row kernels of cross-entropy.as.ts. Chunks and slabs depend on sizes alone, so the order of
// additions, and with it every bit, does not depend on the number of parts.
// Bound by its three products: with 50,264 classes as fast as with all logits at once, at a fraction of the memory.
import type { Addresses, KernelCall, KernelCalls } from './call.ts';
import { type CrossEntropySizes, crossEntropyCalls, crossEntropyInPlaceCalls } from './cross-entropy.ts';
import { type MatmulOptions, matmulCalls } from './matmul.ts';

export interface LinearCrossEntropySizes extends CrossEntropySizes {
  readonly width: number;
  /** Tiles for 256-bit vectors, as in matmul.ts. Default false. */
  readonly wide?: boolean;
  /** Default: 64 MiB of logits; tests cut smaller. */
  readonly chunking?: Chunking;
}

export interface Chunking {
  /** Logits that may exist at once. */
  readonly logitsBytes: number;
  /** Rows of a chunk and columns of a slab come in these: a step of the matrix product along k. */
  readonly step: number;
  /** Numbers of W that one packing holds, as in matmul.ts: with more, d would be read once for every piece. */
  readonly packed: number;
}

const standard: Chunking = { logitsBytes: 1 << 26, step: 256, packed: 1 << 22 };

/**
 * Rows whose logits exist at once. Each chunk packs W twice and adds to dW, 6·columns·width numbers moved against
 * 6·rows·columns·width operations: by estimate (not measured) 4 % of the time with 256 rows, 16 % with 64. So: whole steps of 256 as long as they
 * fit the memory, one step at least.
 */
export function chunkRows({
  rows,
  vocabulary,
  chunking: { logitsBytes, step } = standard,
}: Pick<LinearCrossEntropySizes, 'rows' | 'vocabulary' | 'chunking'>): number {
  const fit = Math.floor(logitsBytes / (4 * vocabulary));
  return Math.min(rows, Math.max(step, Math.floor(fit / step) * step));
}

interface Chunk {
  readonly from: number;
  readonly rows: number;
}

function chunksOf(sizes: LinearCrossEntropySizes): readonly Chunk[] {
  const step = chunkRows(sizes);
  return Array.from({ length: Math.ceil(sizes.rows / step) }, (_, i) => ({
    from: i * step,
    rows: Math.min(step, sizes.rows - i * step),
  }));
}

const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;
const flat = { batch: 1, strideA: 0, strideB: 0, strideC: 0, transposeA: false, transposeB: false } as const;

/** One product between parts of the operands: where A, B and C begin, and its sizes. */
interface Product {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly options: Omit<MatmulOptions, keyof typeof flat> & Partial<MatmulOptions>;
}

const callsOf = (product: Product): KernelCalls => matmulCalls({ ...flat, ...product.options });

/** logits = x·Wᵀ for the rows of a chunk. */
function logitsProduct(
  { width, vocabulary, wide = false }: LinearCrossEntropySizes,
  { from, rows }: Chunk,
  at: Operands,
): Product {
  return {
    a: at.x + 4 * from * width,
    b: at.weight,
    c: at.logits,
    options: { m: rows, n: vocabulary, k: width, transposeB: true, wide },
  };
}

/** dx = d·W, over slabs of the vocabulary that one packing of W holds each. */
function inputProducts(sizes: LinearCrossEntropySizes, { from, rows }: Chunk, at: Operands): Product[] {
  const { width, vocabulary, wide = false, chunking: { step, packed } = standard } = sizes;
  const slab = Math.max(step, Math.floor(packed / width / step) * step);
  return Array.from({ length: Math.ceil(vocabulary / slab) }, (_, i) => ({
    a: at.logits + 4 * i * slab,
    b: at.weight + 4 * i * slab * width,
    c: at.dx + 4 * from * width,
    options: { m: rows, n: width, k: Math.min(slab, vocabulary - i * slab), lda: vocabulary, accumulate: i > 0, wide },
  }));
}

/** dW (+)= dᵀ·x. */
function weightProduct(
  { width, vocabulary, wide = false }: LinearCrossEntropySizes,
  { from, rows }: Chunk,
  at: Operands,
): Product {
  return {
    a: at.logits,
    b: at.x + 4 * from * width,
    c: at.dWeight,
    options: { m: vocabulary, n: width, k: rows, transposeA: true, accumulate: from > 0, wide },
  };
}

interface Operands {
  readonly x: number;
  readonly weight: number;
  readonly logits: number;
  readonly dx: number;
  readonly dWeight: number;
}

/** The most workspace that any of the products needs. */
function productBytes(
  sizes: LinearCrossEntropySizes,
  products: (chunk: Chunk, at: Operands) => readonly Product[],
  parts: number,
): number {
  const nowhere: Operands = { x: 0, weight: 0, logits: 0, dx: 0, dWeight: 0 };
  const chunks = chunksOf(sizes);
  const needs = chunks.flatMap((chunk) =>
    products(chunk, nowhere).map((product) => callsOf(product).workspaceBytes(parts)),
  );
  return Math.max(0, ...needs);
}

function logitsBytes(sizes: LinearCrossEntropySizes): number {
  return align(4 * chunkRows(sizes) * sizes.vocabulary);
}

/** Inputs [x [rows, width], W [vocabulary, width], targets], outputs [losses [rows]]. */
export function linearCrossEntropyCalls(sizes: LinearCrossEntropySizes): KernelCalls {
  const own = logitsBytes(sizes);
  return {
    workspaceBytes: (parts) => own + productBytes(sizes, (chunk, at) => [logitsProduct(sizes, chunk, at)], parts),
    calls({ inputs: [x = 0, weight = 0, targets = 0], outputs: [losses = 0], workspace }, parts) {
      const at: Operands = { x, weight, logits: workspace, dx: 0, dWeight: 0 };
      return chunksOf(sizes).flatMap((chunk) => [
        ...productCalls(logitsProduct(sizes, chunk, at), workspace + own, parts),
        ...crossEntropyCalls({ ...sizes, rows: chunk.rows }).calls(
          {
            inputs: [workspace, targets + 4 * chunk.from],
            outputs: [losses + 4 * chunk.from],
            workspace: 0,
          },
          parts,
        ),
      ]);
    },
  };
}

/**
 * Inputs [x, W, targets, dLoss [rows]], outputs [dx, dW, losses]; an absent one of the first two is not computed. x, W and dLoss
 * must not be overwritten.
 */
export function linearCrossEntropyGradientCalls(sizes: LinearCrossEntropySizes): KernelCalls {
  const own = logitsBytes(sizes);
  return {
    workspaceBytes: (parts) =>
      own +
      productBytes(
        sizes,
        (chunk, at) => [
          logitsProduct(sizes, chunk, at),
          ...inputProducts(sizes, chunk, at),
          weightProduct(sizes, chunk, at),
        ],
        parts,
      ),
    calls(addresses, parts) {
      return chunksOf(sizes).flatMap((chunk) => gradientChunk(sizes, chunk, { addresses, own, parts }));
    },
  };
}

function gradientChunk(
  sizes: LinearCrossEntropySizes,
  chunk: Chunk,
  { addresses, own, parts }: { readonly addresses: Addresses; readonly own: number; readonly parts: number },
): KernelCall[] {
  const { inputs, outputs, workspace } = addresses;
  const [x = 0, weight = 0, targets = 0, dLoss = 0] = inputs;
  const [dx = 0, dWeight = 0, losses = 0] = outputs;
  const at: Operands = { x, weight, logits: workspace, dx, dWeight };
  const rowsFrom = 4 * chunk.from;
  const multiply = (product: Product): readonly KernelCall[] => productCalls(product, workspace + own, parts);
  const rows = crossEntropyInPlaceCalls({ ...sizes, rows: chunk.rows });
  return [
    ...multiply(logitsProduct(sizes, chunk, at)),
    ...rows.calls(
      {
        inputs: [dLoss + rowsFrom, workspace, targets + rowsFrom],
        outputs: [workspace, losses ? losses + rowsFrom : 0],
        workspace: 0,
      },
      parts,
    ),
    ...(dx ? inputProducts(sizes, chunk, at).flatMap(multiply) : []),
    ...(dWeight ? multiply(weightProduct(sizes, chunk, at)) : []),
  ];
}

function productCalls(product: Product, workspace: number, parts: number): readonly KernelCall[] {
  return callsOf(product).calls({ inputs: [product.a, product.b], outputs: [product.c], workspace }, parts);
}
