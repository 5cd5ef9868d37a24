// Random weights for models whose size is what matters.
import type { Variable } from 'hippo';

/** Initial weights where they shape the arithmetic; for matrices small numbers that are made faster than normal ones. */
export function quickNumbers({ name, shape, initialize }: Variable) {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count < 1e5)
    return { shape, dtype: 'f32' as const, data: Float32Array.from(initialize({ name, shape, seed: 0 })) };
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * 0.035; // the standard deviation is 0.02
  };
  return { shape, dtype: 'f32' as const, data: new Float32Array(count).map(next) };
}
