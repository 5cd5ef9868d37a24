// A store holds a model's variables on a device. Several plans (train, validate, prefill, decode) share one store.

import type { DeviceBuffer } from '../backends/backend.ts';
import { UsageError } from '../errors.ts';
import type { Variable } from '../graph/variable.ts';
import { allocateArray, arrayOf, bytesPerElement, type DType, type TypedArray } from '../tensor/dtype.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { elementCount, formatShape, sameShape } from '../tensor/shape.ts';
import type { Device } from './device.ts';

export interface Store extends Disposable {
  readonly device: Device;
  /** Allocates the variables that are not there yet and fills them with their initial values. */
  initialize(variables: readonly Variable[], options?: { readonly seed?: number }): void;
  /** @throws UsageError `unknown-variable`, `variable-type`. */
  write(variable: Variable, value: HostTensor): void;
  /** Fills variables with zeros. @throws UsageError `unknown-variable`. */
  clear(variables: readonly Variable[]): void;
  read(variable: Variable): Promise<HostTensor>;
  has(variable: Variable): boolean;
  /** Frees the memory of these variables. */
  drop(variables: readonly Variable[]): void;
  /** The variable's memory; sessions bind plans to it. */
  buffer(variable: Variable): DeviceBuffer;
  /** Changes whenever a variable's memory is given back: plans bound to it must not run again. */
  readonly generation: number;
  /** Bytes of all variables held. */
  readonly bytes: number;
  dispose(): void;
}

export function createStore(device: Device): Store {
  const buffers = new Map<Variable, DeviceBuffer>();
  const owners = new Map<string, Variable>();
  const { backend } = device;
  let generation = 0;

  const allocate = (variable: Variable): DeviceBuffer => {
    const owner = owners.get(variable.name);
    if (owner && owner !== variable) {
      throw new UsageError(
        'duplicate-variable',
        `store: two variables are called "${variable.name}". Names are checkpoint names and must differ.`,
        { variable: variable.name },
      );
    }
    const created = backend.allocate({ shape: variable.shape, dtype: variable.dtype }, variable.name);
    owners.set(variable.name, variable);
    buffers.set(variable, created);
    return created;
  };
  const bufferOf = (variable: Variable): DeviceBuffer => {
    const found = buffers.get(variable);
    if (found) return found;
    throw new UsageError(
      'unknown-variable',
      `store: variable "${variable.name}" has no memory here. Call store.initialize with it first.`,
      { variable: variable.name },
    );
  };
  const free = (variable: Variable): void => {
    const found = buffers.get(variable);
    if (!found) return;
    backend.free(found);
    generation++;
    buffers.delete(variable);
    owners.delete(variable.name);
  };
  const dispose = (): void => [...buffers.keys()].forEach(free);

  return {
    device,
    initialize(variables, { seed = 0 } = {}) {
      for (const variable of variables) {
        if (buffers.has(variable)) continue;
        backend.write(allocate(variable), initialContent(variable, seed));
      }
    },
    write(variable, value) {
      if (!sameShape(variable.shape, value.shape) || variable.dtype !== value.dtype) {
        throw new UsageError(
          'variable-type',
          `store: variable "${variable.name}" is ${variable.dtype}${formatShape(variable.shape)}; got ${value.dtype}${formatShape(value.shape)}.`,
          { variable: variable.name, shape: value.shape },
        );
      }
      backend.write(buffers.get(variable) ?? allocate(variable), value.data);
    },
    clear: (variables) => {
      for (const variable of variables) backend.clear(bufferOf(variable));
    },
    async read(variable) {
      return { shape: variable.shape, dtype: variable.dtype, data: await backend.read(bufferOf(variable)) };
    },
    has: (variable) => buffers.has(variable),
    drop: (variables) => variables.forEach(free),
    buffer: bufferOf,
    get generation() {
      return generation;
    },
    get bytes() {
      return [...buffers.keys()].reduce(
        (sum, { shape, dtype }) => sum + bytesPerElement(dtype) * elementCount(shape),
        0,
      );
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}

function initialContent(variable: Variable, seed: number): TypedArray {
  const content = variable.initialize({ name: variable.name, shape: variable.shape, seed });
  const count = elementCount(variable.shape);
  if (content.length !== count) {
    throw new UsageError(
      'initial-size',
      `store: the initialiser of "${variable.name}" gave ${content.length} numbers for shape ${formatShape(variable.shape)}.`,
      { variable: variable.name },
    );
  }
  // The write to the device copies once more; a second host copy of a large embedding would show in the peak.
  if (isOfType(content, variable.dtype)) return content;
  const array = allocateArray(variable.dtype, count);
  array.set(content);
  return array;
}

function isOfType(content: TypedArray | readonly number[], dtype: DType): content is TypedArray {
  return content instanceof arrayOf(dtype);
}
