// Makes a plan ready to run: memory for its arena, constants and workspace, a pipeline and a bind group for each dispatch. A run
// then encodes them into command buffers.
import { BackendError } from '../../errors.ts';
import type { ValueType } from '../../graph/value.ts';
import type { Variable } from '../../graph/variable.ts';
import { constantNumbers } from '../../ops/constant.ts';
import { byteCount } from '../../plan/assign-memory.ts';
import type { Location, Plan, PlanStep } from '../../plan/plan.ts';
import { allocateArray, type TypedArray, viewArray } from '../../tensor/dtype.ts';
import { elementCount } from '../../tensor/shape.ts';
import type { PreparedPlan } from '../backend.ts';
import { encodeParts, type ReadyDispatch } from './encode.ts';
import type { DeviceErrors } from './errors.ts';
import type { WebGpuKernel } from './kernel-table.ts';
import type { Binding, Dispatch } from './kernels/dispatch.ts';
import type { DeviceMemory, Piece } from './memory.ts';
import { assembleShader, isIdle, type Pipelines, type PlacedBinding } from './pipelines.ts';
import { timeSteps } from './time-steps.ts';
import type { DeviceTraits } from './traits.ts';

/** An open device with what belongs to it. */
export interface Machine {
  readonly device: GPUDevice;
  readonly traits: DeviceTraits;
  readonly timestamps: boolean;
  readonly errors: DeviceErrors;
  readonly memory: DeviceMemory;
  readonly pipelines: Pipelines;
}

type BufferOf = (variable: Variable) => GPUBuffer;

/** A piece of memory of this size at a place; sizes are rounded up to 16 bytes so that vectors of four fit. */
type Locate = (location: Location, bytes: number) => Piece;

/**
 * Allocates and compiles.
 * @throws BackendError `shader-compile`, `buffer-too-large`, `binding-too-large`, `too-many-bindings`, `out-of-memory`, `device-lost`.
 */
export async function preparePlan(
  machine: Machine,
  plan: Plan<WebGpuKernel>,
  bufferOf: BufferOf,
): Promise<PreparedPlan> {
  const { memory, errors } = machine;
  const own = allocatePlan(machine, plan);
  const locate: Locate = (location, bytes) => own.locate(location, Math.ceil(Math.max(bytes, 4) / 16) * 16, bufferOf);
  const pieceOf = (type: ValueType, location: Location): Piece => ({
    ...own.locate(location, byteCount(type), bufferOf),
    bytes: byteCount(type),
  });
  try {
    writeConstants(machine, plan, own.constants);
    await fillTables(machine, plan, own);
    const steps = await Promise.all(
      plan.steps.map((step) => readyStep(machine, step, { locate, own, tables: plan.tables })),
    );
    const outputs = [...plan.outputs].map(([name, { location, ...type }]) => ({
      name,
      type,
      piece: pieceOf(type, location),
    }));
    const whole = encodeParts(steps.flat());
    const pieces = outputs.map(({ piece }) => piece);
    return {
      bytes: own.bytes,
      writeInput(name, data) {
        const input = plan.inputs.get(name);
        if (input) memory.write(pieceOf(input, input.location), data);
      },
      async run() {
        const bytes = await memory.run(whole, pieces);
        const results = splitResults(
          bytes,
          outputs.map(({ type }) => type),
        );
        return new Map(outputs.map(({ name }, index) => [name, results[index] ?? new Float32Array(0)]));
      },
      async runSteps(from, to) {
        await memory.run(encodeParts(steps.slice(from, to).flat()), []);
      },
      async readStep(index) {
        const { outputs: places = [], outputTypes = [] } = plan.steps[index] ?? {};
        const read = places.flatMap((location, i) => {
          const type = outputTypes[i];
          return location && type ? [{ type, piece: pieceOf(type, location) }] : [];
        });
        const bytes = await memory.run(
          [],
          read.map(({ piece }) => piece),
        );
        return splitResults(
          bytes,
          read.map(({ type }) => type),
        );
      },
      ...(machine.timestamps && { timeSteps: () => timeSteps(machine, steps) }),
      dispose: own.free,
    };
  } catch (error) {
    own.free();
    errors.check();
    throw error;
  }
}

/** Arrays that lie one after another in the bytes. */
function splitResults(bytes: ArrayBuffer, types: readonly ValueType[]): readonly TypedArray[] {
  let at = 0;
  return types.map((type) => {
    const array = viewArray(type.dtype, bytes, at, elementCount(type.shape));
    at += byteCount(type);
    return array;
  });
}

/** The plan's own buffers. */
interface PlanMemory {
  readonly bytes: number;
  readonly constants: GPUBuffer;
  readonly workspace: GPUBuffer;
  locate(location: Location, bytes: number, bufferOf: BufferOf): Piece;
  free(): void;
}

function allocatePlan({ memory }: Machine, plan: Plan<WebGpuKernel>): PlanMemory {
  const { pageBytes } = plan;
  const held: GPUBuffer[] = [];
  const allocate = (bytes: number, label: string): GPUBuffer => {
    const buffer = memory.allocate(bytes, label);
    held.push(buffer);
    return buffer;
  };
  const free = (): void => {
    for (const buffer of held.splice(0)) memory.free(buffer);
  };
  try {
    // No value crosses a page, so that an arena may be larger than a buffer can be.
    const pages = Array.from({ length: Math.max(1, Math.ceil(plan.arenaBytes / pageBytes)) }, (_, page) =>
      allocate(Math.min(pageBytes, plan.arenaBytes - page * pageBytes), "the plan's arena"),
    );
    const constants = allocate(plan.constantBytes, "the plan's constants");
    const workspace = allocate(plan.workspaceBytes, "the plan's workspace");
    return {
      bytes: held.reduce((sum, { size }) => sum + size, 0),
      constants,
      workspace,
      free,
      locate(location, bytes, bufferOf) {
        if (location.space === 'variable') return { buffer: bufferOf(location.variable), offset: 0, bytes };
        if (location.space === 'constants') return { buffer: constants, offset: location.offset, bytes };
        const page = Math.floor(location.offset / pageBytes);
        const buffer = pages[page];
        if (!buffer) throw new Error(`arena+${location.offset} lies outside the arena`);
        return { buffer, offset: location.offset - page * pageBytes, bytes };
      },
    };
  } catch (error) {
    free();
    throw error;
  }
}

