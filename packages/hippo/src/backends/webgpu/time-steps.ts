// Times the steps of a plan by timestamp queries: each step is a compute pass of its own, with a timestamp at either end.
import { encodeDispatches, type ReadyDispatch } from './encode.ts';
import type { DeviceMemory } from './memory.ts';

/** The most queries of a set (WebGPU specification, 'timestamp-query'). */
const mostQueries = 4096;
const queryResolve = 0x200;
const copySource = 0x4;

/** Seconds of each step; the steps run in order, so that variables change as in a run. */
export async function timeSteps(
  { device, memory }: { readonly device: GPUDevice; readonly memory: DeviceMemory },
  steps: readonly (readonly ReadyDispatch[])[],
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let from = 0; from < steps.length; from += mostQueries / 2) {
    times.push(...(await timeSome({ device, memory }, steps.slice(from, from + mostQueries / 2))));
  }
  return times;
}

async function timeSome(
  { device, memory }: { readonly device: GPUDevice; readonly memory: DeviceMemory },
  steps: readonly (readonly ReadyDispatch[])[],
): Promise<readonly number[]> {
  const count = 2 * steps.length;
  const querySet = device.createQuerySet({ type: 'timestamp', count });
  const buffer = device.createBuffer({ size: 8 * count, usage: queryResolve | copySource });
  try {
    const encode = (encoder: GPUCommandEncoder): void => {
      steps.forEach((dispatches, index) => {
        const [beginningOfPassWriteIndex, endOfPassWriteIndex] = [2 * index, 2 * index + 1];
        const timestampWrites = { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex };
        encodeDispatches(encoder, dispatches, { timestampWrites });
      });
      encoder.resolveQuerySet(querySet, 0, count, buffer, 0);
    };
    const nanoseconds = new BigUint64Array(await memory.run([encode], [{ buffer, offset: 0, bytes: 8 * count }]));
    return steps.map((_, index) => {
      const [begin = 0n, end = 0n] = nanoseconds.subarray(2 * index, 2 * index + 2);
      // Clocks of some devices run backwards across a power state; that is no time.
      return end > begin ? Number(end - begin) * 1e-9 : 0;
    });
  } finally {
    querySet.destroy();
    buffer.destroy();
  }
}
