// Compiles a plain function on symbolic values into a plan on a device: a callable that owns its buffers.
import { UsageError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { printGraph } from '../graph/print.ts';
import { prune } from '../graph/prune.ts';
import { rewrite } from '../graph/rewrite.ts';
import { share } from '../graph/share.ts';
import { simplify } from '../graph/simplify.ts';
import { splitFrozen } from '../graph/split-frozen.ts';
import { input, type TracedOutputs, traceGraph } from '../graph/trace.ts';
import type { Value, ValueType } from '../graph/value.ts';
import type { Variable } from '../graph/variable.ts';
import { explainPlan, type PlanTotals, planTotals } from '../plan/explain.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { Plan } from '../plan/plan.ts';
import type { TypedArray } from '../tensor/dtype.ts';
import { float16ToFloat } from '../tensor/half-floats.ts';
import type { HostTensor } from '../tensor/host-tensor.ts';
import { elementCount, formatShape } from '../tensor/shape.ts';
import { packWeights, releasePacked } from './packed-weights.ts';
import type { Store } from './store.ts';

export interface CompileOptions<Inputs extends string> {
  readonly store: Store;
  /** Name, shape and dtype of each input. */
  readonly inputs?: Readonly<Record<Inputs, ValueType>>;
  /**
   * Variables that keep their content for as long as the function is used (the weights of a model that generates). What
   * depends on them alone is computed now, once; compile again after changing them.
   */
  readonly frozen?: readonly Variable[];
  /** Check the graph after every pass. Default: off; tests turn it on. */
  readonly verify?: boolean;
}

/** What a run takes: a tensor, or its numbers alone. */
export type RunInputs<Inputs extends string> = Readonly<Record<Inputs, HostTensor | TypedArray | readonly number[]>>;

export interface CompiledFunction<Inputs extends string, Outputs extends string> extends Disposable {
  /** Runs the plan once. Assignments to variables have happened when the promise resolves. */
  (inputs: RunInputs<Inputs>): Promise<Record<Outputs, HostTensor>>;
  readonly plan: Plan;
  readonly totals: PlanTotals;
  /** Every kernel with its bytes and its place in the model, then the totals; with times from `profile`, these too. */
  explain(seconds?: readonly number[]): string;
  /** The graph after the passes, as text. */
  print(): string;
  /**
   * Runs the plan `repeats` times step by step: the fastest time of each step, in seconds, in the order of `plan.steps`; by the
   * device's own clock where it has one.
   */
  profile(inputs: RunInputs<Inputs>, repeats?: number): Promise<readonly number[]>;
  /** Runs the plan step by step and names the first step whose result has a NaN or +∞. */
  findBadNumber(inputs: RunInputs<Inputs>): Promise<BadNumber | undefined>;
  dispose(): void;
}

export interface BadNumber {
  readonly operation: string;
  readonly path: string;
  readonly source: string;
  readonly value: number;
  readonly index: number;
}

/**
 * Traces `build` once, plans it for the store's device, and returns a function that runs the plan.
 * @throws TraceError on shape or dtype mistakes, BackendError `no-kernel`, UsageError `unknown-variable`.
 */
export async function compile<Inputs extends string = never, Outputs extends string = string>(
  build: (inputs: Readonly<Record<Inputs, Value>>) => Readonly<Record<Outputs, Value>> | undefined,
  options: CompileOptions<Inputs>,
): Promise<CompiledFunction<Inputs, Outputs>> {
  const { store, verify = false } = options;
  const types = (options.inputs ?? {}) as Readonly<Record<Inputs, ValueType>>;
  const names = Object.keys(types) as Inputs[];
  const traced = traceGraph(() => {
    const values = Object.fromEntries(names.map((name) => [name, input(name, types[name])])) as Record<Inputs, Value>;
    return build(values) as TracedOutputs | undefined;
  });
  const { backend } = store.device;
  const { graph, hidden, packed } = await foldFrozen(traced, options);
  const plan = makePlan(graph, backend.kernels, { verify });
  // Bound now: a variable without memory is found here, and one whose memory is gone before a run touches it.
  const bound = new Map(plan.variables.map((variable) => [variable, store.buffer(variable)]));
  const prepared = await backend.prepare(plan, (variable) => bound.get(variable) ?? store.buffer(variable));
  let { generation } = store;
  const outputs = [...plan.outputs.keys()] as Outputs[];
  let disposed = false;

  const writeInputs = (inputs: RunInputs<Inputs>): void => {
    if (disposed) throw new UsageError('disposed', 'compiled function: it was disposed of. Compile it again.');
    if (generation !== store.generation) checkBound();
    for (const name of names) prepared.writeInput(name, inputData(name, types[name], inputs[name]));
    const unknown = Object.keys(inputs).find((name) => !names.includes(name as Inputs));
    if (unknown)
      throw new UsageError(
        'unknown-input',
        `compiled function: there is no input "${unknown}"; the inputs are ${names.join(', ') || 'none'}.`,
        { input: unknown },
      );
  };
  const checkBound = (): void => {
    for (const [variable, buffer] of bound) {
      if (store.has(variable) && store.buffer(variable) === buffer) continue;
      throw new UsageError(
        'variable-dropped',
        `compiled function: variable "${variable.name}" was dropped from the store after the function was compiled. Compile it again.`,
        { variable: variable.name },
      );
    }
    generation = store.generation;
  };
  const run = async (inputs: RunInputs<Inputs>): Promise<Record<Outputs, HostTensor>> => {
    writeInputs(inputs);
    const results = await prepared.run();
    const entries = outputs.map((name) => {
      const { shape, dtype } = plan.outputs.get(name) as ValueType;
      return [name, { shape, dtype, data: results.get(name) as TypedArray }] as const;
    });
    return Object.fromEntries(entries) as Record<Outputs, HostTensor>;
  };
  const findBadNumber = async (inputs: RunInputs<Inputs>): Promise<BadNumber | undefined> => {
    writeInputs(inputs);
    for (let at = 0; at < plan.steps.length; at++) {
      await prepared.runSteps(at, at + 1);
      for (const read of await prepared.readStep(at)) {
        const numbers = read instanceof Uint16Array ? Float32Array.from(read, float16ToFloat) : read;
        // −∞ is how attention hides later tokens; it turns bad only when it meets another infinity, which shows as NaN.
        const index = numbers.findIndex((x: number) => Number.isNaN(x) || x === Number.POSITIVE_INFINITY);
        const step = plan.steps[at];
        if (index >= 0 && step)
          return {
            operation: step.operations.join('+'),
            path: step.path,
            source: step.source,
            value: numbers[index] ?? Number.NaN,
            index,
          };
      }
    }
    return undefined;
  };
  const timeSteps = async (): Promise<readonly number[]> => {
    if (prepared.timeSteps) return await prepared.timeSteps();
    const seconds: number[] = [];
    for (let at = 0; at < plan.steps.length; at++) {
      const started = performance.now();
      await prepared.runSteps(at, at + 1);
      seconds.push((performance.now() - started) / 1000);
    }
    return seconds;
  };
  const profile = async (inputs: RunInputs<Inputs>, repeats = 10): Promise<readonly number[]> => {
    let best = plan.steps.map(() => Number.POSITIVE_INFINITY);
    for (let repeat = 0; repeat < repeats; repeat++) {
      writeInputs(inputs);
      const seconds = await timeSteps();
      best = best.map((least, at) => Math.min(least, seconds[at] ?? least));
    }
    return best;
  };
  const dispose = (): void => {
    if (disposed) return;
    disposed = true;
    prepared.dispose();
    store.drop(hidden.filter((variable) => store.has(variable)));
    releasePacked(store, packed);
  };
  const explain = (seconds?: readonly number[]): string => explainPlan(plan, seconds);
  return Object.assign(run, {
    plan,
    totals: planTotals(plan),
    explain,
    print: () => printGraph(plan.graph),
    profile,
    findBadNumber,
    dispose,
    [Symbol.dispose]: dispose,
  });
}

let frozenPlans = 0;

/** Computes what depends on frozen variables alone and gives back the graph that reads the results. */
async function foldFrozen(traced: Graph, { store, frozen = [], verify = false }: CompileOptions<string>) {
  if (frozen.length === 0) return { graph: traced, hidden: [], packed: [] };
  frozenPlans += 1;
  const constant = new Set(frozen);
  const { backend } = store.device;
  const runOnce = async (graph: Graph): Promise<void> => {
    const plan = makePlan(graph, backend.kernels, { verify });
    const prepared = await backend.prepare(plan, (variable) => store.buffer(variable));
    await prepared.run();
    prepared.dispose();
  };
  const formed = rewrite(traced, (node, inputs) => backend.kernels.frozenForm?.(node, inputs));
  const { once, each, hidden } = splitFrozen(prune(share(simplify(formed))), constant, `plan${frozenPlans}`);
  store.initialize(hidden);
  if (hidden.length > 0) await runOnce(once);
  const { graph, packed, fill } = packWeights(each, { store, frozen: constant, kernels: backend.kernels });
  if (fill) await runOnce(fill);
  return { graph, hidden, packed };
}

function inputData(
  name: string,
  type: ValueType,
  given: HostTensor | TypedArray | readonly number[] | undefined,
): TypedArray {
  const count = elementCount(type.shape);
  if (given === undefined)
    throw new UsageError(
      'missing-input',
      `compiled function: input "${name}" is missing. Pass ${type.dtype}${formatShape(type.shape)}.`,
      { input: name },
    );
  const data = 'data' in given ? given.data : given;
  if (data.length !== count) {
    throw new UsageError(
      'input-size',
      `compiled function: input "${name}" is ${type.dtype}${formatShape(type.shape)}, ${count} numbers; got ${data.length}.`,
      { input: name, elements: data.length },
    );
  }
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint32Array) return data;
  return type.dtype === 'f32'
    ? Float32Array.from(data)
    : type.dtype === 'i32'
      ? Int32Array.from(data)
      : Uint32Array.from(data);
}
