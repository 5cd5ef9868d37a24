// Where one sequence lies in the state of a batch. An array of a state is [outer, batch, middle, tokens, width] in memory: recurrent
// states have no axis of tokens, attention caches have one of which only the positions read so far count. What the axes are is
// found by asking the model for its shapes at two batch sizes and two capacities (the rule of `Mixer.stateShapes`).
import { UsageError } from '../errors.ts';
import type { StateShape } from '../nn/mixer.ts';
import { allocateArray, type TypedArray } from '../tensor/dtype.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';

/** A model's `stateShapes`. */
export interface StatefulModel {
  stateShapes(batch: number, capacity: number): readonly StateShape[];
}

/** One array of the state of a batch. */
export interface StateEntry {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: StateShape['dtype'];
  readonly outer: number;
  readonly batch: number;
  readonly middle: number;
  /** Tokens an attention cache holds; 1 for states of constant size. */
  readonly tokens: number;
  readonly width: number;
  /** True for a cache. */
  readonly grows: boolean;
}

/** The state's arrays for `batch` sequences of at most `capacity` tokens. */
export function stateLayout(model: StatefulModel, batch: number, capacity: number): readonly StateEntry[] {
  const [one, two, longer] = [
    model.stateShapes(1, capacity),
    model.stateShapes(2, capacity),
    model.stateShapes(1, capacity + 1),
  ];
  return model.stateShapes(batch, capacity).map(({ name, shape, dtype }, index) => {
    const single = one[index]?.shape ?? [];
    const row = differingAxis(single, two[index]?.shape ?? []);
    const token = differingAxis(single, longer[index]?.shape ?? []);
    if (row < 0 || (token >= 0 && token <= row))
      throw new UsageError('state-axes', axesSentence(name), { state: name });
    const end = token < 0 ? row + 1 : token;
    return {
      ...{ name, shape, dtype, batch, grows: token >= 0 },
      outer: elementCount(single.slice(0, row + 1)),
      middle: elementCount(single.slice(row + 1, end)),
      tokens: token < 0 ? 1 : (single[token] ?? 1),
      width: elementCount(single.slice(token < 0 ? end : token + 1)),
    };
  });
}

function axesSentence(name: string): string {
  return `state: array "${name}" must have an axis that grows with the batch, and an axis of tokens only after it. Change the layer's stateShapes.`;
}

function differingAxis(a: Shape, b: Shape): number {
  return a.findIndex((size, axis) => size !== b[axis]);
}

/** Runs of one row: where each begins in the batch's array and in the row's own, both in elements. */
function* runs(
  { outer, batch, middle, tokens, width }: StateEntry,
  row: number,
  filled: number,
): Generator<{ readonly whole: number; readonly own: number }> {
  for (let o = 0; o < outer; o++) {
    for (let m = 0; m < middle; m++) {
      yield { whole: ((o * batch + row) * middle + m) * tokens * width, own: (o * middle + m) * filled * width };
    }
  }
}

/** Elements of one row when `position` tokens are read. */
export function rowElements({ outer, middle, tokens, width, grows }: StateEntry, position: number): number {
  return outer * middle * (grows ? position : tokens) * width;
}

/** One row of a batch's array, without what a cache has not yet filled. */
export function takeRow(entry: StateEntry, from: TypedArray, at: { row: number; position: number }): TypedArray {
  const filled = entry.grows ? at.position : entry.tokens;
  const result = allocateArray(entry.dtype, rowElements(entry, at.position));
  const length = filled * entry.width;
  for (const { whole, own } of runs(entry, at.row, filled)) result.set(from.subarray(whole, whole + length), own);
  return result;
}

/** Writes a row that `takeRow` gave, and zeros into what a cache has not yet filled. */
export function putRow(
  entry: StateEntry,
  into: TypedArray,
  { row, position, data }: { readonly row: number; readonly position: number; readonly data: TypedArray },
): void {
  const filled = entry.grows ? position : entry.tokens;
  const length = filled * entry.width;
  for (const { whole, own } of runs(entry, row, filled)) {
    into.set(data.subarray(own, own + length), whole);
    into.fill(0, whole + length, whole + entry.tokens * entry.width);
  }
}

/** An array of the batch as a host tensor. */
export function wholeTensor({ shape, dtype }: StateEntry, data?: TypedArray): HostTensor {
  return { shape, dtype, data: data ?? allocateArray(dtype, elementCount(shape)) };
}
