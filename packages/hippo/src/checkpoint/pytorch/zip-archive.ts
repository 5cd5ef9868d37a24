// Reads zip archives by range, as far as torch.save writes them: stored entries only, so that nothing can grow when it is read.
// The central directory is checked whole when the archive is opened; an entry's own header when the entry is read (APPNOTE 4.3.7,
// 4.3.12, 4.5.3). No entry may touch another one or the directory.
import { type ByteSource, readExactly } from '../safetensors.ts';
import { crc32 } from './crc32.ts';
import { refuse } from './refusal.ts';
import { type DirectoryPlace, findDirectory, uint64 } from './zip-directory.ts';

export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
  readonly crc32: number;
  /** Where the entry's own header stands. */
  readonly offset: number;
  /** Of the name as it stands in the file. */
  readonly nameBytes: Uint8Array;
  /** Where the next entry or the directory begins. */
  readonly limit: number;
}

const directorySignature = 0x02014b50;
const directoryHeaderBytes = 46;
const localSignature = 0x04034b50;
const localHeaderBytes = 30;
const zip64Field = 1;
const full = 0xffffffff;

/** Encrypted, a patch, strongly encrypted, or with a masked header. */
const refusedFlags = 0x0001 | 0x0020 | 0x0040 | 0x2000;
/** The sizes follow the data, as in whatever is written to a stream. */
const descriptorFlag = 0x0008;

/**
 * The entries of an archive by name.
 * @throws CheckpointError `not-zip`, `zip-end`, `zip-size`, `zip-directory`, `compressed-entry`, `encrypted-entry`, `entry-size`,
 * `duplicate-entry`, `entry-outside`, `entry-overlap`.
 */
export async function readZipEntries(source: ByteSource): Promise<ReadonlyMap<string, ZipEntry>> {
  const place = await findDirectory(source);
  const directory = await readExactly(source, place.offset, place.bytes);
  const entries = parseDirectory(source.name, directory, place.entries);
  return new Map(limited(source.name, entries, place).map((entry) => [entry.name, entry]));
}

type Unlimited = Omit<ZipEntry, 'limit'>;

function parseDirectory(file: string, bytes: Uint8Array, count: number): Unlimited[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Unlimited[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + directoryHeaderBytes > bytes.length || view.getUint32(at, true) !== directorySignature)
      refuse(file, 'zip-directory', `the directory must hold ${count} entries; entry ${index} is not there.`);
    const nameEnd = at + directoryHeaderBytes + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const end = extraEnd + view.getUint16(at + 32, true);
    if (end > bytes.length) refuse(file, 'zip-directory', `entry ${index} must end inside the directory.`);
    const nameBytes = bytes.subarray(at + directoryHeaderBytes, nameEnd);
    const header = new DataView(bytes.buffer, bytes.byteOffset + at, directoryHeaderBytes);
    const extra = new DataView(bytes.buffer, bytes.byteOffset + nameEnd, extraEnd - nameEnd);
    entries.push(parseEntry(file, { nameBytes, header, extra }));
    at = end;
  }
  if (at !== bytes.length)
    refuse(file, 'zip-directory', `the directory's ${count} entries take ${at} bytes; it has ${bytes.length}.`);
  return entries;
}

function parseEntry(
  file: string,
  { nameBytes, header, extra }: { nameBytes: Uint8Array; header: DataView; extra: DataView },
): Unlimited {
  const name = decodeName(file, nameBytes);
  if (header.getUint16(8, true) & refusedFlags)
    refuse(file, 'encrypted-entry', `entry "${name}" must be plain; it is encrypted or a patch.`);
  const method = header.getUint16(10, true);
  if (method !== 0)
    refuse(
      file,
      'compressed-entry',
      `entry "${name}" must be stored as it is, as torch.save does; it is compressed (method ${method}).`,
      'Unpack the archive and pack it again without compression (zip -0), or save it again with torch.save.',
    );
  const { stored, bytes, offset, disk } = placeOf(file, name, header, extra);
  if (stored !== bytes)
    refuse(file, 'entry-size', `entry "${name}" is stored, so its two sizes must agree; got ${stored} and ${bytes}.`);
  if (disk !== 0) refuse(file, 'entry-outside', `entry "${name}" must be in this file; got part ${disk}.`);
  return { name, nameBytes, bytes, offset, crc32: header.getUint32(16, true) };
}

function decodeName(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuse(file, 'zip-directory', 'the names of entries must be UTF-8.');
  }
}

/** Sizes and places that do not fit 32 bits stand in the zip64 field, in this order, each only if its short form is full. */
function placeOf(file: string, name: string, header: DataView, extra: DataView) {
  const short = {
    bytes: header.getUint32(24, true),
    stored: header.getUint32(20, true),
    offset: header.getUint32(42, true),
  };
  const disk = header.getUint16(34, true);
  const { bytes, stored, offset } = short;
  if (bytes !== full && stored !== full && offset !== full) return { ...short, disk };
  const field = findField(extra, zip64Field);
  let at = 0;
  const long = (value: number): number => {
    if (value !== full) return value;
    at += 8;
    if (!field || at > field.byteLength)
      return refuse(file, 'zip-directory', `entry "${name}" must have a zip64 field with the sizes that are full.`);
    return uint64(field, at - 8);
  };
  return { bytes: long(bytes), stored: long(stored), offset: long(offset), disk };
}

