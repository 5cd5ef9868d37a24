// Inputs that every contestant makes alike, in any language: 65,521 numbers of a linear congruential generator in [−1, 1),
// repeated. The period is prime, so that no row of a matrix looks like the next.

export const PERIOD = 65521;

/** x_{n+1} = (1664525·x_n + 1013904223) mod 2³², scaled. The programs in native/ have the same loop. */
export function fillNumbers(target: Float32Array, seed: number): Float32Array {
  let state = seed;
  const first = Math.min(PERIOD, target.length);
  for (let i = 0; i < first; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    target[i] = state / 2 ** 31 - 1;
  }
  for (let at = first; at < target.length; at += PERIOD) target.copyWithin(at, 0, Math.min(PERIOD, target.length - at));
  return target;
}

export const numbers = (count: number, seed: number): Float32Array<ArrayBuffer> => {
  const target = new Float32Array(count);
  fillNumbers(target, seed);
  return target;
};

/** Up to `count` places spread over `length`. */
export const places = (length: number, count = 500): readonly number[] =>
  Array.from({ length: Math.min(length, count) }, (_, i) => (i * 7919 * 31) % length);
