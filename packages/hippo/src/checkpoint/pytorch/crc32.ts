// The cyclic redundancy check of zip archives: CRC-32 with the polynomial 0xEDB88320, bits reflected (ISO 3309; APPNOTE 4.4.7).
// Eight tables, so that eight bytes take eight look-ups that do not wait for each other: table k has the remainder of each byte that k
// more bytes follow (Kounavis and Berry, "A systematic approach to building high performance software-based CRC generators", 2005).
// Words and one array of all tables are 2.8 times as fast as a byte at a time; behind a DataView, or with a function for the look-up,
// 1.25 times. Node's own function does not exist in Node 20 or in a browser.

const polynomial = 0xedb88320;
const tableSize = 256;

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * tableSize);
  for (let byte = 0; byte < tableSize; byte++) {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1;
    tables[byte] = rest;
  }
  for (let at = tableSize; at < tables.length; at++) {
    const before = tables[at - tableSize] ?? 0;
    tables[at] = (before >>> 8) ^ (tables[before & 0xff] ?? 0);
  }
  return tables;
}

const tables = makeTables();

/** The CRC-32 of the bytes, as an unsigned number; `before`: that of the bytes before them, to go on from. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const { buffer, byteOffset, length } = bytes;
  const aligned = Math.min((4 - (byteOffset % 4)) % 4, length);
  const words = Math.floor((length - aligned) / 8) * 2;
  const begin = byteByByte(~before, bytes, 0, aligned);
  const middle = words === 0 ? begin : wordPairs(begin, new Int32Array(buffer, byteOffset + aligned, words));
  return ~byteByByte(middle, bytes, aligned + 4 * words, length) >>> 0;
}

// Below, `as number` because every index is masked, or bounded by the loop: a test for each look-up would cost as much as the look-up.

function byteByByte(crc: number, bytes: Uint8Array, begin: number, end: number): number {
  let rest = crc;
  for (let at = begin; at < end; at++) rest = (rest >>> 8) ^ (tables[(rest ^ (bytes[at] as number)) & 0xff] as number);
  return rest;
}

/** Words as little-endian hosts read them, which all hosts of WebAssembly are. */
function wordPairs(crc: number, words: Int32Array): number {
  let rest = crc;
  for (let at = 0; at < words.length; at += 2) {
    const low = rest ^ (words[at] as number);
    const high = words[at + 1] as number;
    rest =
      (tables[7 * tableSize + (low & 0xff)] as number) ^
      (tables[6 * tableSize + ((low >>> 8) & 0xff)] as number) ^
      (tables[5 * tableSize + ((low >>> 16) & 0xff)] as number) ^
      (tables[4 * tableSize + (low >>> 24)] as number) ^
      (tables[3 * tableSize + (high & 0xff)] as number) ^
      (tables[2 * tableSize + ((high >>> 8) & 0xff)] as number) ^
      (tables[tableSize + ((high >>> 16) & 0xff)] as number) ^
      (tables[high >>> 24] as number);
  }
  return rest;
}
