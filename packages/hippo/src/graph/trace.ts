// Tracing: a plain function is called once on symbolic values, and every operation it applies is recorded here with the module
// path and the caller's source line. Passes rebuild graphs through the same door, so rules are checked wherever nodes are made.
import { TraceError } from '../errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { type Shape, sameShape } from '../tensor/shape.ts';
import { callerSource } from './caller-source.ts';
import type { Graph } from './graph.ts';
import { RuleViolation } from './rule.ts';
import {
  type Attributes,
  formatType,
  type Node,
  type Operation,
  type Origin,
  type Region,
  type Value,
  type ValueType,
} from './value.ts';
import type { Variable } from './variable.ts';

export const inputOperation: Operation<{ name: string; shape: Shape; dtype: DType }> = {
  name: 'input',
  leaf: 'input',
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
};

export const variableOperation: Operation<{ variable: Variable }> = {
  name: 'variable',
  leaf: 'variable',
  infer: (_, { variable }) => [{ shape: variable.shape, dtype: variable.dtype }],
};

class Trace {
  readonly nodes: Node[] = [];
  readonly inputs = new Map<string, Value>();
  readonly reads = new Map<Variable, Value>();
  readonly assignments = new Map<Variable, Value>();
  readonly captureSource: boolean;
  path: string[] = [];
  /** Set while a pass rebuilds a node: its origin is kept. */
  origin: Origin | undefined;
  /** The innermost region being traced. */
  region: Region | undefined;
  nextId = 0;
  /** How often each key was asked for, see `ordinal`. */
  readonly ordinals = new Map<string, number>();

  constructor(captureSource: boolean) {
    this.captureSource = captureSource;
  }
}

let active: Trace | undefined;

function current(what: string): Trace {
  if (active) return active;
  throw new TraceError(
    'not-tracing',
    `${what}: operations only exist while a function is traced. Call it inside the function given to compile().`,
  );
}

function inside<T>(trace: Trace, run: () => T): T {
  const previous = active;
  active = trace;
  try {
    return run();
  } finally {
    active = previous;
  }
}

/** What a traced function may return: values by name. */
export type TracedOutputs = Readonly<Record<string, Value>>;

/** Calls `build` under a fresh trace and returns the graph it leaves. */
export function traceGraph(
  build: () => TracedOutputs | undefined,
  options: { readonly captureSource?: boolean } = {},
): Graph {
  const trace = new Trace(options.captureSource ?? true);
  const outputs = inside(trace, build);
  return {
    nodes: trace.nodes,
    inputs: trace.inputs,
    outputs: new Map(Object.entries(outputs ?? {})),
    assignments: trace.assignments,
  };
}

/** Declares a named input of the program being traced. */
export function input(name: string, type: ValueType): Value {
  const trace = current('input');
  if (trace.inputs.has(name)) {
    throw new TraceError('duplicate-input', `input: the name "${name}" is taken. Give every input its own name.`, {
      name,
    });
  }
  const value = applySingle(inputOperation, [], { name, shape: type.shape, dtype: type.dtype });
  trace.inputs.set(name, value);
  return value;
}

/** The content of a variable: what it held before the run, or what the trace has assigned to it since. */
export function read(variable: Variable): Value {
  const trace = current('read');
  const assigned = trace.assignments.get(variable) ?? trace.reads.get(variable);
  if (assigned) return assigned;
  const value = applySingle(variableOperation, [], { variable });
  trace.reads.set(variable, value);
  return value;
}

/**
 * Makes `value` the variable's content at the end of the run; later reads in this trace see it.
 * @throws TraceError `assign-type` when shape or dtype differ.
 */
export function assign(variable: Variable, value: Value): void {
  const trace = current('assign');
  if (!sameShape(variable.shape, value.shape) || variable.dtype !== value.dtype) {
    throw new TraceError(
      'assign-type',
      `assign${place(trace)}: variable "${variable.name}" is ${formatType(variable)}; got ${formatType(value)}. Reshape or cast the value first.`,
      { variable: variable.name, shape: value.shape, dtype: value.dtype },
    );
  }
  trace.assignments.set(variable, value);
}

