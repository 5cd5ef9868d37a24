// Writes the safetensors format piece by piece: header first, then one tensor at a time, so that memory holds one tensor.
import { bytesPerElement } from '../tensor/dtype.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import { floatToBfloat16, floatToFloat16 } from './half-floats.ts';
import { dtypeName } from './safetensors-header.ts';

/** How floats are stored; integers stay as they are. */
export type FloatStorage = 'f32' | 'f16' | 'bf16';

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

/** The file's bytes, in order: the header, then each tensor. */
export async function* safetensorsPieces(
  tensors: readonly TensorToWrite[],
  { floats = 'f32', metadata = {} }: WriteOptions = {},
): AsyncGenerator<Uint8Array> {
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
  for (const tensor of tensors) yield encodeTensor(await tensor.read(), floats);
}

function encodeTensor({ dtype, data }: HostTensor, floats: FloatStorage): Uint8Array {
  if (dtype !== 'f32' || floats === 'f32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const convert = floats === 'f16' ? floatToFloat16 : floatToBfloat16;
  return new Uint8Array(Uint16Array.from(data, convert).buffer);
}
