// Writes the safetensors format piece by piece: header first, then one tensor at a time, so that memory holds one tensor.
import { CheckpointError } from '../errors.ts';
import { bytesPerElement, type TypedArray } from '../tensor/dtype.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { elementCount, formatShape, type Shape } from '../tensor/shape.ts';
import { floatToBfloat16, floatToFloat16 } from './half-floats.ts';
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
}

export interface WriteOptions {
  readonly floats?: FloatStorage;
  readonly metadata?: Readonly<Record<string, string>>;
}

function storageOf({ dtype }: TensorToWrite, floats: FloatStorage) {
  return dtype === 'f32' ? floats : dtype;
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
  for (const tensor of tensors) yield encodeTensor(tensor, await tensor.read(), floats);
}

function encodeTensor(tensor: TensorToWrite, { dtype, data }: HostTensor, floats: FloatStorage): Uint8Array {
  const { name } = tensor;
  if (dtype !== tensor.dtype || data.length !== elementCount(tensor.shape))
    throw new CheckpointError(
      'tensor-changed',
      `safetensors: tensor "${name}" was announced as ${tensor.dtype}${formatShape(tensor.shape)}; got ${data.length} elements of ${dtype}. The file would be damaged.`,
      { tensor: name },
    );
  if (floats === 'f16') checkHalfRange(name, data);
  if (dtype !== 'f32' || floats === 'f32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const convert = floats === 'f16' ? floatToFloat16 : floatToBfloat16;
  return new Uint8Array(Uint16Array.from(data, convert).buffer);
}

/** Numbers that are finite and would become infinite. */
function checkHalfRange(name: string, data: TypedArray): void {
  if (!(data instanceof Float32Array)) return;
  const element = data.findIndex((value) => Number.isFinite(value) && Math.abs(value) >= halfOverflow);
  if (element < 0) return;
  throw new CheckpointError(
    'float-range',
    `safetensors: tensor "${name}" must fit f16, which ends at 65,504; got ${data[element]} at element ${element}. Store the model as bf16 or f32.`,
    { tensor: name, element, value: data[element] },
  );
}
