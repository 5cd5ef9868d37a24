// Counter-based random numbers: a function of a key variable, a counter and the place in the model, never of execution order,
// so the same seed gives the same numbers on every backend and thread count (Philox4x32-10, Salmon et al., SC 2011).

import { operand, rule } from '../graph/rule.ts';
import { applySingle, currentPath, ordinal } from '../graph/trace.ts';
import type { Operation, Value } from '../graph/value.ts';
import { normals, uniforms } from '../tensor/philox.ts';
import { elementCount, formatShape, type Shape } from '../tensor/shape.ts';

export type RandomAttributes = { readonly shape: Shape; readonly stream: number };

function define(name: string, draw: typeof uniforms): Operation<RandomAttributes> {
  return {
    name,
    infer: (inputs, { shape }) => {
      const [key, counter] = [operand(inputs, 0), operand(inputs, 1)];
      rule(
        key.dtype === 'u32' &&
          elementCount(key.shape) === 2 &&
          counter.dtype === 'i32' &&
          elementCount(counter.shape) === 1,
        () =>
          `takes a key u32[2] and a counter i32; got ${key.dtype} ${formatShape(key.shape)} and ${counter.dtype} ${formatShape(counter.shape)}.`,
      );
      return [{ shape, dtype: 'f32' }];
    },
    gradient: () => [],
    reference: ([key, counter], { shape, stream }) => {
      const [k0 = 0, k1 = 0] = key?.data ?? [];
      return [Float64Array.from(draw(elementCount(shape), { key: [k0, k1], stream, counter: counter?.data[0] ?? 0 }))];
    },
    operations: (_, { shape }) => 20 * elementCount(shape),
  };
}

/** Uniform on [0, 1), multiples of 2⁻²⁴. */
export const randomUniformOperation: Operation<RandomAttributes> = define('randomUniform', uniforms);
/** Standard normal by Box and Muller. */
export const randomNormalOperation: Operation<RandomAttributes> = define('randomNormal', normals);

/** What a random draw depends on besides its place in the model. */
export interface RandomSource {
  /** u32[2], made from the seed. */
  readonly key: Value;
  /** i32 scalar that changes with every step. */
  readonly counter: Value;
}

/** Uniform numbers on [0, 1). Two draws at the same place in the model differ; so do two steps. */
export function randomUniform(shape: Shape, { key, counter }: RandomSource): Value {
  return applySingle(randomUniformOperation, [key, counter], { shape, stream: placeStream() });
}

/** Standard normal numbers. */
export function randomNormal(shape: Shape, { key, counter }: RandomSource): Value {
  return applySingle(randomNormalOperation, [key, counter], { shape, stream: placeStream() });
}

function placeStream(): number {
  const path = currentPath();
  return hashText(`${path}#${ordinal(`random ${path}`)}`);
}

/** 32-bit FNV-1a of a text's UTF-16 units. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
