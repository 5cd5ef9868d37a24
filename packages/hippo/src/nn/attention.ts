// Causal multi-head attention with biases, softmax(q·kᵀ/√headDim)·v, optional rotary positions and dropout on the weights
// (paper.md 1.7). Keys and values of earlier calls live in a cache of fixed capacity; rows not yet written are masked by position,
// which may differ from sequence to sequence.
import { UsageError } from '../errors.ts';
import type { Value } from '../graph/value.ts';
import {
  addI32,
  castToF32,
  causalAttention,
  iota,
  lessEqual,
  matmul,
  mul,
  reshape,
  select,
  sliceAxis,
  softmax,
  transpose,
  updateSlice,
} from '../ops/index.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import { dropout } from './dropout.ts';
import { linear } from './linear.ts';
import { checkPosition, type Mixer, type MixerContext, sequenceSizes, stateEntry } from './mixer.ts';
import { applyRotary, type RotaryTables, rotaryRows, rotaryTables } from './rotary.ts';
import type { Scope } from './scope.ts';

export interface AttentionOptions {
  readonly width: number;
  /** Must divide the width. */
  readonly heads: number;
  /** Entries of each head that turn with position: even, at most the head's size; default 0, none. */
  readonly rotaryDim?: number | undefined;
  /** Default 10,000. */
  readonly rotaryBase?: number | undefined;
  /** Dropout on the attention weights while training; default 0. */
  readonly dropout?: number | undefined;
  /** Standard deviation of the initial weights of `Wqkv`; default 0.02. */
  readonly deviation?: number | undefined;
  /** Same for `out_proj`, which writes to the residual stream; default `deviation`. */
  readonly outputDeviation?: number | undefined;
}

/**
 * Declares `Wqkv` [3·width, width] and `out_proj` [width, width] with biases. State: `k` and `v`, [batch, heads, capacity,
 * headDim]; without a state given the one returned has the capacity of the call's own length. A call with a state needs
 * `position`, an i32 scalar or i32 [batch], and position + length must not exceed the capacity.
 * @throws UsageError `attention-options`, `missing-position`, `position-shape`, `cache-capacity`.
 */
export function attention(scope: Scope, options: AttentionOptions): Mixer {
  const { width, heads, rotaryDim = 0, rotaryBase = 10_000, deviation = 0.02, outputDeviation = deviation } = options;
  const headDim = width / heads;
  checkOptions(options, headDim);
  const project = linear(scope.child('Wqkv'), { inputs: width, outputs: 3 * width, deviation });
  const output = linear(scope.child('out_proj'), { inputs: width, outputs: width, deviation: outputDeviation });

  const attend = (x: Value, context: MixerContext) => {
    const { batch, length } = sequenceSizes(x);
    const parts = reshape(project.apply(x), [batch, length, 3, heads, headDim]);
    const part = (index: number): Value =>
      transpose(reshape(sliceAxis(parts, 2, index, index + 1), [batch, length, heads, headDim]), [0, 2, 1, 3]);
    const cache = cacheOf(context, { batch, length });
    const positions = positionsOf(cache?.position, length);
    const capacity = cache?.capacity ?? length;
    const turn = rotation({ dim: rotaryDim, base: rotaryBase, positions: capacity }, cache ? positions : undefined);
    const [q, newK, newV] = [turn(part(0)), turn(part(1)), part(2)];
    const k = cache ? updateSlice(cache.k, newK, { axis: 2, position: cache.position }) : newK;
    const v = cache ? updateSlice(cache.v, newV, { axis: 2, position: cache.position }) : newV;
    const dropping = context.random !== undefined && (options.dropout ?? 0) > 0;
    // Whole sequences without dropout never hold a length × length matrix; a cache or dropout on the weights needs one.
    const composed = (): Value => {
      const scores = mul(matmul(q, k, { transposeB: true }), 1 / Math.sqrt(headDim));
      const visible = lessEqual(iota(capacity), castToF32(reshape(positions, overHeads(positions.shape, 1))));
      const weights = softmax(select(visible, scores, Number.NEGATIVE_INFINITY));
      return matmul(dropout(weights, options.dropout ?? 0, context.random), v);
    };
    const mixed = cache || dropping ? composed() : causalAttention(q, k, v);
    const y = output.apply(reshape(transpose(mixed, [0, 2, 1, 3]), [batch, length, width]));
    return { y, state: { k, v } };
  };

  return {
    stateShapes: (batch, capacity) =>
      ['k', 'v'].map((name) => ({ name, shape: [batch, heads, capacity, headDim], dtype: 'f32' })),
    apply: (x, context = {}) => scope.within(() => attend(x, context)),
  };
}

function rotation(options: Parameters<typeof rotaryTables>[0], positions: Value | undefined): (x: Value) => Value {
  if (options.dim === 0) return (x) => x;
  const tables: RotaryTables = rotaryTables(options);
  if (!positions) return (x) => applyRotary(x, tables);
  const rows = rotaryRows(tables, positions);
  const shape = overHeads(positions.shape, options.dim / 2);
  const turning = { cos: reshape(rows.cos, shape), sin: reshape(rows.sin, shape) };
  return (x) => applyRotary(x, turning);
}

/** The positions of a call's tokens: [length], or [batch, length] where sequences are at different places. */
function positionsOf(position: Value | undefined, length: number): Value {
  const own = iota(length, 'i32');
  if (!position) return own;
  const count = elementCount(position.shape);
  return addI32(own, reshape(position, count === 1 ? [1] : [count, 1]));
}

/** A shape that meets [batch, heads, length, width] from positions of either shape. */
function overHeads(positions: Shape, width: number): Shape {
  const [first = 1, second] = positions;
  return second === undefined ? [first, width] : [first, 1, second, width];
}

function cacheOf(context: MixerContext, { batch, length }: { readonly batch: number; readonly length: number }) {
  const [k, v] = [stateEntry(context, 'k', 'attention'), stateEntry(context, 'v', 'attention')];
  if (!k || !v) return undefined;
  const { position } = context;
  if (!position) {
    throw new UsageError(
      'missing-position',
      'attention: a call with a state needs `position`, the number of tokens before it; got none. Pass an i32 scalar, or one for each sequence.',
    );
  }
  checkPosition(position, batch, 'attention');
  const capacity = k.shape[2] ?? 0;
  if (length > capacity) {
    throw new UsageError(
      'cache-capacity',
      `attention: a call must fit the cache; got ${length} tokens for a capacity of ${capacity}. Make the state with a larger capacity.`,
      { length, capacity },
    );
  }
  return { k, v, position, capacity };
}

function checkOptions({ width, heads, rotaryDim = 0 }: AttentionOptions, headDim: number): void {
  const fail = (sentence: string): never => {
    throw new UsageError('attention-options', `attention: ${sentence}`, { width, heads, rotaryDim });
  };
  if (!Number.isInteger(headDim) || heads < 1)
    fail(`the width must be a multiple of the number of heads; got width ${width} and ${heads} heads.`);
  if (!Number.isInteger(rotaryDim / 2) || rotaryDim < 0 || rotaryDim > headDim) {
    fail(`the rotary dimension must be even and at most the head's size ${headDim}; got ${rotaryDim}.`);
  }
}