function findField(extra: DataView, id: number): DataView | undefined {
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(at + 2, true);
    if (at + 4 + length > extra.byteLength) return undefined;
    if (extra.getUint16(at, true) === id) return new DataView(extra.buffer, extra.byteOffset + at + 4, length);
    at += 4 + length;
  }
  return undefined;
}

/** Each entry with the place where the next one begins, before which it must end. */
function limited(file: string, entries: readonly Unlimited[], { offset: directory }: DirectoryPlace): ZipEntry[] {
  const names = new Set<string>();
  for (const { name } of entries) {
    if (names.has(name)) refuse(file, 'duplicate-entry', `no name may stand in the directory twice; got "${name}".`);
    names.add(name);
  }
  const sorted = [...entries].sort((a, b) => a.offset - b.offset);
  return sorted.map((entry, index) => {
    const next = sorted[index + 1];
    const limit = next?.offset ?? directory;
    const end = leastEnd(entry);
    if (end > directory)
      refuse(file, 'entry-outside', `entry "${entry.name}" must end before the directory at ${directory}; got ${end}.`);
    if (next && end > limit) refuse(file, 'entry-overlap', `entry "${entry.name}" overlaps "${next.name}".`);
    return { ...entry, limit };
  });
}

/** Where an entry ends if its own header has no extra fields. */
function leastEnd({ offset, nameBytes, bytes }: Unlimited): number {
  return offset + localHeaderBytes + nameBytes.length + bytes;
}

/**
 * Bytes of an entry: all of them, whose checksum is then checked, or a range.
 * @throws CheckpointError `entry-header`, `entry-overlap`, `checksum`, `truncated`.
 */
export async function readZipEntry(
  source: ByteSource,
  entry: ZipEntry,
  { begin, length }: { readonly begin: number; readonly length: number } = { begin: 0, length: entry.bytes },
): Promise<Uint8Array> {
  const start = await dataOffset(source, entry);
  const bytes = await readExactly(source, start + begin, length);
  if (length === entry.bytes) checkChecksum(source.name, entry, crc32(bytes));
  return bytes;
}

function checkChecksum(file: string, entry: ZipEntry, found: number): void {
  if (found !== entry.crc32)
    refuse(
      file,
      'checksum',
      `entry "${entry.name}" must have the checksum ${hexadecimal(entry.crc32)} (CRC-32); got ${hexadecimal(found)}.`,
      'The file is damaged; copy or download it again. If it was saved after torch.serialization.set_crc32_options(False), save it again without that.',
    );
}

/**
 * Reads ranges of entries; one that is read from its beginning to its end without a gap is checked against its checksum with its
 * last range, so that a tensor too large to be held at once is checked like any other.
 * @throws CheckpointError as `readZipEntry`.
 */
export function rangeReader(
  source: ByteSource,
): (entry: ZipEntry, range: { readonly begin: number; readonly length: number }) => Promise<Uint8Array> {
  const running = new Map<string, { readonly next: number; readonly crc: number }>();
  return async (entry, range) => {
    const bytes = await readZipEntry(source, entry, range);
    if (range.length === entry.bytes) return bytes;
    const before = range.begin === 0 ? { next: 0, crc: 0 } : running.get(entry.name);
    if (before?.next !== range.begin) return bytes;
    const [next, crc] = [range.begin + range.length, crc32(bytes, before.crc)];
    running.set(entry.name, { next, crc });
    if (next === entry.bytes) checkChecksum(source.name, entry, crc);
    return bytes;
  };
}

function hexadecimal(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** Where an entry's data begins: after its own header, whose extra fields pad the data to 64 bytes in PyTorch's archives. */
async function dataOffset(source: ByteSource, entry: ZipEntry): Promise<number> {
  const { name, nameBytes, offset, bytes, limit } = entry;
  const header = await readExactly(source, offset, localHeaderBytes + nameBytes.length);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const local = header.subarray(localHeaderBytes);
  const flags = view.getUint16(6, true);
  const sizes = [view.getUint32(18, true), view.getUint32(22, true)];
  const sizesAgree = sizes.every((size) => size === bytes || size === full || (size === 0 && flags & descriptorFlag));
  if (
    view.getUint32(0, true) !== localSignature ||
    flags & refusedFlags ||
    view.getUint16(8, true) !== 0 ||
    view.getUint16(26, true) !== nameBytes.length ||
    local.some((byte, index) => byte !== nameBytes[index]) ||
    !sizesAgree
  )
    refuse(source.name, 'entry-header', `entry "${name}" must begin with the header that the directory tells of.`);
  const start = offset + header.length + view.getUint16(28, true);
  if (start + bytes > limit)
    refuse(source.name, 'entry-overlap', `entry "${name}" must end before ${limit}; got ${start + bytes}.`);
  return start;
}
