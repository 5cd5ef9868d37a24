// Runs the dispatches of one kernel on a WebGPU device, with limits of the test's choice: no binding may cover more than the traits say.
import type { KernelChoice } from './kernels/dispatch.ts';
import { type OpenedDevice, openWebGpuDevice, type WebGpuOptions } from './open-device.ts';
import { assembleShader, createPipelines, type PlacedBinding } from './pipelines.ts';
import type { DeviceTraits } from './traits.ts';

const usage = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, storage: 0x80 } as const;

export interface KernelRun {
  readonly choice: Pick<KernelChoice, 'workspaceBytes'> & {
    readonly dispatches: ReturnType<KernelChoice['dispatches']>;
  };
  readonly inputs: readonly (Float32Array | Int32Array)[];
  /** Elements of each output. */
  readonly outputs: readonly number[];
  readonly traits: DeviceTraits;
  /** Changes a shader's text before it is compiled. */
  readonly edit?: (source: string) => string;
}

export interface KernelRunner {
  readonly opened: OpenedDevice;
  run(options: KernelRun): Promise<readonly Float32Array[]>;
}

export async function openKernelRunner(options: WebGpuOptions = {}): Promise<KernelRunner> {
  const opened = await openWebGpuDevice(options);
  const { device } = opened;
  const pipelines = createPipelines(device);
  const allocate = (bytes: number, data?: Float32Array | Int32Array): GPUBuffer => {
    const size = Math.ceil(Math.max(bytes, 16) / 16) * 16;
    const buffer = device.createBuffer({ size, usage: usage.storage | usage.copySource | usage.copyTarget });
    if (data) device.queue.writeBuffer(buffer, 0, data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    return buffer;
  };
  return {
    opened,
    async run({ choice, inputs, outputs, traits, edit = (source) => source }) {
      const buffers = {
        input: inputs.map((data) => allocate(data.byteLength, data)),
        output: outputs.map((count) => allocate(count * 4)),
        workspace: allocate(choice.workspaceBytes ?? 0),
      };
      for (const { bindings, workgroups, label, ...dispatch } of choice.dispatches) {
        const placed = bindings.map((binding): PlacedBinding => {
          const { memory } = binding;
          if (memory.space === 'table') throw new Error('no tables here');
          const buffer = memory.space === 'workspace' ? buffers.workspace : buffers[memory.space][memory.index];
          if (!buffer) throw new Error(`no buffer for ${binding.name}`);
          const { from, to } = memory.range ?? { from: 0, to: buffer.size };
          if (from % 256 !== 0) throw new Error(`${label}: ${binding.name} begins at ${from}`);
          if (to - from > traits.maxBindingBytes)
            throw new Error(`${label}: ${binding.name} covers ${to - from} bytes`);
          return { ...binding, buffer, offset: from, size: Math.ceil((to - from) / 16) * 16 };
        });
        const shader = assembleShader({ bindings, workgroups, label, ...dispatch }, placed);
        const pipeline = await pipelines.pipeline(label, edit(shader.source), shader.kinds);
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        const entries = shader.bindings.map(({ buffer, offset, size }, binding) => ({
          binding,
          resource: { buffer, offset, size },
        }));
        pass.setBindGroup(0, device.createBindGroup({ layout: pipelines.layout(shader.kinds), entries }));
        pass.dispatchWorkgroups(...workgroups);
        pass.end();
        device.queue.submit([encoder.finish()]);
      }
      return await Promise.all(outputs.map((count, i) => readFloats(device, buffers.output[i] as GPUBuffer, count)));
    },
  };
}

async function readFloats(device: GPUDevice, buffer: GPUBuffer, count: number): Promise<Float32Array> {
  const staging = device.createBuffer({ size: buffer.size, usage: usage.mapRead | usage.copyTarget });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(usage.mapRead);
  return new Float32Array(staging.getMappedRange().slice(0, count * 4));
}
