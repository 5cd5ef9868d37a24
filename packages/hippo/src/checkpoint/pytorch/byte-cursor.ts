// Reads the arguments of pickle opcodes one after another, and refuses to read past the end.
import { refuse } from './refusal.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const newline = 0x0a;
const longestLine = 1024;

export class ByteCursor {
  readonly file: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array, file: string) {
    this.file = file;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  uint8(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  uint64(): number {
    return Number(this.#view.getBigUint64(this.#skip(8), true));
  }

  /** Big-endian, unlike everything else. */
  float64(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }

  bytes(length: number): Uint8Array {
    const begin = this.#skip(length);
    return this.#bytes.subarray(begin, begin + length);
  }

  text(length: number): string {
    return this.#decode(this.bytes(length));
  }

  /** Up to the next line feed, which is passed over. */
  line(): string {
    const end = this.#bytes.subarray(this.#at, this.#at + longestLine).indexOf(newline);
    if (end < 0) return refuse(this.file, 'pickle-text', `the name at byte ${this.#at} of data.pkl must end.`);
    const text = this.text(end);
    this.#skip(1);
    return text;
  }

  /** A whole number of any size, two's complement. */
  integer(length: number): number | bigint {
    const bytes = this.bytes(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
    const signed = BigInt.asIntN(length * 8, value);
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  #skip(length: number): number {
    const begin = this.#at;
    if (length > this.left)
      refuse(this.file, 'pickle-end', `${length} bytes are needed at byte ${begin} of data.pkl; got ${this.left}.`);
    this.#at += length;
    return begin;
  }

  #decode(bytes: Uint8Array): string {
    try {
      return decoder.decode(bytes);
    } catch {
      return refuse(this.file, 'pickle-text', `the text before byte ${this.#at} of data.pkl must be UTF-8.`);
    }
  }
}
