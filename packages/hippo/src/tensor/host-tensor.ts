// A tensor on the host: what goes into a compiled function and what comes out.
import { UsageError } from '../errors.ts';
import { allocateArray, type DType, type TypedArray } from './dtype.ts';
import { elementCount, formatShape, type Shape } from './shape.ts';

/** Numbers with a shape, row-major and contiguous. */
export interface HostTensor {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: TypedArray;
}

/**
 * Makes a host tensor from a typed array or plain numbers.
 * @throws UsageError `tensor-size` when the number of elements is not the product of the shape.
 */
export function tensor(data: TypedArray | readonly number[], shape: Shape, dtype?: DType): HostTensor {
  const type = dtype ?? dtypeOf(data);
  const count = elementCount(shape);
  if (data.length !== count) {
    throw new UsageError(
      'tensor-size',
      `tensor: shape ${formatShape(shape)} holds ${count} elements; got ${data.length}. Pass as many numbers as the shape says.`,
      { shape, elements: data.length },
    );
  }
  if (!Array.isArray(data) && dtypeOf(data) === type) return { shape, dtype: type, data: data as TypedArray };
  const array = allocateArray(type, count);
  array.set(data as readonly number[]);
  return { shape, dtype: type, data: array };
}

function dtypeOf(data: TypedArray | readonly number[]): DType {
  if (data instanceof Int32Array) return 'i32';
  return data instanceof Uint32Array ? 'u32' : 'f32';
}

/** The single number of a one-element tensor. */
export function scalarOf(value: HostTensor): number {
  const [first] = value.data;
  if (value.data.length !== 1 || first === undefined) {
    throw new UsageError('not-a-scalar', `scalarOf: expects one element; got shape ${formatShape(value.shape)}.`, {
      shape: value.shape,
    });
  }
  return first;
}
