// Hippo's devices for the suites that compile functions: one for each number of threads.
import { type Device, openDevice } from 'hippo';

export interface OpenedDevice {
  readonly device: Device;
  readonly threads: number;
}

/** Opens the devices, and closes them when `use` is done. */
export async function withDevices<T>(
  threads: readonly number[],
  use: (devices: readonly OpenedDevice[]) => Promise<T>,
): Promise<T> {
  const devices = await Promise.all(
    threads.map(async (count) => ({ device: await openDevice({ threads: count }), threads: count })),
  );
  try {
    return await use(devices);
  } finally {
    await Promise.all(devices.map(({ device }) => device.dispose()));
  }
}
