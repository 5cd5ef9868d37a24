// Initial values of parameters, from the parameter's name and the seed alone (Philox with the hash of the name as stream): the
// same seed gives the same model whatever the order of declaration or the backend.
import type { Initializer } from '../graph/variable.ts';
import { hashText } from '../ops/index.ts';
import { normals, type PhiloxDraw, uniforms } from '../tensor/philox.ts';
import { elementCount } from '../tensor/shape.ts';

/** The two key words of a seed (a whole number from 0 to 2⁵³ − 1). */
export function seedKey(seed: number): readonly [number, number] {
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
}

/** The draw that belongs to a name and a seed. */
export function drawFor(name: string, seed: number): PhiloxDraw {
  return { key: seedKey(seed), stream: hashText(name), counter: 0 };
}

/** Every element is `value`. */
export function fill(value: number): Initializer {
  return ({ shape }) => new Float32Array(elementCount(shape)).fill(value);
}

export const zeros: Initializer = fill(0);
export const ones: Initializer = fill(1);

/** Normal with mean 0 and standard deviation `deviation`. */
export function normal(deviation = 1): Initializer {
  return ({ name, shape, seed }) => inPlace(normals(elementCount(shape), drawFor(name, seed)), (x) => x * deviation);
}

/** Uniform on [low, high). */
export function uniform(low: number, high: number): Initializer {
  return ({ name, shape, seed }) =>
    inPlace(uniforms(elementCount(shape), drawFor(name, seed)), (x) => low + (high - low) * x);
}

/** As `map`, without a second copy of what may be the largest array of a model. */
function inPlace(numbers: Float32Array, change: (x: number) => number): Float32Array {
  for (let i = 0; i < numbers.length; i++) numbers[i] = change(numbers[i] ?? 0);
  return numbers;
}

/** The logarithms of numbers drawn log-uniformly from [low, high): how step sizes Δ are stored. */
export function logOfLogUniform(low: number, high: number): Initializer {
  return uniform(Math.log(low), Math.log(high));
}
