// Variables: named arrays that outlive a plan (parameters, optimiser moments, recurrent states, caches, counters). Their name
// is their checkpoint name. This is only the declaration; a store (session/) holds the memory.
import { allocateArray, type DType, type TypedArray } from '../tensor/dtype.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';

/** Makes a variable's first content from its name and a seed, never from the order of creation. */
export type Initializer = (context: {
  readonly name: string;
  readonly shape: Shape;
  readonly seed: number;
}) => TypedArray | readonly number[];

/** How the optimiser treats a parameter (paper.md 1.4). */
export interface OptimizerGroup {
  /** False: no weight decay whatever the optimiser's setting. */
  readonly decay?: boolean;
  /** The learning rate is at most this. */
  readonly maxLearningRate?: number;
}

export interface Variable {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  /** Parameters are trained and saved; states belong to a session. */
  readonly kind: 'parameter' | 'state';
  readonly initialize: Initializer;
  readonly group?: OptimizerGroup;
}

/** A state variable filled with zeros, or with `fill`. */
export function stateVariable(name: string, shape: Shape, dtype: DType = 'f32', fill = 0): Variable {
  return {
    name,
    shape,
    dtype,
    kind: 'state',
    initialize: ({ shape: sizes }) => allocateArray(dtype, elementCount(sizes)).fill(fill),
  };
}
