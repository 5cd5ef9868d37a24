// Philox4x32-10, the counter-based random number generator of Salmon et al. (SC 2011): four words from a counter and a key,
// no state, so that every element of every draw can be computed alone, on any device and in any order.

type Words = [number, number, number, number];

/** What a draw depends on. Element 4i + j is word j of philox([i, stream, counter, 0], key). */
export interface PhiloxDraw {
  readonly key: readonly [number, number];
  readonly stream: number;
  readonly counter: number;
}

function multiplyHigh(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const cross = aLow * bHigh + (middle % 65536);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0;
}

/** Ten rounds on a counter of four words with a key of two. */
export function philox4x32(counter: readonly [number, number, number, number], key: readonly [number, number]): Words {
  let [c0, c1, c2, c3] = counter.map((word) => word >>> 0) as Words;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = [multiplyHigh(0xd2511f53, c0), Math.imul(0xd2511f53, c0) >>> 0];
    const [high1, low1] = [multiplyHigh(0xcd9e8d57, c2), Math.imul(0xcd9e8d57, c2) >>> 0];
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

function draw(count: number, { key, stream, counter }: PhiloxDraw, fill: (words: Words, target: Float32Array, at: number) => void): Float32Array {
  const padded = new Float32Array(Math.ceil(count / 4) * 4);
  for (let i = 0; i * 4 < count; i++) fill(philox4x32([i, stream, counter, 0], key), padded, i * 4);
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
