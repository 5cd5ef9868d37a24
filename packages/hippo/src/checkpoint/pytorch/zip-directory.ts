// Where a zip archive's central directory stands: the end record, at the end of the file before a comment, and the zip64 record that
// its locator points to (APPNOTE 4.3.14 to 4.3.16). PyTorch always writes both.
import { type ByteSource, readExactly } from '../safetensors.ts';
import { refuse } from './refusal.ts';

export interface DirectoryPlace {
  readonly offset: number;
  readonly bytes: number;
  readonly entries: number;
}

export const mostEntries = 1_000_000;
const largestDirectory = 128 * 1024 * 1024;

const endBytes = 22;
const locatorBytes = 20;
const zip64EndBytes = 56;
const longestComment = 0xffff;

const endSignature = 0x06054b50;
const locatorSignature = 0x07064b50;
const zip64EndSignature = 0x06064b50;

/** Beyond 2⁵³ not exact, but then larger than any file. */
export function uint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

/** @throws CheckpointError `not-zip`, `zip-end`, `zip-size`. */
export async function findDirectory(source: ByteSource): Promise<DirectoryPlace> {
  const tailBytes = Math.min(source.size, endBytes + longestComment + locatorBytes);
  const tailOffset = source.size - tailBytes;
  const bytes = await readExactly(source, tailOffset, tailBytes);
  const tail = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = findEnd(tail);
  if (at === undefined)
    return refuse(
      source.name,
      'not-zip',
      'the file must be a zip archive, as torch.save writes since PyTorch 1.6, and end with its end record; got none.',
    );
  const end = parseEnd(source.name, tail, at);
  const locator = at - locatorBytes;
  if (locator < 0 || tail.getUint32(locator, true) !== locatorSignature) {
    if (end.entries === 0xffff || end.bytes === 0xffffffff || end.offset === 0xffffffff)
      refuse(source.name, 'zip-end', 'an end record that is full must have a zip64 record before it; got none.');
    return checked(source.name, end, tailOffset + at);
  }
  const zip64Offset = uint64(tail, locator + 8);
  const zip64 = await readZip64End(source, zip64Offset, tailOffset + locator);
  const same = (small: number, large: number, full: number) => small === full || small === large;
  if (
    !same(end.entries, zip64.entries, 0xffff) ||
    !same(end.bytes, zip64.bytes, 0xffffffff) ||
    !same(end.offset, zip64.offset, 0xffffffff)
  )
    refuse(source.name, 'zip-end', 'the end record and the zip64 record must agree; got two different directories.');
  return checked(source.name, zip64, zip64Offset);
}

/** The last end record whose comment ends with the file. */
function findEnd(tail: DataView): number | undefined {
  for (let at = tail.byteLength - endBytes; at >= 0; at--) {
    if (tail.getUint32(at, true) !== endSignature) continue;
    if (at + endBytes + tail.getUint16(at + 20, true) === tail.byteLength) return at;
  }
  return undefined;
}

function parseEnd(file: string, tail: DataView, at: number): DirectoryPlace {
  const entries = tail.getUint16(at + 10, true);
  if (
    tail.getUint16(at + 4, true) !== 0 ||
    tail.getUint16(at + 6, true) !== 0 ||
    tail.getUint16(at + 8, true) !== entries
  )
    refuse(file, 'zip-end', 'the archive must be one file; the end record tells of several.');
  return { entries, bytes: tail.getUint32(at + 12, true), offset: tail.getUint32(at + 16, true) };
}

async function readZip64End(source: ByteSource, offset: number, limit: number): Promise<DirectoryPlace> {
  if (offset + zip64EndBytes > limit)
    refuse(source.name, 'zip-end', `the zip64 record must stand before its locator at ${limit}; got ${offset}.`);
  const bytes = await readExactly(source, offset, zip64EndBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = uint64(view, 32);
  if (view.getUint32(0, true) !== zip64EndSignature || uint64(view, 24) !== entries)
    refuse(source.name, 'zip-end', `there must be a zip64 record at ${offset}, of an archive in one file; got none.`);
  if (view.getUint32(16, true) !== 0 || view.getUint32(20, true) !== 0)
    refuse(source.name, 'zip-end', 'the archive must be one file; the zip64 record tells of several.');
  return { entries, bytes: uint64(view, 40), offset: uint64(view, 48) };
}

function checked(file: string, place: DirectoryPlace, limit: number): DirectoryPlace {
  const { offset, bytes, entries } = place;
  if (entries > mostEntries || bytes > largestDirectory)
    refuse(
      file,
      'zip-size',
      `a directory may have ${mostEntries} entries and ${largestDirectory} bytes; got ${entries} and ${bytes}.`,
    );
  if (offset + bytes > limit)
    refuse(file, 'zip-end', `the directory must end before its end record at ${limit}; got ${offset} + ${bytes}.`);
  return place;
}
