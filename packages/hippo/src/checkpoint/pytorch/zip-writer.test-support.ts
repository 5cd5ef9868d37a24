// Writes zip archives for the tests of their reader: as torch.save writes them, and with any field wrong.
import { crc32 } from './crc32.ts';

export interface ZipPart {
  readonly name: string;
  readonly data: Uint8Array;
  /** What the directory says where it is not the truth. */
  readonly directory?: Partial<ZipFields>;
  /** What the entry's own header says where it is not the truth. */
  readonly local?: Partial<ZipFields>;
}

interface ZipFields {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc32: number;
  readonly stored: number;
  readonly bytes: number;
  readonly offset: number;
  readonly disk: number;
  readonly extra: Uint8Array;
}

export interface ZipOptions {
  /** Pads each entry's data to this many bytes, as torch.save does with 64. */
  readonly alignment?: number;
  /** Sizes after the data, as torch.save writes them. */
  readonly descriptors?: boolean;
  /** Sizes and places in zip64 fields, as in files above 4 GiB. */
  readonly zip64?: boolean;
  /** The zip64 end record, which torch.save always writes. */
  readonly zip64End?: boolean;
  readonly comment?: string;
  readonly before?: Uint8Array;
}

const encoder = new TextEncoder();
const full = 0xffffffff;

/** `[size in bytes, value]` in a row, little-endian. */
export function fields(...values: readonly (readonly [1 | 2 | 4 | 8, number])[]): Uint8Array {
  const bytes = new Uint8Array(values.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of values) {
    if (size === 8) view.setBigUint64(at, BigInt(value), true);
    else if (size === 4) view.setUint32(at, value, true);
    else if (size === 2) view.setUint16(at, value, true);
    else view.setUint8(at, value);
    at += size;
  }
  return bytes;
}

export function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  return joinedAll(pieces);
}

export function joinedAll(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function localHeader(part: ZipPart, offset: number, { alignment = 1, descriptors = false, zip64 = false }: ZipOptions) {
  const { length } = part.data;
  const name = encoder.encode(part.local?.name ?? part.name);
  const flags = part.local?.flags ?? (descriptors ? 0x0808 : 0x0800);
  const short = descriptors ? 0 : zip64 ? full : length;
  const sizes = zip64 && !descriptors ? fields([2, 1], [2, 16], [8, length], [8, length]) : new Uint8Array(0);
  const begin = offset + 30 + name.length + sizes.length + 4;
  const padding = alignment > 1 ? (alignment - (begin % alignment)) % alignment : 0;
  const aligned =
    alignment > 1 ? joined(fields([2, 0x4246], [2, padding]), new Uint8Array(padding).fill(0x5a)) : new Uint8Array(0);
  const extra = part.local?.extra ?? joined(sizes, aligned);
  const checksum = part.local?.crc32 ?? (descriptors ? 0 : crc32(part.data));
  const head = fields([4, 0x04034b50], [2, 0], [2, flags], [2, part.local?.method ?? 0], [4, 0], [4, checksum]);
  const rest = fields(
    [4, part.local?.stored ?? short],
    [4, part.local?.bytes ?? short],
    [2, name.length],
    [2, extra.length],
  );
  return joined(head, rest, name, extra);
}

function directoryHeader(part: ZipPart, at: number, { descriptors = false, zip64 = false }: ZipOptions): Uint8Array {
  const length = part.data.length;
  const name = encoder.encode(part.directory?.name ?? part.name);
  const extra =
    part.directory?.extra ?? (zip64 ? fields([2, 1], [2, 24], [8, length], [8, length], [8, at]) : new Uint8Array(0));
  const head = fields([4, 0x02014b50], [2, 0], [2, 0], [2, part.directory?.flags ?? (descriptors ? 0x0808 : 0x0800)]);
  const method = fields([2, part.directory?.method ?? 0], [4, 0], [4, part.directory?.crc32 ?? crc32(part.data)]);
  const sizes = fields(
    [4, part.directory?.stored ?? (zip64 ? full : length)],
    [4, part.directory?.bytes ?? (zip64 ? full : length)],
  );
  const lengths = fields([2, name.length], [2, extra.length], [2, 0]);
  const place = fields(
    [2, part.directory?.disk ?? 0],
    [2, 0],
    [4, 0],
    [4, part.directory?.offset ?? (zip64 ? full : at)],
  );
  return joined(head, method, sizes, lengths, place, name, extra);
}

/** The bytes of an archive with these entries. */
export function zip(parts: readonly ZipPart[], options: ZipOptions = {}): Uint8Array {
  const pieces: Uint8Array[] = [options.before ?? new Uint8Array(0)];
  const headers: Uint8Array[] = [];
  let at = pieces[0]?.length ?? 0;
  const add = (piece: Uint8Array) => {
    pieces.push(piece);
    at += piece.length;
  };
  for (const part of parts) {
    headers.push(directoryHeader(part, at, options));
    add(localHeader(part, at, options));
    add(part.data);
    const { length } = part.data;
    const size = options.zip64 ? 8 : 4;
    if (options.descriptors) add(fields([4, 0x08074b50], [4, crc32(part.data)], [size, length], [size, length]));
  }
  const offset = at;
  for (const header of headers) add(header);
  const bytes = at - offset;
  const count = parts.length;
  const large = options.zip64 ?? false;
  if (large || options.zip64End) {
    const end = at;
    add(fields([4, 0x06064b50], [8, 44], [2, 0x031e], [2, 0x002d], [4, 0], [4, 0]));
    add(fields([8, count], [8, count], [8, bytes], [8, offset]));
    add(fields([4, 0x07064b50], [4, 0], [8, end], [4, 1]));
  }
  const comment = encoder.encode(options.comment ?? '');
  add(fields([4, 0x06054b50], [2, 0], [2, 0], [2, large ? 0xffff : count], [2, large ? 0xffff : count]));
  add(fields([4, large ? full : bytes], [4, large ? full : offset], [2, comment.length]));
  add(comment);
  return joinedAll(pieces);
}
