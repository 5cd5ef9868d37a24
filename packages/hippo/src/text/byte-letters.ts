// How `vocab.json`, `merges.txt` and `tokenizer.json` write bytes as letters (Radford et al. 2019, GPT-2): printable Latin-1 stands
// for itself, and the other bytes are U+0100, U+0101, … in order. A space is Ġ, a line break Ċ.

/** The letter of every byte. */
export const byteLetters: readonly string[] = lettersOfAllBytes();

const byteOfLetter: ReadonlyMap<string, number> = new Map(byteLetters.map((letter, byte) => [letter, byte]));

function lettersOfAllBytes(): string[] {
  const printable = (byte: number): boolean => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : 0x100 + others++));
}

/** The letters of these bytes. */
export function toLetters(bytes: Uint8Array): string {
  let letters = '';
  for (const byte of bytes) letters += byteLetters[byte] ?? '';
  return letters;
}

/** The bytes that these letters stand for; undefined where a character is no such letter. */
export function fromLetters(token: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (const letter of token) {
    const byte = byteOfLetter.get(letter);
    if (byte === undefined) return undefined;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
