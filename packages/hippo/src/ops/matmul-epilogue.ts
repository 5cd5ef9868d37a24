// A matrix product with what follows it: C = gelu?(op(A)·op(B) + bias?) + residual?, B perhaps packed before. Nobody writes it
// by hand: the planner makes it of a product and the elementwise operations that alone read its result
// (plan/epilogues.ts), so that the result is finished while it is in cache, and of products with frozen weights
// (session/packed-weights.ts). The arithmetic is the same, in the same order, as that of the separate operations.
import { operand, rule } from '../graph/rule.ts';
import { applySingle } from '../graph/trace.ts';
import type { Node, NumbersWithShape, Operation, Value, ValueType } from '../graph/value.ts';
import { broadcastStrides, elementCount, formatShape, type Shape } from '../tensor/shape.ts';
import { add, elementwiseTable, gelu } from './elementwise.ts';
import { type MatmulAttributes, type MatmulSizes, matmulOperation, matmulSizes } from './matmul.ts';
import { unpackColumns } from './pack-columns.ts';
import { reshape } from './reshape.ts';
import { sliceAxis } from './slice.ts';
import { transpose } from './transpose.ts';

export type MatmulEpilogueAttributes = MatmulAttributes & {
  /** One number a column or one a row of every batch; a third operand. */
  readonly bias: 'none' | 'columns' | 'rows';
  readonly gelu: boolean;
  /** The last operand, of the result's shape. */
  readonly residual: boolean;
  /** Columns of B when it comes packed (ops/pack-columns.ts), as panels [⌈columns/width⌉, k, width]. */
  readonly packedColumns?: number;
};

/** Sizes of the product, whichever way B comes. */
export function epilogueSizes(a: ValueType, b: ValueType, attributes: MatmulEpilogueAttributes): MatmulSizes {
  const { packedColumns: n, transposeA } = attributes;
  if (n === undefined) return matmulSizes(a, b, attributes);
  const [rows = 1, inner = 1] = a.shape;
  const [m, k] = transposeA ? [inner, rows] : [rows, inner];
  return { m, n, k, batch: 1, strideA: 0, strideB: 0 };
}

function inferProduct(inputs: readonly ValueType[], attributes: MatmulEpilogueAttributes): ValueType | undefined {
  const { packedColumns: n } = attributes;
  if (n === undefined) return matmulOperation.infer(inputs.slice(0, 2), attributes)[0];
  const [a, panels] = [operand(inputs, 0), operand(inputs, 1)];
  const { m, k } = epilogueSizes(a, panels, attributes);
  const [count = 0, inner, width = 1] = panels.shape;
  rule(
    a.shape.length === 2 && panels.shape.length === 3 && inner === k && Math.ceil(n / width) === count,
    () => `takes a matrix and panels for ${n} columns; got ${formatShape(a.shape)} and ${formatShape(panels.shape)}.`,
  );
  return { shape: [m, n], dtype: 'f32' };
}

/** The operands of a node whose optional ones are only present when its attributes say so. */
function epilogueOperands<T>(inputs: readonly T[], { bias, residual }: MatmulEpilogueAttributes) {
  const [a, b, ...rest] = inputs;
  return {
    a,
    b,
    bias: bias === 'none' ? undefined : rest[0],
    residual: residual ? rest[bias === 'none' ? 0 : 1] : undefined,
  };
}

/** Inputs [a, b, bias?, residual?], output [C]. */
export const matmulEpilogueOperation: Operation<MatmulEpilogueAttributes> = {
  name: 'matmulEpilogue',
  infer: (inputs, attributes) => {
    const product = inferProduct(inputs, attributes);
    const { a, b, bias, residual } = epilogueOperands(inputs, attributes);
    if (!product || !a || !b) return [];
    const { m, n } = epilogueSizes(a, b, attributes);
    const wanted = attributes.bias === 'rows' ? m : n;
    const count = (type: ValueType): number => elementCount(type.shape);
    rule(
      !bias || (bias.dtype === 'f32' && count(bias) === wanted),
      () => `the bias must have ${wanted} numbers; got ${formatShape(bias?.shape ?? [])}.`,
    );
    rule(
      !residual || (residual.dtype === 'f32' && count(residual) === count(product)),
      () => `the residual must have ${count(product)} numbers; got ${formatShape(residual?.shape ?? [])}.`,
    );
    return [product];
  },
  decompose: (inputs, attributes) => {
    const { a, b, bias, residual } = epilogueOperands(inputs, attributes);
    if (!a || !b) return [];
    const { transposeA, packedColumns } = attributes;
    const whole = packedColumns === undefined ? b : unpack(b, packedColumns);
    const transposeB = packedColumns === undefined && attributes.transposeB;
    let y = applySingle(matmulOperation, [a, whole], { transposeA, transposeB });
    if (bias) y = add(y, reshape(bias, attributes.bias === 'rows' ? [-1, 1] : [-1]));
    if (attributes.gelu) y = gelu(y);
    return [residual ? add(y, reshape(residual, y.shape)) : y];
  },
  reference: (inputs, attributes, outputs) => {
    const { a, b, bias, residual } = epilogueOperands<NumbersWithShape>(inputs, attributes);
    if (!a || !b) return [];
    const { transposeA, packedColumns } = attributes;
    const whole = packedColumns === undefined ? b : unpackColumns(b, packedColumns);
    const transposeB = packedColumns === undefined && attributes.transposeB;
    const [product] = matmulOperation.reference?.([a, whole], { transposeA, transposeB }, outputs) ?? [];
    if (!product) return [];
    const { m, n } = epilogueSizes({ ...a, dtype: 'f32' }, { ...b, dtype: 'f32' }, attributes);
    for (let i = 0; i < product.length; i++) {
      const x = (product[i] ?? 0) + (bias?.data[attributes.bias === 'rows' ? Math.floor(i / n) % m : i % n] ?? 0);
      const y = attributes.gelu ? elementwiseTable.gelu.evaluate(x, 0, 0) : x;
      product[i] = y + (residual?.data[i] ?? 0);
    }
    return [product];
  },
  operations: ([a, b], attributes, [output]) => {
    if (!a || !b) return 0;
    const { k } = epilogueSizes(a, b, attributes);
    return (2 * k + 1) * elementCount(output?.shape ?? []);
  },
};

