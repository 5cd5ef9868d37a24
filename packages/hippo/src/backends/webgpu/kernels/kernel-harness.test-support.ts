// Runs the dispatches of one kernel on a device, outside any plan: with traits that no device has, such as bindings of a kilobyte.
import { expect } from 'vitest';
import { bytesPerElement, type DType, type TypedArray, viewArray } from '../../../tensor/dtype.ts';
import { openWebGpuDevice } from '../open-device.ts';
import { assembleShader, createPipelines, isIdle, type PlacedBinding } from '../pipelines.ts';
import type { Binding, Dispatch, KernelChoice } from './dispatch.ts';

/** A kernel, or some of its dispatches. */
export type KernelToRun = Pick<KernelChoice, 'workspaceBytes' | 'table'> & {
  readonly dispatches: KernelChoice['dispatches'] | readonly Dispatch[];
};

export interface KernelRun {
  readonly inputs: readonly TypedArray[];
  readonly outputs: readonly { readonly count: number; readonly dtype?: DType }[];
  /** Result → the operand whose memory it takes over. */
  readonly inPlace?: Readonly<Record<number, number>>;
  /** No binding may be larger; default: any size. */
  readonly maxBindingBytes?: number;
  /** Changes a shader's text before it is compiled. */
  readonly edit?: (source: string) => string;
}

/** Runs kernels on one device. Dispose it at the end. */
export async function openKernelHarness() {
  const opened = await openWebGpuDevice({});
  const { device } = opened;
  const pipelines = createPipelines(device);
  const allocate = (bytes: number): GPUBuffer =>
    device.createBuffer({ size: Math.max(16, Math.ceil(bytes / 16) * 16), usage: 0x80 | 0x4 | 0x8 });

  async function encode(
    pass: GPUComputePassEncoder,
    dispatch: Dispatch,
    bufferOf: (binding: Binding) => GPUBuffer,
    { maxBindingBytes: most = Number.POSITIVE_INFINITY, edit = (source) => source }: KernelRun,
  ): Promise<void> {
    const placed = dispatch.bindings.map((binding): PlacedBinding => {
      const buffer = bufferOf(binding);
      const { from, to } = ('range' in binding.memory && binding.memory.range) || { from: 0, to: buffer.size };
      expect(from % 256, `${binding.name} starts at a multiple of 256`).toBe(0);
      expect(to - from, `bytes of ${binding.name}`).toBeLessThanOrEqual(most);
      return { ...binding, buffer, offset: from, size: Math.min(Math.ceil((to - from) / 16) * 16, buffer.size - from) };
    });
    if (isIdle(dispatch, placed)) return;
    const { source, kinds, bindings } = assembleShader(dispatch, placed);
    const pipeline = await pipelines.pipeline(dispatch.label, edit(source), kinds);
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipelines.layout(kinds),
        entries: bindings.map(({ buffer, offset, size }, binding) => ({ binding, resource: { buffer, offset, size } })),
      }),
    );
    pass.dispatchWorkgroups(...dispatch.workgroups);
  }

  return {
    traits: opened.traits,
    async run(kernel: KernelToRun, options: KernelRun): Promise<TypedArray[]> {
      const { inputs, outputs, inPlace = {} } = options;
      const operands = inputs.map((data) => {
        const buffer = allocate(data.byteLength);
        device.queue.writeBuffer(buffer, 0, data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
        return buffer;
      });
      const results = outputs.map(({ count, dtype = 'f32' }, i) => {
        const operand = operands[inPlace[i] ?? -1];
        return operand ?? allocate(count * bytesPerElement(dtype));
      });
      const workspace = allocate(kernel.workspaceBytes ?? 0);
      const table = allocate(kernel.table?.bytes ?? 0);
      const bufferOf = ({ name, memory }: Binding): GPUBuffer => {
        const buffer =
          memory.space === 'input'
            ? operands[memory.index]
            : memory.space === 'output'
              ? results[memory.index]
              : memory.space === 'table'
                ? table
                : workspace;
        if (!buffer) throw new Error(`no memory for ${name}`);
        return buffer;
      };
      const { dispatches } = kernel;
      const chosen = typeof dispatches === 'function' ? dispatches(outputs.map(() => true)) : dispatches;
      const all = [...(kernel.table ? [kernel.table.fill] : []), ...chosen];
      device.pushErrorScope('validation');
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (const dispatch of all) await encode(pass, dispatch, bufferOf, options);
      pass.end();
      const staging = results.map((buffer) => {
        const copy = device.createBuffer({ size: buffer.size, usage: 0x1 | 0x8 });
        encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
        return copy;
      });
      device.queue.submit([encoder.finish()]);
      const problem = await device.popErrorScope();
      if (problem) throw new Error(problem.message);
      const read = await Promise.all(
        staging.map(async (copy, i) => {
          await copy.mapAsync(0x1);
          const { count = 0, dtype = 'f32' } = outputs[i] ?? {};
          return viewArray(dtype, copy.getMappedRange().slice(0), 0, count);
        }),
      );
      for (const buffer of [...operands, ...results, ...staging, workspace, table]) buffer.destroy();
      return read;
    },
    dispose: () => opened.device.destroy(),
  };
}

export type KernelHarness = Awaited<ReturnType<typeof openKernelHarness>>;
