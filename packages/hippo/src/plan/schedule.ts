// Schedule: groups become steps with a kernel each, in the order they run.

import { countUses, type Graph } from '../graph/graph.ts';
import type { InPlace, Node, Value } from '../graph/value.ts';
import { elementCount } from '../tensor/shape.ts';
import { fuse, type Group, storageOf } from './fuse.ts';
import { groupProgram } from './group-program.ts';
import type { KernelTable, LoweredKernel } from './kernel.ts';
import type { ElementwiseProgram } from './program.ts';

/** A step before it has memory: storages in, storages out. */
export interface ScheduledStep<K extends LoweredKernel = LoweredKernel> {
  readonly kernel: K;
  readonly nodes: readonly Node[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly (Value | undefined)[];
  /** Result index → operand index whose memory it may take over. */
  readonly inPlace: ReadonlyMap<number, readonly number[]>;
  readonly arithmetic: number;
}

export interface Schedule<K extends LoweredKernel = LoweredKernel> {
  readonly steps: readonly ScheduledStep<K>[];
  /** A kernel that copies a contiguous value, for assignments that need one. */
  copy(value: Value): K;
}

export function schedule<K extends LoweredKernel>(graph: Graph, kernels: KernelTable<K>): Schedule<K> {
  const uses = countUses(graph);
  const groups = fuse(graph, kernels);
  const readOutside = readersOutside(graph, groups);
  const steps = groups.flatMap((group): ScheduledStep<K>[] => {
    const step = group.fused ? fusedStep(group, kernels, readOutside) : structuralStep(group, kernels, uses);
    return step ? [step] : [];
  });
  return { steps, copy: (value) => copyKernel(value, kernels) };
}

/** Values that some other group, a result or an assignment reads, aliases followed. */
function readersOutside(graph: Graph, groups: readonly Group[]): ReadonlySet<Value> {
  const outside = new Set<Value>();
  for (const group of groups) {
    const members = new Set(group.nodes);
    for (const node of group.nodes) {
      for (const input of node.inputs) {
        const storage = storageOf(input);
        if (!members.has(storage.node)) outside.add(storage);
      }
    }
  }
  for (const value of [...graph.outputs.values(), ...graph.assignments.values()]) outside.add(storageOf(value));
  return outside;
}

function fusedStep<K extends LoweredKernel>(
  group: Group,
  kernels: KernelTable<K>,
  outside: ReadonlySet<Value>,
): ScheduledStep<K> | undefined {
  const { program, inputs, outputs } = groupProgram(group, (value) => outside.has(value));
  const kernel = kernels.fusion?.kernel(program);
  if (!kernel || outputs.length === 0) return undefined;
  return {
    kernel,
    nodes: group.nodes,
    inputs,
    outputs,
    inPlace: new Map(outputs.map((_, index) => [index, replaceable(program, index)])),
    arithmetic: program.instructions.length * elementCount(program.shape),
  };
}

/**
 * Inputs whose memory a result may take over: read exactly where the result is written, and by no instruction after the one
 * that makes the result.
 */
function replaceable(program: ElementwiseProgram, output: number): readonly number[] {
  const first = program.inputs.length + program.constants.length;
  const made = (program.outputs[output]?.register ?? 0) - first;
  return program.inputs.flatMap((_, input) => {
    const readLater = program.instructions.some(({ operands }, index) => index > made && operands.includes(input));
    return readLater || !isContiguous(program, input) ? [] : [input];
  });
}

/** An input read exactly where the results are written. */
function isContiguous({ shape, inputs }: ElementwiseProgram, index: number): boolean {
  const input = inputs[index];
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && input?.strides[axis] !== stride) return false;
    stride *= shape[axis] ?? 1;
  }
  return input?.offset === 0;
}

function structuralStep<K extends LoweredKernel>(
  { nodes: [node] }: Group,
  kernels: KernelTable<K>,
  uses: ReadonlyMap<Value, number>,
): ScheduledStep<K> {
  const kernel = node && kernels.operation(node);
  // Lowering has asked for every operation of the user; what passes after it make must have a kernel too.
  if (!node || !kernel) throw new Error(`schedule: ${kernels.backend} has no kernel for ${node?.operation.name}`);
  const { operation, attributes, inputs, outputs } = node;
  return {
    kernel,
    nodes: [node],
    inputs: inputs.map(storageOf),
    outputs: outputs.map((value, index) =>
      kernel.optionalOutputs?.includes(index) && !uses.get(value) ? undefined : value,
    ),
    inPlace: new Map(inPlaceOf(node).map(({ result, operand }) => [result, [operand]])),
    arithmetic:
      operation.operations?.(inputs, attributes, outputs) ??
      outputs.reduce((sum, value) => sum + elementCount(value.shape), 0),
  };
}

function inPlaceOf({ operation: { inPlace }, inputs }: Node): readonly InPlace[] {
  if (inPlace === undefined) return [];
  return typeof inPlace === 'number' ? [{ result: 0, operand: inPlace }] : inPlace(inputs);
}

function copyKernel<K extends LoweredKernel>(value: Value, kernels: KernelTable<K>): K {
  const count = elementCount(value.shape);
  const program: ElementwiseProgram = {
    shape: [count],
    inputs: [{ strides: [1], offset: 0, dtype: value.dtype }],
    constants: [],
    instructions: [{ op: 'copy', operands: [0] }],
    outputs: [{ register: 1 }],
  };
  const kernel = kernels.fusion?.kernel(program) ?? kernels.copy?.(value);
  if (!kernel) throw new Error(`the ${kernels.backend} backend has neither fusion nor a copy kernel`);
  return kernel;
}
