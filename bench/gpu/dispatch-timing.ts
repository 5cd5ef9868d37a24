// Times dispatches on a WebGPU device: many of them in one pass, by timestamps where offered, else by the time to the queue's end.
import type { Dispatch, OpenedDevice } from './internals.ts';
import { webGpuModule } from './internals.ts';

const { openWebGpuDevice } = await webGpuModule('open-device');
const { assembleShader, createPipelines } = await webGpuModule('pipelines');

/** Flags of GPUBufferUsage and GPUMapMode; Node has no such globals. */
const usage = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, storage: 0x80, queryResolve: 0x200 } as const;

export interface KernelBuffers {
  readonly inputs: readonly GPUBuffer[];
  readonly outputs: readonly GPUBuffer[];
  readonly workspace: GPUBuffer;
}

export interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Opens the GPU with these of Dawn's switches, or the usual ones, says what it is, and tells of its errors. */
export async function openForTiming(toggles: string | undefined): Promise<OpenedDevice> {
  const opened = await openWebGpuDevice(toggles === undefined ? {} : { toggles: toggles.split(',') });
  opened.device.addEventListener('uncapturederror', (event) => {
    console.log(`device error: ${(event as GPUUncapturedErrorEvent).error.message.slice(0, 400)}`);
  });
  console.log(opened.description);
  return opened;
}

export class DispatchTimer {
  readonly #device: GPUDevice;
  readonly #pipelines: ReturnType<typeof createPipelines>;
  readonly #timestamps: { readonly set: GPUQuerySet; readonly resolved: GPUBuffer } | undefined;

  constructor({ device, timestamps }: OpenedDevice) {
    this.#device = device;
    this.#pipelines = createPipelines(device);
    this.#timestamps = timestamps
      ? {
          set: device.createQuerySet({ type: 'timestamp', count: 2 }),
          resolved: device.createBuffer({ size: 16, usage: usage.queryResolve | usage.copySource }),
        }
      : undefined;
  }

  buffer(bytes: number, data?: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>): GPUBuffer {
    const flags = usage.storage | usage.copySource | usage.copyTarget;
    const buffer = this.#device.createBuffer({ size: Math.max(16, Math.ceil(bytes / 16) * 16), usage: flags });
    if (data) this.#device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }

  async read(buffer: GPUBuffer, bytes = buffer.size): Promise<ArrayBuffer> {
    const staging = this.#device.createBuffer({ size: bytes, usage: usage.mapRead | usage.copyTarget });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(usage.mapRead);
    const copy = staging.getMappedRange().slice(0);
    staging.destroy();
    return copy;
  }

  /** Compiles and binds. */
  async ready(
    dispatches: readonly Dispatch[],
    { inputs, outputs, workspace }: KernelBuffers,
  ): Promise<readonly Ready[]> {
    return await Promise.all(
      dispatches.map(async (dispatch): Promise<Ready> => {
        const placed = dispatch.bindings.map((binding) => {
          const { memory } = binding;
          if (memory.space === 'table') throw new Error('kernels with tables are not timed here');
          const operands = { input: inputs, output: outputs };
          const buffer = memory.space === 'workspace' ? workspace : operands[memory.space][memory.index];
          if (!buffer) throw new Error(`no buffer for ${binding.name}`);
          const { from, to } = memory.range ?? { from: 0, to: buffer.size };
          return { ...binding, buffer, offset: from, size: Math.ceil((to - from) / 16) * 16 };
        });
        const { source, kinds, bindings } = assembleShader(dispatch, placed);
        const pipeline = await this.#pipelines.pipeline(dispatch.label, source, kinds);
        const group = this.#device.createBindGroup({
          layout: this.#pipelines.layout(kinds),
          entries: bindings.map(({ buffer, offset, size }, binding) => ({
            binding,
            resource: { buffer, offset, size },
          })),
        });
        return { pipeline, group, workgroups: dispatch.workgroups };
      }),
    );
  }

  /** Milliseconds of `count` repetitions. */
  async milliseconds(ready: readonly Ready[], count: number): Promise<number> {
    const stamps = this.#timestamps;
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass(
      stamps ? { timestampWrites: { querySet: stamps.set, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } } : {},
    );
    for (let i = 0; i < count; i++) {
      for (const { pipeline, group, workgroups } of ready) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...workgroups);
      }
    }
    pass.end();
    if (stamps) encoder.resolveQuerySet(stamps.set, 0, 2, stamps.resolved, 0);
    const start = performance.now();
    this.#device.queue.submit([encoder.finish()]);
    await this.#device.queue.onSubmittedWorkDone();
    const waited = performance.now() - start;
    if (!stamps) return waited;
    const [from = 0n, to = 0n] = new BigUint64Array(await this.read(stamps.resolved, 16));
    return Number(to - from) / 1e6;
  }
}
