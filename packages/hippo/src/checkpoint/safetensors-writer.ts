// Writes the safetensors format piece by piece: header first, then one tensor at a time, so that memory holds one tensor.
import { CheckpointError } from '../errors.ts';
import { bytesPerElement, type TypedArray } from '../tensor/dtype.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { elementCount, formatShape, type Shape } from '../tensor/shape.ts';
import { encodeBfloat16, encodeFloat16 } from './half-float-arrays.ts';
import { dtypeName } from './safetensors-header.ts';

/** How floats are stored; integers stay as they are. */
export type FloatStorage = 'f32' | 'f16' | 'bf16';

/** From here on f16 rounds to infinity. */
const halfOverflow = 65_520;

/** A tensor to be written; its numbers are asked for when their turn comes. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: HostTensor['dtype'];
  read(): Promise<HostTensor>;
  /** The same numbers in order and in pieces, instead of `read`, for a tensor that is too large to be held at once. */
  pieces?(): AsyncIterable<TypedArray>;
  /** How this tensor's floats are stored, whatever the file's others are. */
  readonly floats?: FloatStorage;
}

export interface WriteOptions {
  readonly floats?: FloatStorage;
  readonly metadata?: Readonly<Record<string, string>>;
}

function storageOf({ dtype, floats: own }: TensorToWrite, floats: FloatStorage) {
  return dtype === 'f32' ? (own ?? floats) : dtype;
}

/** Bytes of a tensor's data in the file. */
export function storedBytes(tensor: TensorToWrite, floats: FloatStorage = 'f32'): number {
  return elementCount(tensor.shape) * bytesPerElement(storageOf(tensor, floats));
}

/**
 * The file's bytes, in order: the header, then each tensor.
 * @throws CheckpointError `duplicate-name`, `tensor-changed` when a tensor is not what it said, `float-range` for a number beyond f16.
 */
export async function* safetensorsPieces(
  tensors: readonly TensorToWrite[],
  { floats = 'f32', metadata = {} }: WriteOptions = {},
): AsyncGenerator<Uint8Array> {
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (names.has(name) || name === '__metadata__')
      throw new CheckpointError(
        'duplicate-name',
        `safetensors: names must differ, from each other and from __metadata__; got "${name}" again. Rename one.`,
        { tensor: name },
      );
    names.add(name);
  }
  let offset = 0;
  const entries = tensors.map((tensor) => {
    const begin = offset;
    offset += storedBytes(tensor, floats);
    return [
      tensor.name,
      { dtype: dtypeName(storageOf(tensor, floats)), shape: tensor.shape, data_offsets: [begin, offset] },
    ] as const;
  });
  const json = JSON.stringify({ __metadata__: { format: 'pt', ...metadata }, ...Object.fromEntries(entries) });
  // Padded with spaces so that the data begins at a multiple of eight bytes.
  const text = new TextEncoder().encode(json);
  const header = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(text, 8);
  yield header;
  for (const tensor of tensors) yield* tensorBytes(tensor, tensor.floats ?? floats);
}

async function* tensorBytes(tensor: TensorToWrite, floats: FloatStorage): AsyncGenerator<Uint8Array> {
  const count = elementCount(tensor.shape);
  let written = 0;
  for await (const data of tensor.pieces?.() ?? wholeTensor(tensor)) {
    const type = data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : 'u32';
    if (type !== tensor.dtype || written + data.length > count) throw changed(tensor, written + data.length, type);
    yield encodeElements(data, { tensor: tensor.name, first: written, floats });
    written += data.length;
  }
  if (written !== count) throw changed(tensor, written);
}

async function* wholeTensor(tensor: TensorToWrite): AsyncGenerator<TypedArray> {
  yield (await tensor.read()).data;
}

function changed({ name, dtype, shape }: TensorToWrite, count: number, type = dtype): CheckpointError {
  return new CheckpointError(
    'tensor-changed',
    `safetensors: tensor "${name}" was announced as ${dtype}${formatShape(shape)}; got ${count} elements of ${type}. The file would be damaged.`,
    { tensor: name },
  );
}

interface ElementsToWrite {
  readonly tensor: string;
  /** Number of the first element within its tensor. */
  readonly first: number;
  readonly floats: FloatStorage;
}

function encodeElements(data: TypedArray, { tensor, first, floats }: ElementsToWrite): Uint8Array {
  let stored: TypedArray | Uint16Array = data;
  if (data instanceof Float32Array && floats === 'bf16') stored = encodeBfloat16(data);
  if (data instanceof Float32Array && floats === 'f16') {
    checkHalfRange(tensor, data, first);
    stored = encodeFloat16(data);
  }
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

/** Numbers that are finite and would become infinite. */
function checkHalfRange(tensor: string, data: Float32Array, first: number): void {
  const at = data.findIndex((value) => Number.isFinite(value) && Math.abs(value) >= halfOverflow);
  if (at < 0) return;
  const element = first + at;
  throw new CheckpointError(
    'float-range',
    `safetensors: tensor "${tensor}" must fit f16, which ends at 65,504; got ${data[at]} at element ${element}. Store the model as bf16 or f32.`,
    { tensor, element, value: data[at] },
  );
}
