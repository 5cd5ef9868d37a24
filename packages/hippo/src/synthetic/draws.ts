// Whole numbers for the synthetic languages, one after another from Philox: word j of draw group i is philox([i, stream, 0, purpose]).
// A split of a data set is a stream of its own, so that the size of one does not move the other.
import { philox4x32 } from '../tensor/philox.ts';

/** A whole number from 0 to `below − 1`, uniform to within below·2⁻³². */
export type Draw = (below: number) => number;

/** The fourth word of every counter here, so that no other random number shares it. */
const purpose = 0x73796e74;

/** An endless sequence of draws; the same for the same seed and stream. */
export function openDraws({ seed, stream }: { readonly seed: number; readonly stream: number }): Draw {
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0] as const;
  let [group, word] = [0, 4];
  let words: readonly number[] = [];
  return (below) => {
    if (word === 4) {
      words = philox4x32([group, stream, 0, purpose], key);
      [group, word] = [group + 1, 0];
    }
    const bits = words[word] ?? 0;
    word += 1;
    return Math.floor((bits / 2 ** 32) * below);
  };
}
