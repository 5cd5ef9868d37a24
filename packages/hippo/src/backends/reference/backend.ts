// The reference backend: every operation by its own definition, f32 values held and accumulated in float64. The oracle of all
// other backends; slow, and never the default.
import { BackendError } from '../../errors.ts';
import type { Node, Numbers, NumbersWithShape, ValueType, View } from '../../graph/value.ts';
import type { Variable } from '../../graph/variable.ts';
import { constantNumbers } from '../../ops/constant.ts';
import type { KernelTable, LoweredKernel } from '../../plan/kernel.ts';
import type { Location, Plan, PlanStep } from '../../plan/plan.ts';
import { allocateArray, type TypedArray } from '../../tensor/dtype.ts';
import { floatToFloat16 } from '../../tensor/half-floats.ts';
import { contiguousStrides, elementCount } from '../../tensor/shape.ts';
import type { Backend, DeviceBuffer, PreparedPlan } from '../backend.ts';

interface ReferenceKernel extends LoweredKernel {
  run(inputs: readonly Numbers[]): readonly Numbers[];
}

interface ReferenceBuffer extends DeviceBuffer {
  data: Numbers;
}

const kernels: KernelTable<ReferenceKernel> = {
  backend: 'reference',
  operation: referenceKernel,
  copy: () => ({ name: 'copy', workspaceBytes: 0, run: ([x]) => (x ? [x.slice()] : []) }),
};

function referenceKernel(node: Node): ReferenceKernel | undefined {
  const { operation, attributes } = node;
  const { reference, view } = operation;
  const withShapes = (inputs: readonly Numbers[]): NumbersWithShape[] =>
    inputs.map((data, index) => ({ data, shape: node.inputs[index]?.shape ?? [] }));
  if (reference) {
    return {
      name: operation.name,
      workspaceBytes: 0,
      run: (inputs) => reference.call(operation, withShapes(inputs), attributes, node.outputs),
    };
  }
  const [input] = node.inputs;
  const [output] = node.outputs;
  if (!view || !input || !output) return undefined;
  const how = view.call(operation, input.shape, attributes);
  return { name: operation.name, workspaceBytes: 0, run: ([x]) => (x ? [readView(x, how, output)] : []) };
}

function readView(source: Numbers, { offset, strides }: View, output: ValueType): Numbers {
  const result = allocateNumbers(output);
  const own = contiguousStrides(output.shape);
  for (let i = 0; i < result.length; i++) {
    let from = offset;
    for (let axis = 0; axis < own.length; axis++)
      from += (Math.floor(i / (own[axis] ?? 1)) % (output.shape[axis] ?? 1)) * (strides[axis] ?? 0);
    result[i] = source[from] ?? 0;
  }
  return result;
}

function allocateNumbers({ dtype, shape }: ValueType): Numbers {
  const count = elementCount(shape);
  if (dtype === 'f32' || dtype === 'f16') return new Float64Array(count);
  return dtype === 'i32' ? new Int32Array(count) : new Uint32Array(count);
}

function toHost(data: Numbers, type: ValueType): TypedArray {
  const array = allocateArray(type.dtype, data.length);
  array.set(type.dtype === 'f16' ? Uint16Array.from(data, floatToFloat16) : data);
  return array;
}

/** Opens the reference backend. It needs nothing and holds nothing but JavaScript arrays. */
export function openReferenceBackend(): Backend<ReferenceKernel> {
  let allocatedBytes = 0;
  const bytesOf = ({ shape }: ValueType): number => 8 * elementCount(shape);
  return {
    name: 'reference',
    description: 'plain TypeScript in float64, one thread',
    kernels,
    get allocatedBytes() {
      return allocatedBytes;
    },
    allocate(type): ReferenceBuffer {
      allocatedBytes += bytesOf(type);
      return { type, data: allocateNumbers(type) };
    },
    write: (buffer, data) => dataOf(buffer).set(data),
    clear: (buffer) => void dataOf(buffer).fill(0),
    read: async (buffer) => toHost(dataOf(buffer), buffer.type),
    free(buffer) {
      allocatedBytes -= bytesOf(buffer.type);
    },
    prepare: async (plan, bind) => new ReferencePlan(plan, bind),
    dispose: async () => {},
  };
}

function dataOf(buffer: DeviceBuffer): Numbers {
  if ('data' in buffer) return (buffer as ReferenceBuffer).data;
  throw new BackendError(
    'foreign-buffer',
    'reference: the buffer belongs to another backend. Use the store of the same device.',
  );
}

/** Runs steps one after the other; arena places are keys of a map, so that overlapping lives cannot corrupt the oracle. */
class ReferencePlan implements PreparedPlan {
  readonly bytes: number;
  readonly #plan: Plan<ReferenceKernel>;
  readonly #bind: (variable: Variable) => DeviceBuffer;
  readonly #arena = new Map<number, Numbers>();
  readonly #constants = new Map<number, Numbers>();

  constructor(plan: Plan<ReferenceKernel>, bind: (variable: Variable) => DeviceBuffer) {
    this.#plan = plan;
    this.#bind = bind;
    this.bytes = plan.arenaBytes * 2;
    for (const { offset, value } of plan.constants) {
      this.#constants.set(offset, constantNumbers(value.node.attributes as Parameters<typeof constantNumbers>[0]));
    }
  }

  writeInput(name: string, data: TypedArray): void {
    const input = this.#plan.inputs.get(name);
    if (!input) return;
    const numbers = allocateNumbers(input);
    numbers.set(data);
    this.#put(input.location, numbers);
  }

  async run(): Promise<ReadonlyMap<string, TypedArray>> {
    await this.runSteps(0, this.#plan.steps.length);
    return new Map([...this.#plan.outputs].map(([name, type]) => [name, toHost(this.#get(type.location), type)]));
  }

  async runSteps(from: number, to: number): Promise<void> {
    for (const step of this.#plan.steps.slice(from, to)) this.#runStep(step);
  }

  #runStep(step: PlanStep<ReferenceKernel>): void {
    const results = step.kernel.run(step.inputs.map((location) => this.#get(location)));
    step.outputs.forEach((location, index) => {
      const result = results[index];
      if (location && result) this.#put(location, result);
    });
  }

  async readStep(step: number): Promise<readonly TypedArray[]> {
    const { outputs = [], outputTypes = [] } = this.#plan.steps[step] ?? {};
    return outputs.flatMap((location, index) => {
      const type = outputTypes[index];
      return location && type ? [toHost(this.#get(location), type)] : [];
    });
  }

  dispose(): void {
    this.#arena.clear();
  }

  #get(location: Location): Numbers {
    if (location.space === 'variable') return dataOf(this.#bind(location.variable));
    const found = (location.space === 'arena' ? this.#arena : this.#constants).get(location.offset);
    if (!found)
      throw new BackendError(
        'unwritten-memory',
        `reference: ${location.space}+${location.offset} is read before it is written.`,
      );
    return found;
  }

  #put(location: Location, numbers: Numbers): void {
    if (location.space === 'variable') dataOf(this.#bind(location.variable)).set(numbers);
    else this.#arena.set(location.offset, numbers);
  }
}