function writeConstants({ memory }: Machine, plan: Plan<WebGpuKernel>, constants: GPUBuffer): void {
  for (const { offset, value } of plan.constants) {
    // A constant's attributes are those of its operation.
    const numbers = constantNumbers(value.node.attributes as Parameters<typeof constantNumbers>[0]);
    const data = allocateArray(value.dtype, numbers.length);
    data.set(numbers);
    memory.write({ buffer: constants, offset, bytes: data.byteLength }, data);
  }
}

/** Makes the tables of the plan's kernels, each once. */
async function fillTables(machine: Machine, plan: Plan<WebGpuKernel>, own: PlanMemory): Promise<void> {
  const tables = new Map(plan.steps.flatMap(({ kernel: { fill } }) => (fill ? [[fill.key, fill] as const] : [])));
  if (tables.size === 0) return;
  const ready = await Promise.all(
    [...tables].map(([key, { bytes, dispatch }]) =>
      readyDispatch(machine, dispatch, ({ memory }) => {
        if (memory.space !== 'table') throw new Error(`${dispatch.label}: a table is made from nothing but itself`);
        return { buffer: own.constants, offset: plan.tables.get(key) ?? 0, bytes };
      }),
    ),
  );
  await machine.memory.run(encodeParts(ready.filter((made) => made !== undefined)), []);
}

async function readyStep(
  machine: Machine,
  step: PlanStep<WebGpuKernel>,
  {
    locate,
    own,
    tables,
  }: { readonly locate: Locate; readonly own: PlanMemory; readonly tables: ReadonlyMap<string, number> },
): Promise<readonly ReadyDispatch[]> {
  const { kernel } = step;
  const place = ({ name, memory }: Binding): Piece => {
    if (memory.space === 'table') {
      const { key, bytes } = kernel.table ?? { key: '', bytes: 0 };
      return { buffer: own.constants, offset: tables.get(key) ?? 0, bytes };
    }
    if (memory.space === 'workspace') {
      const { from, to } = memory.range;
      return { buffer: own.workspace, offset: from, bytes: to - from };
    }
    const location = memory.space === 'input' ? step.inputs[memory.index] : step.outputs[memory.index];
    const type = memory.space === 'input' ? step.inputTypes[memory.index] : step.outputTypes[memory.index];
    if (!location || !type)
      throw new Error(`${kernel.name}: ${name} is bound to ${memory.space} ${memory.index}, which is not there`);
    if (!memory.range) return locate(location, byteCount(type));
    const { from, to } = memory.range;
    const whole = locate(location, to);
    return { ...whole, offset: whole.offset + from, bytes: Math.ceil((to - from) / 16) * 16 };
  };
  const dispatches = kernel.dispatches(step.outputs.map((location) => location !== undefined));
  const ready = dispatches.filter(({ workgroups }) => workgroups.every((count) => count > 0));
  const made = await Promise.all(ready.map((dispatch) => readyDispatch(machine, dispatch, place)));
  return made.filter((dispatch) => dispatch !== undefined);
}

async function readyDispatch(
  { device, pipelines, traits }: Machine,
  dispatch: Dispatch,
  place: (binding: Binding) => Piece,
): Promise<ReadyDispatch | undefined> {
  const placed: PlacedBinding[] = dispatch.bindings.map((binding) => {
    const { buffer, offset, bytes } = place(binding);
    return { ...binding, buffer, offset, size: bytes };
  });
  if (isIdle(dispatch, placed)) return undefined;
  const { source, kinds, bindings } = assembleShader(dispatch, placed);
  checkBindings(dispatch, bindings, traits);
  const pipeline = await pipelines.pipeline(dispatch.label, source, kinds);
  const group = device.createBindGroup({
    label: dispatch.label,
    layout: pipelines.layout(kinds),
    entries: bindings.map(({ buffer, offset, size }, binding) => ({ binding, resource: { buffer, offset, size } })),
  });
  return { pipeline, bindings: group, workgroups: dispatch.workgroups };
}

/** @throws BackendError `binding-too-large`, `too-many-bindings` where a kernel could not be cut to the device's limits. */
function checkBindings(
  { label }: Dispatch,
  bindings: readonly PlacedBinding[],
  { maxBindingBytes, maxStorageBuffers }: DeviceTraits,
): void {
  const advice = 'Use a smaller model or batch, or the wasm backend.';
  const wide = bindings.find(({ size }) => size > maxBindingBytes);
  if (wide) {
    throw new BackendError(
      'binding-too-large',
      `webgpu, ${label}: ${wide.name} has ${wide.size} bytes; this device lets a kernel see ${maxBindingBytes} at once. ${advice}`,
      { bytes: wide.size, maxBindingBytes },
    );
  }
  if (bindings.length <= maxStorageBuffers) return;
  // Far apart in an operand larger than a binding, what would be one binding is several.
  throw new BackendError(
    'too-many-bindings',
    `webgpu, ${label}: needs ${bindings.length} pieces of memory; this device lets a kernel see ${maxStorageBuffers}. ${advice}`,
    { bindings: bindings.length, maxStorageBuffers },
  );
}
