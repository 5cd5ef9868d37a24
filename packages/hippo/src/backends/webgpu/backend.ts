// The WebGPU backend: every kernel of a plan becomes dispatches with bind groups made beforehand; a run is a few command buffers.
import { BackendError } from '../../errors.ts';
import { byteCount } from '../../plan/assign-memory.ts';
import { viewArray } from '../../tensor/dtype.ts';
import { elementCount } from '../../tensor/shape.ts';
import type { Backend, DeviceBuffer } from '../backend.ts';
import { watchDevice } from './errors.ts';
import { type WebGpuKernel, webGpuKernels } from './kernel-table.ts';
import { roundsFactors } from './kernels/matmul-forms.ts';
import { createMemory } from './memory.ts';
import { openWebGpuDevice, type WebGpuOptions } from './open-device.ts';
import { createPipelines } from './pipelines.ts';
import { preparePlan } from './prepare-plan.ts';

interface WebGpuBuffer extends DeviceBuffer {
  readonly memory: GPUBuffer;
}

/** The GPU buffer of a variable. */
function memoryOf(buffer: DeviceBuffer): GPUBuffer {
  if ('memory' in buffer) return (buffer as WebGpuBuffer).memory;
  throw new BackendError(
    'foreign-buffer',
    'webgpu: the buffer belongs to another backend. Use the store of the same device.',
  );
}

/**
 * Opens the WebGPU backend.
 * @throws BackendError `no-webgpu`, `no-adapter`, `missing-feature`.
 */
export async function openWebGpuBackend(options: WebGpuOptions = {}): Promise<Backend<WebGpuKernel>> {
  const opened = await openWebGpuDevice(options);
  const { device, traits, timestamps, description, details } = opened;
  const errors = watchDevice(device);
  const memory = createMemory(device, errors);
  const pipelines = createPipelines(device);
  // The whole of `opened` stays referenced: see FoundAdapter.
  const machine = { opened, device, traits, timestamps, errors, memory, pipelines };
  return {
    name: 'webgpu',
    separateMemory: true,
    roundsFactors: roundsFactors(traits),
    description,
    details,
    kernels: webGpuKernels(traits, memory.maxBufferBytes),
    get allocatedBytes() {
      return memory.allocatedBytes;
    },
    allocate: (type, name): WebGpuBuffer => ({
      type,
      memory: memory.allocate(byteCount(type), `variable "${name}"`),
    }),
    write: (buffer, data) => memory.write({ buffer: memoryOf(buffer), offset: 0, bytes: data.byteLength }, data),
    clear: (buffer) => memory.clear(memoryOf(buffer)),
    async read(buffer) {
      const { type } = buffer;
      const bytes = await memory.run([], [{ buffer: memoryOf(buffer), offset: 0, bytes: byteCount(type) }]);
      return viewArray(type.dtype, bytes, 0, elementCount(type.shape));
    },
    free: (buffer) => memory.free(memoryOf(buffer)),
    prepare: (plan, bind) => preparePlan(machine, plan, (variable) => memoryOf(bind(variable))),
    async dispose() {
      errors.close();
      memory.dispose();
      device.destroy();
    },
  };
}
