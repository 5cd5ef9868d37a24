// Writes pickles for the tests of their reader: each function gives the opcodes that put one value on the stack (protocol 2, without
// memo), and `checkpoint` the archive that torch.save would make of them.
import { fields, joined, joinedAll, type ZipOptions, type ZipPart, zip } from './zip-writer.test-support.ts';

export type Opcodes = Uint8Array;

const encoder = new TextEncoder();
const op = (...codes: readonly number[]): Opcodes => Uint8Array.from(codes);

export const none = op(0x4e);
export const no = op(0x89);
export const yes = op(0x88);
export const mark = op(0x28);

export function int(value: number): Opcodes {
  return joined(op(0x4a), fields([4, value >>> 0]));
}

/** LONG1 of eight bytes. */
export function long(value: bigint): Opcodes {
  return joined(op(0x8a, 8), new Uint8Array(BigInt64Array.of(value).buffer));
}

export function float(value: number): Opcodes {
  const bytes = new Uint8Array(9);
  bytes[0] = 0x47;
  new DataView(bytes.buffer).setFloat64(1, value);
  return bytes;
}

export function text(value: string): Opcodes {
  const bytes = encoder.encode(value);
  return joined(op(0x58), fields([4, bytes.length]), bytes);
}

export function tuple(...items: readonly Opcodes[]): Opcodes {
  return joined(mark, ...items, op(0x74));
}

export function list(...items: readonly Opcodes[]): Opcodes {
  return joined(op(0x5d), mark, ...items, op(0x65));
}

function setItems(items: readonly (readonly [Opcodes | string, Opcodes])[]): Opcodes {
  const pairs = items.flatMap(([key, value]) => [typeof key === 'string' ? text(key) : key, value]);
  return joinedAll([mark, ...pairs, op(0x75)]);
}

export function dict(...items: readonly (readonly [Opcodes | string, Opcodes])[]): Opcodes {
  return joined(op(0x7d), setItems(items));
}

export function global(module: string, name: string): Opcodes {
  return joined(op(0x63), encoder.encode(`${module}\n${name}\n`));
}

export function reduce(callable: Opcodes, ...args: readonly Opcodes[]): Opcodes {
  return joined(callable, tuple(...args), op(0x52));
}

export function orderedDict(...items: readonly (readonly [Opcodes | string, Opcodes])[]): Opcodes {
  return joined(reduce(global('collections', 'OrderedDict')), setItems(items));
}

export function build(object: Opcodes, state: Opcodes): Opcodes {
  return joined(object, state, op(0x62));
}

export function namespace(...items: readonly (readonly [string, Opcodes])[]): Opcodes {
  return build(joined(global('argparse', 'Namespace'), op(0x29, 0x81)), dict(...items));
}

export interface StorageToName {
  readonly key: string;
  /** Of the module `torch`: `FloatStorage`. */
  readonly type?: string;
  readonly elements: number;
}

export function storage({ key, type = 'FloatStorage', elements }: StorageToName): Opcodes {
  return joined(tuple(text('storage'), global('torch', type), text(key), text('cpu'), int(elements)), op(0x51));
}

export interface ViewToName {
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
}

const rowMajor = (shape: readonly number[]) => shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));

export function tensorOf(of: StorageToName, { shape, strides = rowMajor(shape), offset = 0 }: ViewToName): Opcodes {
  return reduce(
    global('torch._utils', '_rebuild_tensor_v2'),
    storage(of),
    int(offset),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    no,
    orderedDict(),
  );
}

export function pickle(value: Opcodes, protocol = 2): Uint8Array {
  return joined(op(0x80, protocol), value, op(0x2e));
}

export type Storages = Readonly<Record<string, ArrayBufferView>>;

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => new Uint8Array(buffer, byteOffset, byteLength);

/** The entries that torch.save writes. */
export function checkpointParts(value: Opcodes, storages: Storages = {}, folder = 'archive'): ZipPart[] {
  return [
    { name: `${folder}/data.pkl`, data: pickle(value) },
    { name: `${folder}/byteorder`, data: encoder.encode('little') },
    ...Object.entries(storages).map(([key, data]) => ({ name: `${folder}/data/${key}`, data: bytesOf(data) })),
    { name: `${folder}/version`, data: encoder.encode('3\n') },
  ];
}

export const asTorchWrites: ZipOptions = { alignment: 64, descriptors: true, zip64End: true };

export function checkpoint(value: Opcodes, storages: Storages = {}): Uint8Array {
  return zip(checkpointParts(value, storages), asTorchWrites);
}
