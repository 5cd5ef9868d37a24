// Runs a conformance case on a device and compares it with the reference backend.

import type { Value } from '../graph/value.ts';
import { compile } from '../session/compile.ts';
import type { Device } from '../session/device.ts';
import { createStore } from '../session/store.ts';
import type { DType, TypedArray } from '../tensor/dtype.ts';
import { type HostTensor, tensor } from '../tensor/host-tensor.ts';
import { uniforms } from '../tensor/philox.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';

export interface CaseInput {
  readonly shape: Shape;
  readonly dtype?: DType;
  /** Numbers are uniform on [from, to); integers are floored. Default [−1, 1). */
  readonly from?: number;
  readonly to?: number;
  /** Exactly these numbers, repeated. */
  readonly numbers?: readonly number[];
}

export interface ConformanceCase {
  readonly operation: string;
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  readonly build: (...values: readonly Value[]) => Readonly<Record<string, Value>>;
  /** Largest error relative to the largest magnitude of the result. Default 2e-6, a few roundings of f32. */
  readonly tolerance?: number;
}

/** The numbers of a case's input: the same on every run and backend. */
export function caseTensor(input: CaseInput, stream: number): HostTensor {
  const { shape, dtype = 'f32', from = -1, to = 1, numbers } = input;
  const count = elementCount(shape);
  if (numbers)
    return tensor(
      Array.from({ length: count }, (_, i) => numbers[i % numbers.length] ?? 0),
      shape,
      dtype,
    );
  const values = Array.from(uniforms(count, { key: [7, 7], stream, counter: count }), (u) => from + u * (to - from));
  return tensor(dtype === 'f32' ? values : values.map(Math.floor), shape, dtype);
}

async function runCase(device: Device, test: ConformanceCase): Promise<Record<string, HostTensor>> {
  using store = createStore(device);
  const names = test.inputs.map((_, index) => `x${index}`);
  const types = Object.fromEntries(
    test.inputs.map(({ shape, dtype = 'f32' }, index) => [`x${index}`, { shape, dtype }]),
  );
  using run = await compile((values) => test.build(...names.flatMap((name) => values[name] ?? [])), {
    store,
    inputs: types,
    verify: true,
  });
  return await run(Object.fromEntries(test.inputs.map((input, index) => [`x${index}`, caseTensor(input, index)])));
}

/**
 * Compares one case on two devices.
 * @returns a sentence for the first disagreement, or undefined when all results agree.
 */
export async function disagreement(test: ConformanceCase, device: Device, oracle: Device): Promise<string | undefined> {
  const [got, expected] = [await runCase(device, test), await runCase(oracle, test)];
  for (const [name, { data }] of Object.entries(expected)) {
    const sentence = compareNumbers(got[name]?.data ?? new Float32Array(0), data, test.tolerance ?? 2e-6);
    if (sentence) return `${name}${sentence}`;
  }
  return undefined;
}

function compareNumbers(found: TypedArray, data: TypedArray, tolerance: number): string | undefined {
  if (found.length !== data.length) return `: ${found.length} elements, expected ${data.length}`;
  let scale = 1e-30;
  // Extreme values are compared each by itself: beside 1e20, everything else would pass.
  for (const x of data) if (Math.abs(x) < 1e6) scale = Math.max(scale, Math.abs(x));
  for (let i = 0; i < data.length; i++) {
    const [a, b] = [found[i] ?? 0, data[i] ?? 0];
    const close =
      a === b ||
      (Number.isNaN(a) && Number.isNaN(b)) ||
      Math.abs(a - b) <= Math.max(tolerance * scale, 2e-6 * Math.abs(b));
    if (!close) return `[${i}] is ${a}, expected ${b} (largest magnitude ${scale})`;
  }
  return undefined;
}