/** Runs `build` with `name` appended to the module path that values record. */
export function within<T>(name: string, build: () => T): T {
  const trace = current('within');
  trace.path.push(name);
  try {
    return build();
  } finally {
    trace.path.pop();
  }
}

/** Runs `build` so that the nodes it makes carry `origin`. Passes use it to keep places across rewrites. */
export function withOrigin<T>(origin: Origin, build: () => T): T {
  const trace = current('withOrigin');
  const previous = trace.origin;
  trace.origin = origin;
  try {
    return build();
  } finally {
    trace.origin = previous;
  }
}

/** Runs `build` so that the nodes it makes belong to a region of their own. */
export function withinRegion<T>(build: () => T): T {
  const trace = current('recompute');
  const parent = trace.region;
  trace.region = { parent };
  try {
    return build();
  } finally {
    trace.region = parent;
  }
}

/** The innermost region being traced, if any. */
export function openRegion(): Region | undefined {
  return current('openRegion').region;
}

/** The module path at this point of the trace, dots between. */
export function currentPath(): string {
  return current('currentPath').path.join('.');
}

/** How many times `key` was asked for before in this trace: a stable number for things that repeat at one place. */
export function ordinal(key: string): number {
  const { ordinals } = current('ordinal');
  const count = ordinals.get(key) ?? 0;
  ordinals.set(key, count + 1);
  return count;
}

/**
 * Applies an operation to values and returns its results.
 * @throws TraceError `rule` when shapes, dtypes or attributes break the operation's rule.
 */
export function applyOperation<A extends Attributes>(
  operation: Operation<A>,
  inputs: readonly Value[],
  attributes: A,
): readonly Value[] {
  const trace = current(operation.name);
  const origin = trace.origin ?? originHere(trace, applyOperation);
  let types: readonly ValueType[];
  try {
    types = operation.infer(inputs, attributes);
  } catch (error) {
    if (!(error instanceof RuleViolation)) throw error;
    throw new TraceError(
      'rule',
      `${operation.name}${formatOrigin(origin)}: ${error.message}`,
      {
        ...error.facts,
        operation: operation.name,
        path: origin.path,
        source: origin.source,
        shapes: inputs.map((v) => v.shape),
      },
      { cause: error },
    );
  }
  const outputs: Value[] = [];
  const node: Node = { operation: operation as Operation, inputs, attributes, outputs, origin, region: trace.region };
  types.forEach((type, output) => {
    outputs.push({ id: trace.nextId++, shape: type.shape, dtype: type.dtype, node, output });
  });
  trace.nodes.push(node);
  return outputs;
}

/** The only result of an operation that has one. */
export function applySingle<A extends Attributes>(
  operation: Operation<A>,
  inputs: readonly Value[],
  attributes: A,
): Value {
  const [value] = applyOperation(operation, inputs, attributes);
  if (!value) throw new TraceError('no-result', `${operation.name}: the operation has no result.`);
  return value;
}

/** ` in layers.3.mixer (train.ts:41)`: where a node was made, for error sentences. */
export function formatOrigin(origin: Origin): string {
  const path = origin.path === '' ? '' : ` in ${origin.path}`;
  return origin.source === '' ? path : `${path} (${origin.source})`;
}

function place(trace: Trace): string {
  return formatOrigin(originHere(trace, place));
}

/** The place that a call of `below` is at. */
function originHere(trace: Trace, below: (...given: never[]) => unknown): Origin {
  const path = trace.path.join('.');
  if (!trace.captureSource) return { path, source: '' };
  const find = callerSource(below);
  let source: string | undefined;
  return {
    path,
    get source() {
      source ??= find();
      return source;
    },
  };
}
