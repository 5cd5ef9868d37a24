// The cyclic redundancy check of zip archives: CRC-32 with the polynomial 0xEDB88320, bits reflected (ISO 3309; APPNOTE 4.4.7).
// Eight tables, so that eight bytes take eight independent look-ups instead of a chain of eight: `tables[k]` is the remainder of a
// byte that k more bytes follow (Kounavis and Berry, "A systematic approach to building high performance software-based CRC
// generators", 2005). Node's own function does not exist in Node 20 or in a browser.

const polynomial = 0xedb88320;

function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1;
    tables[byte] = rest;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256] ?? 0;
    tables[at] = (before >>> 8) ^ (tables[before & 0xff] ?? 0);
  }
  return tables;
}

const tables = makeTables();

/** The CRC-32 of the bytes, as an unsigned number; `before`: that of the bytes before them, to go on from. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const inEights = bytes.length - (bytes.length % 8);
  let crc = ~before;
  // Every index is masked or bounded by the loop; `as number` because a look-up per byte cannot afford a test.
  const of = (table: number, byte: number): number => tables[table * 256 + (byte & 0xff)] as number;
  for (let at = 0; at < inEights; at += 8) {
    const low = crc ^ view.getUint32(at, true);
    const high = view.getUint32(at + 4, true);
    crc =
      of(7, low) ^
      of(6, low >>> 8) ^
      of(5, low >>> 16) ^
      of(4, low >>> 24) ^
      of(3, high) ^
      of(2, high >>> 8) ^
      of(1, high >>> 16) ^
      of(0, high >>> 24);
  }
  for (let at = inEights; at < bytes.length; at++) crc = (crc >>> 8) ^ of(0, crc ^ view.getUint8(at));
  return ~crc >>> 0;
}
