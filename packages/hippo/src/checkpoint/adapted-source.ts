// A source seen through other names: what a model calls its parameters, over a file that calls them differently, holds more of them,
// or stores some matrices transposed. Nothing is read until asked for, and one tensor at a time.
import type { TypedArray } from '../tensor/dtype.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import type { Shape } from '../tensor/shape.ts';
import { missingTensor, type TensorSource } from './safetensors.ts';
import { readElements } from './tensor-pieces.ts';

/** Where a tensor of the new name stands in the file. */
export interface StoredTensor {
  readonly stored: string;
  /** The file holds the matrix with its axes exchanged. */
  readonly transposed?: boolean;
}

/** The tensors of `names` and no others, under their new names. Disposing of it is the file's business. */
export function adaptSource(source: TensorSource, names: ReadonlyMap<string, StoredTensor>): TensorSource {
  const placeOf = (name: string): StoredTensor => {
    const place = names.get(name);
    if (place) return place;
    throw missingTensor('checkpoint', name);
  };
  const read = async (name: string): Promise<HostTensor> => {
    const { stored, transposed } = placeOf(name);
    const tensor = await source.read(stored);
    return transposed ? transpose(tensor) : tensor;
  };
  // Rows of a transposed matrix are spread over all of it: it is turned whole, once for the ranges that follow each other.
  let turned: { readonly name: string; readonly data: TypedArray } | undefined;
  const readRange = async (name: string, begin: number, end: number): Promise<TypedArray> => {
    const { stored, transposed } = placeOf(name);
    if (!transposed) return readElements(source, stored, [begin, end]);
    if (turned?.name !== name) turned = { name, data: (await read(name)).data };
    return turned.data.slice(begin, end);
  };
  return {
    metadata: source.metadata,
    tensors: new Map(
      [...names].flatMap(([name, { stored, transposed }]) => {
        const entry = source.tensors.get(stored);
        return entry ? [[name, { ...entry, name, shape: transposed ? reversed(entry.shape) : entry.shape }]] : [];
      }),
    ),
    read,
    ...(source.readRange && { readRange }),
  };
}

function reversed(shape: Shape): Shape {
  return [...shape].reverse();
}

/** [rows, columns] → [columns, rows] */
function transpose({ shape, dtype, data }: HostTensor): HostTensor {
  const [rows = 1, columns = 1] = shape;
  const result: TypedArray = data.slice();
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      result[column * rows + row] = data[row * columns + column] ?? Number.NaN;
  return { shape: reversed(shape), dtype, data: result };
}
