// Rotary position embedding (Su et al., arXiv 2104.09864) on the first `dim` entries of each head, in the layout of GPT-NeoX: entry
// i pairs with entry i + dim/2, and the pair turns by position·base^(−2i/dim). The rest of the head passes unchanged.
import type { Value } from '../graph/value.ts';
import { add, concat, constant, gatherRows, mul, sliceAxis, sub } from '../ops/index.ts';

export interface RotaryTables {
  /** [..., positions, dim/2] */
  readonly cos: Value;
  readonly sin: Value;
}

export interface RotaryOptions {
  readonly dim: number;
  readonly base: number;
  /** How many positions to tabulate, from 0 on. */
  readonly positions: number;
}

/** Cosines and sines of every angle, worked out in float64 while tracing: f32 products lose 1e-4 rad at position 2,000. */
export function rotaryTables({ dim, base, positions }: RotaryOptions): RotaryTables {
  const half = dim / 2;
  const angles = Array.from({ length: positions * half }, (_, at) => {
    const pair = at % half;
    return ((at - pair) / half) * base ** ((-2 * pair) / dim);
  });
  const shape = [positions, half];
  return { cos: constant(angles.map(Math.cos), shape), sin: constant(angles.map(Math.sin), shape) };
}

/** The rows of the tables at these positions (i32 [...]): [..., dim/2]. */
export function rotaryRows(tables: RotaryTables, positions: Value): RotaryTables {
  return { cos: gatherRows(tables.cos, positions), sin: gatherRows(tables.sin, positions) };
}

/** Turns x [..., length, headDim] by tables of `length` rows, which may have axes before that meet those of x. */
export function applyRotary(x: Value, { cos, sin }: RotaryTables): Value {
  const half = cos.shape[cos.shape.length - 1] ?? 0;
  const headDim = x.shape[x.shape.length - 1] ?? 0;
  const [first, second] = [sliceAxis(x, -1, 0, half), sliceAxis(x, -1, half, 2 * half)];
  const turned = [sub(mul(first, cos), mul(second, sin)), add(mul(second, cos), mul(first, sin))];
  return concat(headDim > 2 * half ? [...turned, sliceAxis(x, -1, 2 * half, headDim)] : turned, -1);
}
