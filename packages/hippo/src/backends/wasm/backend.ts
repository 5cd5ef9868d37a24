// The WebAssembly backend, the default everywhere: a plan becomes a table of calls in the kernels' own memory, which the
// threads walk together; JavaScript is entered once a run.
import { BackendError } from '../../errors.ts';
import type { ValueType } from '../../graph/value.ts';
import type { Variable } from '../../graph/variable.ts';
import { constantNumbers } from '../../ops/constant.ts';
import type { Location, Plan, PlanStep } from '../../plan/plan.ts';
import { allocateArray, bytesPerElement, type TypedArray, viewArray } from '../../tensor/dtype.ts';
import { elementCount } from '../../tensor/shape.ts';
import type { Backend, DeviceBuffer, PreparedPlan } from '../backend.ts';
import { openEngine, type WasmEngine } from './engine.ts';
import { type WasmKernel, wasmKernels } from './kernel-table.ts';
import type { KernelCall } from './kernels/call.ts';

interface WasmBuffer extends DeviceBuffer {
  readonly address: number;
}

function addressOf(buffer: DeviceBuffer): number {
  if ('address' in buffer) return (buffer as WasmBuffer).address;
  throw new BackendError(
    'foreign-buffer',
    'wasm: the buffer belongs to another backend. Use the store of the same device.',
  );
}

/**
 * Opens the WebAssembly backend.
 * @param options.threads default: the number of cores; one where shared memory is missing.
 * @param options.relaxed false: without relaxed SIMD.
 * @param options.wide kernels made for wide vectors, or not; default: where those are switched on.
 */
export async function openWasmBackend(
  options: { readonly threads?: number; readonly relaxed?: boolean; readonly wide?: boolean } = {},
): Promise<Backend<WasmKernel>> {
  const engine = await openEngine(options);
  const { threads, relaxedSimd, sharedMemory, wideVectors } = engine;
  return {
    name: 'wasm',
    description: `WebAssembly SIMD${relaxedSimd ? ' with relaxed multiply-add' : ''}${wideVectors ? ', kernels for 256-bit vectors' : ''}, ${threads} thread${threads === 1 ? '' : 's'}${sharedMemory ? '' : ' (no shared memory here)'}`,
    kernels: wasmKernels({ threads, wide: wideVectors }),
    get allocatedBytes() {
      return engine.allocatedBytes;
    },
    allocate: (type): WasmBuffer => ({
      type,
      address: engine.allocate(Math.max(4, elementCount(type.shape) * bytesPerElement(type.dtype))),
    }),
    write: (buffer, data) => view(engine, addressOf(buffer), buffer.type).set(data),
    clear: (buffer) => void view(engine, addressOf(buffer), buffer.type).fill(0),
    read: async (buffer) => copyOut(engine, addressOf(buffer), buffer.type),
    free: (buffer) => engine.free(addressOf(buffer)),
    prepare: async (plan, bind) => preparePlan(engine, plan, bind),
    dispose: () => engine.dispose(),
  };
}

function view(engine: WasmEngine, address: number, { dtype, shape }: ValueType): TypedArray {
  return viewArray(dtype, engine.memory.buffer, address, elementCount(shape));
}

function copyOut(engine: WasmEngine, address: number, type: ValueType): TypedArray {
  const copy = allocateArray(type.dtype, elementCount(type.shape));
  copy.set(view(engine, address, type));
  return copy;
}

function preparePlan(
  engine: WasmEngine,
  plan: Plan<WasmKernel>,
  bind: (variable: Variable) => DeviceBuffer,
): PreparedPlan {
  const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;
  const bytes = align(plan.arenaBytes) + align(plan.constantBytes) + align(plan.workspaceBytes);
  const arena = engine.allocate(Math.max(64, bytes));
  const constants = arena + align(plan.arenaBytes);
  const workspace = constants + align(plan.constantBytes);
  const locate = (location: Location): number => {
    if (location.space === 'variable') return addressOf(bind(location.variable));
    return (location.space === 'arena' ? arena : constants) + location.offset;
  };
  for (const { offset, value } of plan.constants) {
    view(engine, constants + offset, value).set(
      constantNumbers(value.node.attributes as Parameters<typeof constantNumbers>[0]),
    );
  }
  const tableAt = (key: string): number => constants + (plan.tables.get(key) ?? 0);
  writeTables(engine, plan, tableAt);
  // Steps and calls differ in number: starts[i] is the first call of step i.
  const calls: KernelCall[] = [];
  const starts = plan.steps.map((step) => {
    const start = calls.length;
    calls.push(...stepCalls(step, { locate, workspace, tableAt }, engine.threads));
    return start;
  });
  starts.push(calls.length);
  const loaded = engine.load(calls);
  return {
    bytes,
    writeInput(name, data) {
      const input = plan.inputs.get(name);
      if (input) view(engine, locate(input.location), input).set(data);
    },
    async run() {
      engine.run(loaded);
      return new Map([...plan.outputs].map(([name, type]) => [name, copyOut(engine, locate(type.location), type)]));
    },
    async runSteps(from, to) {
      engine.run(loaded, starts[from], starts[to]);
    },
    async readStep(index) {
      const { outputs = [], outputTypes = [] } = plan.steps[index] ?? {};
      return outputs.flatMap((location, i) => {
        const type = outputTypes[i];
        return location && type ? [copyOut(engine, locate(location), type)] : [];
      });
    },
    dispose() {
      engine.unload(loaded);
      engine.free(arena);
    },
  };
}

/** Fills the plan's tables, each once. */
function writeTables(engine: WasmEngine, plan: Plan<WasmKernel>, tableAt: (key: string) => number): void {
  const tables = new Map(
    plan.steps.flatMap(({ kernel: { calls } }) => (calls.table ? [[calls.table.key, calls.table]] : [])),
  );
  if (tables.size === 0) return;
  const filling = engine.load([...tables].map(([key, table]) => table.fill(tableAt(key))));
  engine.run(filling);
  engine.unload(filling);
}

function stepCalls(
  step: PlanStep<WasmKernel>,
  {
    locate,
    workspace,
    tableAt,
  }: {
    readonly locate: (location: Location) => number;
    readonly workspace: number;
    readonly tableAt: (key: string) => number;
  },
  threads: number,
): readonly KernelCall[] {
  const { kernel } = step;
  const place = (
    locations: readonly (Location | undefined)[],
    order: readonly (number | undefined)[] | undefined,
  ): number[] => {
    const addresses = locations.map((location) => (location ? locate(location) : 0));
    return order ? order.map((index) => (index === undefined ? 0 : (addresses[index] ?? 0))) : addresses;
  };
  const at = {
    inputs: place(step.inputs, kernel.inputSlots),
    outputs: place(step.outputs, kernel.outputSlots),
    workspace,
    ...(kernel.calls.table && { table: tableAt(kernel.calls.table.key) }),
  };
  return kernel.calls.calls(at, threads);
}
