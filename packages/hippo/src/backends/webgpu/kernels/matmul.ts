// Matrix products, alone and with what follows them: which operand lies where. How they are made: matmul-choose.ts.
import type { Node, Value } from '../../../graph/value.ts';
import { type MatmulAttributes, matmulOperation } from '../../../ops/matmul.ts';
import { epilogueSizes, type MatmulEpilogueAttributes, matmulEpilogueOperation } from '../../../ops/matmul-epilogue.ts';
import { storageOf } from '../../../plan/fuse.ts';
import { bytesPerElement, type DType } from '../../../tensor/dtype.ts';
import { elementCount } from '../../../tensor/shape.ts';
import type { DeviceTraits } from '../traits.ts';
import type { Chooser } from './chooser.ts';
import { input, type KernelChoice, type Memory, output } from './dispatch.ts';
import { chooseForm, productKernel } from './matmul-choose.ts';
import { extentA, extentB, type Matrix, type Product } from './matmul-product.ts';

export const matmulChoosers: Readonly<Record<string, Chooser>> = {
  [matmulOperation.name]: matmulChoice,
  [matmulEpilogueOperation.name]: matmulChoice,
};

function matmulChoice(node: Node, traits: DeviceTraits): KernelChoice | undefined {
  const product = productOf(node);
  if (!product) return undefined;
  const { dispatches, ...choice } = productKernel(product, traits);
  return { ...choice, dispatches: () => dispatches };
}

/** A matrix that is a whole operand. */
export function wholeMatrix(
  memory: Memory,
  shape: readonly number[],
  sizes: { readonly lead: number; readonly batch?: number; readonly dtype?: DType },
): Matrix {
  const { lead, batch = 0, dtype = 'f32' } = sizes;
  const bytes = elementCount(shape) * bytesPerElement(dtype);
  return { memory, bytes, first: 0, lead, batch, ...(dtype === 'f16' && { halves: true }) };
}

/** Operands that a product would rather read as f16, since it rounds them anyway. */
export function halvableFactors(node: Node, traits: DeviceTraits): readonly number[] {
  const product = productOf(node);
  return product && chooseForm(product, traits).kind === 'subgroup matrices' ? operandsInEights(node) : [];
}

/** Operands in f32 whose rows can be read as f16, eight numbers at a time. */
export function operandsInEights(node: Node): readonly number[] {
  const product = productOf(node);
  if (!product) return [];
  const factors = [
    { matrix: product.a, columns: extentA(product)[1] },
    { matrix: product.b, columns: extentB(product)[1] },
  ];
  return factors.flatMap(({ matrix, columns }, at) => (mayBeHalves(matrix, columns) ? [at] : []));
}

/** Whether a matrix's rows can be read eight numbers at a time. */
function mayBeHalves({ lead, batch, halves }: Matrix, columns: number): boolean {
  return !halves && [lead, batch, columns].every((count) => count % 8 === 0);
}

/** Whether two operands are the same memory. */
export function haveSharedStorage(operands: readonly Value[]): boolean {
  return new Set(operands.map(storageOf)).size < operands.length;
}

/** The product of a node; undefined where B comes packed, which the operation's decomposition unpacks. */
export function productOf(node: Node): Product | undefined {
  const [a, b, ...rest] = node.inputs;
  if (!a || !b) throw new Error('matmul without operands');
  const plain = { bias: 'none', gelu: false, residual: false } as const;
  // The attributes of one of the two operations above.
  const own = node.attributes as MatmulAttributes & Partial<MatmulEpilogueAttributes>;
  const attributes = { ...plain, ...own };
  const { transposeA, transposeB, bias, gelu, residual, packedColumns } = attributes;
  if (packedColumns !== undefined) return undefined;
  const { m, n, k, batch, strideA, strideB } = epilogueSizes(a, b, attributes);
  const result = [batch, m, n];
  const ofC = { lead: n, batch: m * n };
  return {
    m,
    n,
    k,
    batch,
    transposeA,
    transposeB,
    a: wholeMatrix(input(0), a.shape, { lead: transposeA ? m : k, batch: strideA, dtype: a.dtype }),
    b: wholeMatrix(input(1), b.shape, { lead: transposeB ? k : n, batch: strideB, dtype: b.dtype }),
    c: wholeMatrix(output(0), result, ofC),
    accumulate: false,
    gelu,
    ...(bias !== 'none' && { bias: { kind: bias, memory: input(2), first: 0 } }),
    ...(residual && { residual: wholeMatrix(input(1 + rest.length), result, ofC) }),
    shared: haveSharedStorage(node.inputs),
  };
}
