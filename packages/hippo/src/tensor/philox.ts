// Philox4x32-10, the counter-based random number generator of Salmon et al. (SC 2011): four words from a counter and a key,
// no state, so that every element of every draw can be computed alone, on any device and in any order.

type Words = [number, number, number, number];

/** What a draw depends on. Element 4i + j is word j of philox([i, stream, counter, 0], key). */
export interface PhiloxDraw {
  readonly key: readonly [number, number];
  readonly stream: number;
  readonly counter: number;
}

/** The upper word of the product of two words, by halves: no sum reaches 2³². */
function multiplyHigh(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = (Math.imul(aHigh, bLow) >>> 0) + (Math.imul(aLow, bLow) >>> 16);
  const cross = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) >>> 0;
}

/** Ten rounds on the counter in `words`, in place. */
function rounds(words: Uint32Array, key0: number, key1: number): void {
  let [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = [words[0], words[1], words[2], words[3]];
  let [k0, k1] = [key0 | 0, key1 | 0];
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low0 = Math.imul(0xd2511f53, c0);
    c0 = high1 ^ c1 ^ k0;
    c1 = Math.imul(0xcd9e8d57, c2);
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/** Ten rounds on a counter of four words with a key of two; all words unsigned or signed, the result unsigned. */
export function philox4x32(counter: readonly [number, number, number, number], key: readonly [number, number]): Words {
  const words = Uint32Array.from(counter, (word) => word >>> 0);
  rounds(words, key[0], key[1]);
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
  return [w0, w1, w2, w3];
}

/** Calls `fill` with each group's four words and the place of its first element. */
function draw(
  count: number,
  { key, stream, counter }: PhiloxDraw,
  fill: (words: Uint32Array, target: Float32Array, at: number) => void,
): Float32Array {
  const padded = new Float32Array(Math.ceil(count / 4) * 4);
  const words = new Uint32Array(4);
  for (let i = 0; i * 4 < count; i++) {
    words[0] = i;
    words[1] = stream;
    words[2] = counter;
    words[3] = 0;
    rounds(words, key[0], key[1]);
    fill(words, padded, i * 4);
  }
  return padded.length === count ? padded : padded.slice(0, count);
}

/** Uniform numbers on [0, 1): the upper 24 bits of a word times 2⁻²⁴. */
export function uniforms(count: number, options: PhiloxDraw): Float32Array {
  return draw(count, options, (words, target, at) => {
    for (let j = 0; j < 4; j++) target[at + j] = ((words[j] ?? 0) >>> 8) * 2 ** -24;
  });
}

/** Standard normal numbers by Box and Muller on pairs of words, the first of each pair mapped to (0, 1]. */
export function normals(count: number, options: PhiloxDraw): Float32Array {
  return draw(count, options, (words, target, at) => {
    for (let j = 0; j < 4; j += 2) {
      const radius = Math.sqrt(-2 * Math.log((((words[j] ?? 0) >>> 8) + 1) * 2 ** -24));
      const angle = 2 * Math.PI * ((words[j + 1] ?? 0) >>> 8) * 2 ** -24;
      target[at + j] = radius * Math.cos(angle);
      target[at + j + 1] = radius * Math.sin(angle);
    }
  });
}
