// The header of a safetensors file: u64 little-endian length, then JSON of name → dtype, shape, data_offsets (relative to the end
// of the header), then bytes. Everything a damaged or hostile file could get wrong is checked before a tensor is read.
import { CheckpointError } from '../errors.ts';
import { bytesPerElement, type StorageDType } from '../tensor/dtype.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import { duplicateKey } from './duplicate-key.ts';

export interface TensorEntry {
  readonly name: string;
  readonly dtype: StorageDType;
  readonly shape: Shape;
  /** From the beginning of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Headers larger than this are refused, as in the format's own reader. */
export const largestHeader = 100 * 1024 * 1024;

const dtypes: Readonly<Record<string, StorageDType>> = {
  F64: 'f64',
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  I64: 'i64',
  I32: 'i32',
  I16: 'i16',
  I8: 'i8',
  U32: 'u32',
  U8: 'u8',
  BOOL: 'bool',
};

export function dtypeName(dtype: StorageDType): string {
  return dtype.toUpperCase();
}

function refuse(file: string, code: string, rule: string): never {
  throw new CheckpointError(
    code,
    `${file}: ${rule} The file is damaged or not a safetensors file; copy or download it again.`,
    { file },
  );
}

/** The header's length, from the first eight bytes. */
export function headerLength(file: string, first: Uint8Array, fileSize: number): number {
  if (first.length < 8)
    refuse(file, 'truncated', `a safetensors file begins with 8 bytes of header length; got ${first.length} bytes.`);
  const length = Number(new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true));
  if (length > largestHeader || length + 8 > fileSize)
    refuse(
      file,
      'header-length',
      `the header must fit the file of ${fileSize} bytes and be at most ${largestHeader}; got a length of ${length}.`,
    );
  return length;
}

/** @throws CheckpointError with a code for each rule of the format that the header breaks. */
export function parseHeader(file: string, bytes: Uint8Array, fileSize: number): SafetensorsHeader {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (error) {
    return refuse(file, 'header-json', `the header must be JSON in UTF-8; got ${(error as Error).message}.`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return refuse(file, 'header-json', 'the header must be a JSON object.');
  const twice = duplicateKey(text);
  if (twice !== undefined)
    refuse(file, 'duplicate-key', `no name may stand in the header twice; got ${JSON.stringify(twice)}.`);
  const dataStart = 8 + bytes.length;
  const tensors = new Map<string, TensorEntry>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') metadata = parseMetadata(file, value);
    else tensors.set(name, parseEntry(file, { name, value, dataStart, dataBytes: fileSize - dataStart }));
  }
  checkLayout(file, [...tensors.values()], { dataStart, fileSize });
  return { tensors, metadata };
}

function parseMetadata(file: string, value: unknown): Record<string, string> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    entries.some(([, text]) => typeof text !== 'string')
  )
    refuse(file, 'metadata', '__metadata__ must map names to texts.');
  return Object.fromEntries(entries) as Record<string, string>;
}

function parseEntry(
  file: string,
  { name, value, dataStart, dataBytes }: { name: string; value: unknown; dataStart: number; dataBytes: number },
): TensorEntry {
  const fail = (code: string, rule: string): never => refuse(file, code, `tensor "${name}": ${rule}`);
  const entry = (typeof value === 'object' && value !== null ? value : {}) as {
    dtype?: unknown;
    shape?: unknown;
    data_offsets?: unknown;
  };
  const dtype = typeof entry.dtype === 'string' && Object.hasOwn(dtypes, entry.dtype) ? dtypes[entry.dtype] : undefined;
  if (!dtype)
    return fail(
      'dtype',
      `the dtype must be one of ${Object.keys(dtypes).join(', ')}; got ${JSON.stringify(entry.dtype)}.`,
    );
  const { shape, data_offsets: offsets } = entry;
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    return fail('shape', `the shape must be a list of whole numbers; got ${JSON.stringify(shape)}.`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every((at) => Number.isSafeInteger(at) && at >= 0))
    return fail('offsets', `data_offsets must be two whole numbers; got ${JSON.stringify(offsets)}.`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes)
    return fail(
      'offsets',
      `data_offsets must lie in order inside the ${dataBytes} bytes of data; got [${begin}, ${end}].`,
    );
  const needed = elementCount(shape as number[]) * bytesPerElement(dtype);
  if (needed !== end - begin)
    return fail(
      'size',
      `${entry.dtype} of shape [${shape.join(', ')}] takes ${needed} bytes; its data_offsets hold ${end - begin}.`,
    );
  return { name, dtype, shape: shape as number[], offset: dataStart + begin, bytes: needed };
}

/** Tensors must cover the data without overlaps or holes. */
function checkLayout(
  file: string,
  tensors: readonly TensorEntry[],
  { dataStart, fileSize }: { dataStart: number; fileSize: number },
): void {
  let end = dataStart;
  let before = 'the header';
  for (const { name, offset, bytes } of [...tensors].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (offset < end) refuse(file, 'overlap', `tensor "${name}" overlaps "${before}".`);
    if (offset > end)
      refuse(file, 'hole', `${offset - end} bytes between "${before}" and "${name}" belong to no tensor.`);
    end = offset + bytes;
    before = name;
  }
  if (end !== fileSize)
    refuse(file, end < fileSize ? 'hole' : 'truncated', `the tensors end at byte ${end} and the file at ${fileSize}.`);
}
