// Gives every storage its place: variables keep their own memory, an assigned value is written straight into its variable when
// no later step needs the old content, elementwise results take over an operand's memory when it dies, and the rest shares an arena.

import { BackendError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { formatOrigin } from '../graph/trace.ts';
import type { Node, Operation, Value, ValueType } from '../graph/value.ts';
import type { Variable } from '../graph/variable.ts';
import { bytesPerElement } from '../tensor/dtype.ts';
import { elementCount } from '../tensor/shape.ts';
import { storageOf } from './fuse.ts';
import type { LoweredKernel } from './kernel.ts';
import { type Interval, type MemoryRules, mostAliveBytes, placeIntervals, usualRules } from './memory.ts';
import type { Location, Plan, PlanStep } from './plan.ts';
import type { Schedule, ScheduledStep } from './schedule.ts';

export function assignMemory<K extends LoweredKernel>(
  graph: Graph,
  schedule: Schedule<K>,
  rules: MemoryRules = usualRules,
): Plan<K> {
  const align = (bytes: number): number => Math.ceil(bytes / rules.alignment) * rules.alignment;
  const { steps, bindings, outputStorages } = insertCopies(graph, schedule);
  const life = lifetimes(steps, graph, outputStorages);
  const bound = bindAssignments(steps, bindings, life);
  const slots = shareInPlace(steps, life, { bound: bound.storages, rules });
  const final = [...steps, ...bound.copies];

  const constants: { offset: number; value: Value }[] = [];
  let constantBytes = 0;
  const constantAt = new Map<Value, Location>();
  const locate = (storage: Value): Location => {
    const variable =
      bound.storages.get(storage) ??
      (storage.node.operation.leaf === 'variable' ? (storage.node.attributes.variable as Variable) : undefined);
    if (variable) return { space: 'variable', variable };
    if (storage.node.operation.leaf === 'constant') {
      const known = constantAt.get(storage);
      if (known) return known;
      const location: Location = { space: 'constants', offset: constantBytes };
      constants.push({ offset: constantBytes, value: storage });
      constantBytes += align(byteCount(storage));
      constantAt.set(storage, location);
      return location;
    }
    return { space: 'arena', offset: slots.offsetOf(storage) };
  };
  const planSteps = final.map((step) => planStep(step, locate));
  const ends = (values: ReadonlyMap<string, Value>) =>
    new Map(
      [...values].map(([name, value]) => [
        name,
        { shape: value.shape, dtype: value.dtype, location: locate(outputStorages.get(value) ?? storageOf(value)) },
      ]),
    );
  const [inputs, outputs] = [ends(graph.inputs), ends(graph.outputs)];
  const tables = new Map<string, number>();
  for (const { kernel } of final) {
    if (!kernel.table || tables.has(kernel.table.key)) continue;
    tables.set(kernel.table.key, constantBytes);
    constantBytes += align(kernel.table.bytes);
  }
  return {
    steps: planSteps,
    inputs,
    outputs,
    variables: variablesOf(graph),
    constants,
    tables,
    constantBytes,
    arenaBytes: slots.bytes,
    pageBytes: rules.pageBytes,
    aliveBytes: slots.aliveBytes,
    workspaceBytes: final.reduce((most, { kernel }) => Math.max(most, kernel.workspaceBytes), 0),
    graph,
  };
}

function variablesOf(graph: Graph): readonly Variable[] {
  const read = graph.nodes
    .filter((node) => node.operation.leaf === 'variable')
    .map((node) => node.attributes.variable as Variable);
  return [...new Set([...read, ...graph.assignments.keys()])];
}

export function byteCount(type: ValueType): number {
  return elementCount(type.shape) * bytesPerElement(type.dtype);
}

type Step<K extends LoweredKernel> = ScheduledStep<K>;

/** A variable and the storage that must end up in it. */
interface Binding<K extends LoweredKernel> {
  readonly variable: Variable;
  readonly storage: Value;
  readonly copy: () => K;
}

/**
 * An output or an assignment that is a variable's old content must be copied away before any assignment overwrites it; a
 * storage that several variables want, or that is no step's result, is copied too.
 */
function insertCopies<K extends LoweredKernel>(graph: Graph, schedule: Schedule<K>) {
  const steps: Step<K>[] = [...schedule.steps];
  const outputStorages = new Map<Value, Value>();
  const taken = new Set<Value>();
  const copyOf = (value: Value): Value => {
    const source = storageOf(value);
    const step = copyStep(source, schedule.copy(source));
    steps.push(step);
    return step.outputs[0] as Value;
  };
  for (const value of graph.outputs.values()) {
    const source = storageOf(value);
    const variable =
      source.node.operation.leaf === 'variable' ? (source.node.attributes.variable as Variable) : undefined;
    if (variable && graph.assignments.has(variable) && graph.assignments.get(variable) !== source)
      outputStorages.set(value, copyOf(source));
  }
  const bindings: Binding<K>[] = [];
  for (const [variable, value] of graph.assignments) {
    const source = storageOf(value);
    if (source.node.operation.leaf === 'variable' && source.node.attributes.variable === variable) continue;
    const storage = source.node.operation.leaf || taken.has(source) ? copyOf(source) : source;
    taken.add(storage);
    bindings.push({ variable, storage, copy: () => schedule.copy(storage) });
  }
  return { steps, bindings, outputStorages };
}

interface Life {
  /** Step that writes each storage (−1: before the run) and the last that reads it. */
  readonly written: ReadonlyMap<Value, number>;
  readonly lastRead: Map<Value, number>;
  /** Steps that read a variable's old content, and whether a result of that step may replace it there. */
  readonly variableReads: ReadonlyMap<Variable, readonly { readonly step: number; readonly operand: number }[]>;
  readonly end: number;
}

function lifetimes<K extends LoweredKernel>(
  steps: readonly Step<K>[],
  graph: Graph,
  outputStorages: ReadonlyMap<Value, Value>,
): Life {
  const written = new Map<Value, number>();
  const lastRead = new Map<Value, number>();
  const variableReads = new Map<Variable, { step: number; operand: number }[]>();
  for (const value of graph.inputs.values()) written.set(value, -1);
  steps.forEach((step, index) => {
    step.inputs.forEach((storage, operand) => {
      lastRead.set(storage, index);
      if (storage.node.operation.leaf !== 'variable') return;
      const variable = storage.node.attributes.variable as Variable;
      const reads = variableReads.get(variable) ?? [];
      reads.push({ step: index, operand });
      variableReads.set(variable, reads);
    });
    for (const storage of step.outputs) if (storage) written.set(storage, index);
  });
  const end = steps.length;
  for (const value of graph.outputs.values()) lastRead.set(outputStorages.get(value) ?? storageOf(value), end);
  return { written, lastRead, variableReads, end };
}

/** Writes assigned values straight into their variables where that is proven safe; the rest is copied at the end. */
function bindAssignments<K extends LoweredKernel>(
  steps: readonly Step<K>[],
  bindings: readonly Binding<K>[],
  life: Life,
) {
  const storages = new Map<Value, Variable>();
  const copies: Step<K>[] = [];
  for (const { variable, storage, copy } of bindings) {
    const at = life.written.get(storage) ?? -1;
    const step = steps[at];
    const output = step?.outputs.indexOf(storage) ?? -1;
    const safe = (life.variableReads.get(variable) ?? []).every(
      (read) => read.step < at || (read.step === at && (step?.inPlace.get(output)?.includes(read.operand) ?? false)),
    );
    if (safe && step) {
      storages.set(storage, variable);
      continue;
    }
    life.lastRead.set(storage, life.end);
    const copied = copyStep(storage, copy());
    storages.set(copied.outputs[0] as Value, variable);
    copies.push(copied);
  }
  return { storages, copies };
}

const copyOperation: Operation = { name: 'copy', infer: (inputs) => inputs };

/** A step that copies `source` into a storage of its own. */
function copyStep<K extends LoweredKernel>(source: Value, kernel: K): Step<K> {
  const outputs: Value[] = [];
  const node: Node = {
    operation: copyOperation,
    inputs: [source],
    attributes: {},
    outputs,
    origin: source.node.origin,
    region: undefined,
  };
  outputs.push({ id: -1, shape: source.shape, dtype: source.dtype, node, output: 0 });
  return { kernel, nodes: [node], inputs: [source], outputs, inPlace: new Map(), arithmetic: 0 };
}

/** Lets results take over the memory of operands that die at the same step, then places what is left in an arena. */
function shareInPlace<K extends LoweredKernel>(
  steps: readonly Step<K>[],
  life: Life,
  { bound, rules }: { readonly bound: ReadonlyMap<Value, Variable>; readonly rules: MemoryRules },
) {
  const slotOf = new Map<Value, number>();
  const intervals: Interval[] = [];
  const open = (storage: Value, from: number): void => {
    slotOf.set(storage, intervals.length);
    // An empty storage still gets a place of its own, so that no other one shares its offset.
    checkPage(storage, rules);
    intervals.push({
      bytes: Math.max(byteCount(storage), 4),
      from,
      to: Math.max(life.lastRead.get(storage) ?? from, from),
    });
  };
  for (const [storage, at] of life.written) if (at < 0) open(storage, -1);
  steps.forEach((step, index) => {
    const free = new Set(step.inputs.filter((storage) => slotOf.has(storage) && life.lastRead.get(storage) === index));
    step.outputs.forEach((storage, output) => {
      if (!storage || bound.has(storage)) return;
      const candidate = step.inPlace
        .get(output)
        ?.map((operand) => step.inputs[operand])
        .find(
          (input) =>
            input !== undefined &&
            free.has(input) &&
            byteCount(input) === byteCount(storage) &&
            input.dtype === storage.dtype &&
            isReadOnce(step, input),
        );
      const slot = candidate && slotOf.get(candidate);
      const interval = slot === undefined ? undefined : intervals[slot];
      if (!candidate || slot === undefined || !interval) {
        open(storage, index);
        return;
      }
      free.delete(candidate);
      slotOf.set(storage, slot);
      interval.to = Math.max(interval.to, life.lastRead.get(storage) ?? index);
    });
  });
  const { offsets, bytes } = placeIntervals(intervals, rules);
  return {
    bytes,
    aliveBytes: mostAliveBytes(intervals, rules),
    offsetOf: (storage: Value): number => offsets[slotOf.get(storage) ?? -1] ?? 0,
  };
}

/** @throws BackendError `buffer-too-large` for a storage that fits no page. */
function checkPage(storage: Value, { pageBytes }: MemoryRules): void {
  const bytes = byteCount(storage);
  if (bytes <= pageBytes) return;
  const { operation, origin } = storage.node;
  throw new BackendError(
    'buffer-too-large',
    `${operation.name}${formatOrigin(origin)}: its result has ${bytes} bytes; this device allows ${pageBytes} in one piece. Use a smaller batch or length, or the wasm backend.`,
    { bytes, pageBytes },
  );
}

/** A storage read through two different views by one step must not be overwritten while the step runs. */
function isReadOnce<K extends LoweredKernel>(step: Step<K>, input: Value): boolean {
  return step.inputs.filter((other) => other === input).length === 1;
}

function planStep<K extends LoweredKernel>(step: Step<K>, locate: (storage: Value) => Location): PlanStep<K> {
  const outputs = step.outputs;
  const [node] = step.nodes.slice(-1);
  return {
    kernel: step.kernel,
    operations: step.nodes.map(({ operation }) => operation.name),
    path: node?.origin.path ?? '',
    get source() {
      return node?.origin.source ?? '';
    },
    inputs: step.inputs.map(locate),
    inputTypes: step.inputs.map(({ shape, dtype }) => ({ shape, dtype })),
    outputs: outputs.map((storage) => storage && locate(storage)),
    outputTypes: outputs.map((storage) => storage && { shape: storage.shape, dtype: storage.dtype }),
    bytesRead: step.inputs.reduce((sum, storage) => sum + byteCount(storage), 0),
    bytesWritten: outputs.reduce((sum, storage) => sum + (storage ? byteCount(storage) : 0), 0),
    arithmetic: step.arithmetic,
  };
}