/** Panels as the matrix [k, columns]. */
function unpack(panels: Value, columns: number): Value {
  const [count = 1, k = 1, width = 1] = panels.shape;
  return sliceAxis(reshape(transpose(panels, [1, 0, 2]), [k, count * width]), 1, 0, columns);
}

/** op(a)·B for packed B. */
export function packedMatmul(
  a: Value,
  panels: Value,
  { transposeA, columns }: { readonly transposeA: boolean; readonly columns: number },
): Value {
  const attributes = { transposeA, transposeB: false, bias: 'none', gelu: false, residual: false } as const;
  return applySingle(matmulEpilogueOperation, [a, panels], { ...attributes, packedColumns: columns });
}

type Epilogue = Pick<MatmulEpilogueAttributes, 'bias' | 'gelu' | 'residual'>;

/** A product that can take epilogues. */
export interface EpilogueProduct {
  /** The producer with these operands and this epilogue instead of its own; undefined where it has no such epilogue. */
  extend(producer: Node, operands: readonly Value[], epilogue: Epilogue): Value | undefined;
  sizes(producer: Node): Pick<MatmulSizes, 'm' | 'n'>;
}

const plainProduct: EpilogueProduct = {
  extend: ({ attributes }, operands, epilogue) =>
    applySingle(matmulEpilogueOperation, operands, { ...(attributes as MatmulAttributes), ...epilogue }),
  sizes: ({ inputs: [a, b], attributes }) =>
    a && b ? epilogueSizes(a, b, attributes as MatmulEpilogueAttributes) : { m: 0, n: 0 },
};

/**
 * The value of an elementwise node computed by the product it reads, or undefined when the node is nothing a product can do.
 * @param producer a product, alone or with an epilogue, whose result only the node reads.
 * @param inputs the node's operands; operand `at` is the product's result, perhaps under another shape.
 */
export function absorbIntoMatmul(
  producer: Node,
  { operation }: Node,
  inputs: readonly Value[],
  at: number,
  product: EpilogueProduct = plainProduct,
): Value | undefined {
  const done: Epilogue = { bias: 'none', gelu: false, residual: false, ...producer.attributes };
  const result = inputs[at];
  if (!result || done.residual) return undefined;
  const extended = (operand: Value | undefined, change: Partial<Epilogue>): Value | undefined => {
    const operands = operand ? [...producer.inputs, operand] : producer.inputs;
    const { bias, gelu: activation, residual } = { ...done, ...change };
    const made = product.extend(producer, operands, { bias, gelu: activation, residual });
    return made && reshape(made, result.shape);
  };
  if (operation.name === elementwiseTable.gelu.name) return done.gelu ? undefined : extended(undefined, { gelu: true });
  const other = inputs[1 - at];
  if (operation.name !== elementwiseTable.add.name || !other || other.dtype !== 'f32') return undefined;
  // A bias of columns has as many numbers as the result of a single row, which only its rank tells from a residual.
  if (elementCount(other.shape) === elementCount(result.shape) && other.shape.length === result.shape.length)
    return extended(other, { residual: true });
  const bias =
    done.bias === 'none' && !done.gelu ? biasKind(other.shape, result.shape, product.sizes(producer)) : 'none';
  return bias === 'none' ? undefined : extended(other, { bias });
}

/** Whether an operand broadcast to `shape` is one number a column or one a row of an m×n product of that many elements. */
function biasKind(from: Shape, shape: Shape, { m, n }: Pick<MatmulSizes, 'm' | 'n'>): MatmulEpilogueAttributes['bias'] {
  if (from.length > shape.length) return 'none';
  const strides = broadcastStrides(from, shape);
  const count = elementCount(from);
  if (count === n && variesOver(strides, shape, { inner: 1, count: n })) return 'columns';
  return count === m && variesOver(strides, shape, { inner: n, count: m }) ? 'rows' : 'none';
}

/** Whether element i of the broadcast operand is number ⌊i / inner⌋ mod count. */
function variesOver(
  strides: readonly number[],
  shape: Shape,
  { inner, count }: { readonly inner: number; readonly count: number },
): boolean {
  let block = 1; // elements of the axes further in
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    if (size === 1) continue;
    const inside = block >= inner && block < inner * count;
    if (strides[axis] !== (inside ? block / inner : 0)) return false;
    block *= size;
  }
  return true;
}
