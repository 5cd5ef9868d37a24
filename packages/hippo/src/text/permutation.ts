// A random order of 0 … size − 1 whose i-th element is computed alone, without a list: a Feistel network of four rounds over the
// smallest even number of bits that holds `size`, walked on until the result is in range again (Black and Rogaway 2002).
import { philox4x32 } from '../tensor/philox.ts';

export interface PermutationOptions {
  /** How many numbers are put in order, at most 2³². */
  readonly size: number;
  /** Which order. */
  readonly key: readonly [number, number];
  /** Another order for each. */
  readonly epoch: number;
}

const rounds = 4;
/** The fourth word of every counter here, so that no other random number shares it. */
const purpose = 0x7065726d;

/** Element `index` of the order; a different number below `size` for each index below `size`. */
export function permuted(index: number, { size, key, epoch }: PermutationOptions): number {
  if (size === 1) return 0;
  const halfBits = Math.ceil(Math.log2(size) / 2);
  const half = 2 ** halfBits;
  let at = index;
  do {
    let left = Math.floor(at / half);
    let right = at % half;
    for (let round = 0; round < rounds; round++) {
      const [noise] = philox4x32([right, round, epoch, purpose], key);
      [left, right] = [right, (left ^ noise) & (half - 1)];
      right >>>= 0;
    }
    at = left * half + right;
  } while (at >= size);
  return at;
}
