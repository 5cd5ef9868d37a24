// Gradients against central differences: (f(x + hv) − f(x − hv))/2h must equal ⟨∇f, v⟩. The whole difference is one graph run in
// float64 on the reference backend, so only the result is rounded and the check is sharp.

import type { Value } from '../graph/value.ts';
import { add, constant, gradient, mul, reshape, stopGradient, sub, sum } from '../ops/index.ts';
import { compile } from '../session/compile.ts';
import { openDevice } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import { uniforms } from '../tensor/philox.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';

export interface GradientCheckOptions {
  /** Shapes of the f32 inputs. */
  readonly shapes: readonly Shape[];
  /** Numbers to check at; default: uniform on [−1, 1). */
  readonly at?: readonly (readonly number[])[];
  /** Step of the difference. Default 1e-4. */
  readonly step?: number;
  readonly seed?: number;
}

export interface GradientCheckResult {
  /** Largest |difference quotient − derivative| over all coordinates, relative to the largest derivative. */
  readonly worst: number;
  /** Input and element where it happened. */
  readonly input: number;
  readonly element: number;
}

/**
 * Checks every coordinate of the gradient of Σ w ⊙ f(x) for fixed random weights w, f any function of values.
 * @returns the worst relative disagreement; about 1e-7 for a correct rule.
 */
export async function checkGradient(
  f: (...inputs: readonly Value[]) => Value | readonly Value[],
  options: GradientCheckOptions,
): Promise<GradientCheckResult> {
  const { shapes, step = 1e-4, seed = 1 } = options;
  await using device = await openDevice({ backend: 'reference' });
  using store = createStore(device);
  const loss = (inputs: readonly Value[]): Value => {
    const made = f(...inputs);
    const results: readonly Value[] = 'node' in made ? [made] : made;
    return results
      .map((result, index) => weightedSum(result, seed + 100 + index))
      .reduce((total, part) => add(total, part));
  };
  const names = shapes.map((_, index) => index);
  const types = Object.fromEntries(
    names.flatMap((index) =>
      [`x${index}`, `v${index}`].map((name) => [name, { shape: shapes[index] ?? [], dtype: 'f32' as const }]),
    ),
  );
  const check = await compile(
    (values) => {
      const at = (shift: number): Value[] =>
        names.map((index) => add(values[`x${index}`] as Value, mul(shift, values[`v${index}`] as Value)));
      const points = at(0);
      const slopes = gradient(loss(points), points);
      const derivative = slopes
        .map((slope, index) => sum(mul(slope, values[`v${index}`] as Value)))
        .reduce((total, part) => add(total, part));
      const difference = mul(sub(loss(at(step)), loss(at(-step))), 0.5 / step);
      return { derivative: stopGradient(derivative), gap: sub(difference, derivative) };
    },
    { store, inputs: types },
  );
  const numbers = shapes.map(
    (shape, index) =>
      options.at?.[index] ??
      Array.from(uniforms(elementCount(shape), { key: [seed, 0], stream: index, counter: 0 }), (u) => 2 * u - 1),
  );
  const found: { gap: number; input: number; element: number }[] = [];
  let largest = 1e-3;
  for (const input of names) {
    for (let element = 0; element < elementCount(shapes[input] ?? []); element++) {
      const run = Object.fromEntries(
        names.flatMap((index) => [
          [`x${index}`, numbers[index] ?? []],
          [`v${index}`, unit(elementCount(shapes[index] ?? []), index === input ? element : -1)],
        ]),
      );
      const { derivative, gap } = await check(run);
      largest = Math.max(largest, Math.abs(derivative?.data[0] ?? 0));
      found.push({ gap: Math.abs(gap?.data[0] ?? Number.NaN), input, element });
    }
  }
  let result: GradientCheckResult = { worst: 0, input: 0, element: 0 };
  for (const { gap, input, element } of found)
    if (!(gap / largest <= result.worst)) result = { worst: gap / largest, input, element };
  return result;
}

function unit(count: number, element: number): number[] {
  return Array.from({ length: count }, (_, i) => (i === element ? 1 : 0));
}

function weightedSum(result: Value, seed: number): Value {
  const count = elementCount(result.shape);
  const weights = Array.from(uniforms(count, { key: [seed, 1], stream: 0, counter: 0 }), (u) => 0.5 + u);
  return sum(mul(reshape(result, [count]), constant(weights, [count])));
}
