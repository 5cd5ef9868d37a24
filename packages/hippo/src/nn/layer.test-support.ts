// What the tests of layers and models share: a store on each backend under test, one-off evaluation of a traced function, random
// content for parameters, and the tolerances with their reasons. Not part of the library's entry.
import { afterAll, afterEach } from 'vitest';
import type { TracedOutputs } from '../graph/trace.ts';
import type { Value, ValueType } from '../graph/value.ts';
import type { Variable } from '../graph/variable.ts';
import { compile } from '../session/compile.ts';
import { type BackendName, type Device, openDevice } from '../session/device.ts';
import { createStore, type Store } from '../session/store.ts';
import { type HostTensor, tensor } from '../tensor/host-tensor.ts';
import { normals } from '../tensor/philox.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import { inBrowser } from '../testing/test-file.test-support.ts';
import { webGpuTested } from '../testing/webgpu.test-support.ts';
import { drawFor } from './initialize.ts';

/** Every test of this folder and of models/ runs on each of these. The reference gives the same numbers in a browser as in Node. */
export const backends: readonly BackendName[] = [
  ...(inBrowser ? [] : (['reference'] as const)),
  'wasm',
  ...(webGpuTested ? (['webgpu'] as const) : []),
];

/** Largest error allowed, relative to the largest magnitude of what is compared. */
export const tolerances = {
  /** The golden files hold float32 results of float32 arithmetic; their own rounding is about 1e-6 (golden README). */
  goldenOutput: 1e-5,
  /** The official float32 logits of `h3-lm-pure` are 1.002e-5 from a float64 evaluation at position 121, 2.5e-6 before 64. */
  goldenLogits: 2e-5,
  /** Gradients of weights add up thousands of rounded products. */
  goldenGradient: 2e-5,
  /** SSM parameters multiply the index along the sequence into the gradient, and so its rounding (golden README). */
  goldenSsmGradient: 1e-4,
  /** Two ways to the same numbers, each rounded to f32 a few times. */
  equivalence: 1e-5,
  /** As above through λ^l with l up to 130, and sums of as many terms, in f32 throughout. */
  longEquivalence: 5e-5,
} as const;

const devices = new Map<BackendName, Promise<Device>>();
const stores: Store[] = [];

/** A store with these variables at their initial values, on a device that the tests of a file share; freed after the test. */
export async function openStore(backend: BackendName, variables: readonly Variable[], seed = 0): Promise<Store> {
  const device = devices.get(backend) ?? openDevice({ backend });
  devices.set(backend, device);
  const store = createStore(await device);
  stores.push(store);
  store.initialize(variables, { seed });
  return store;
}

afterEach(() => {
  for (const store of stores.splice(0)) store.dispose();
});

afterAll(async () => {
  for (const device of devices.values()) await (await device).dispose();
  devices.clear();
});

/** Adds noise to every variable, so that no zero bias or unit vector hides a mistake. */
export async function perturb(store: Store, variables: readonly Variable[], size = 0.1): Promise<void> {
  for (const variable of variables) {
    const { data, shape } = await store.read(variable);
    const noise = randomData(shape, `noise ${variable.name}`);
    store.write(
      variable,
      tensor(
        Float32Array.from(data, (x, i) => x + size * (noise[i] ?? 0)),
        shape,
      ),
    );
  }
}

/** Standard normal numbers that depend on the name alone. */
export function randomData(shape: Shape, name: string): Float32Array {
  return normals(elementCount(shape), drawFor(name, 1));
}

export function randomTensor(shape: Shape, name: string): HostTensor {
  return tensor(randomData(shape, name), shape);
}

/** Traces, compiles and runs a function once. */
export async function evaluate(
  store: Store,
  inputs: Readonly<Record<string, HostTensor>>,
  build: (values: Readonly<Record<string, Value>>) => TracedOutputs,
): Promise<Readonly<Record<string, HostTensor>>> {
  const types: Record<string, ValueType> = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, dtype }]) => [name, { shape, dtype }]),
  );
  const run = await compile(build, { store, inputs: types, verify: true });
  const outputs = await run(inputs);
  run.dispose();
  return outputs;
}

/** Largest difference relative to the largest expected magnitude; NaN anywhere, or another length, is an infinite error. */
export function relativeError(actual: ArrayLike<number> | undefined, expected: ArrayLike<number>): number {
  if (!actual || actual.length !== expected.length || expected.length === 0) return Number.POSITIVE_INFINITY;
  let [difference, scale] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const [x, y] = [actual[i] ?? Number.NaN, expected[i] ?? Number.NaN];
    if (!Number.isFinite(x) || !Number.isFinite(y)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, Math.abs(x - y));
    scale = Math.max(scale, Math.abs(y));
  }
  return scale === 0 ? difference : difference / scale;
}

/** A value of a record of outputs that must be there. */
export function outputOf(outputs: Readonly<Record<string, HostTensor>>, name: string): HostTensor {
  const value = outputs[name];
  if (!value) throw new Error(`test: no output "${name}"; there are ${Object.keys(outputs).join(', ')}.`);
  return value;
}

/** A traced input that must be there. */
export function inputOf(values: Readonly<Record<string, Value>>, name: string): Value {
  const value = values[name];
  if (!value) throw new Error(`test: no input "${name}"; there are ${Object.keys(values).join(', ')}.`);
  return value;
}
