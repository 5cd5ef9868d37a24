// The options that every command with a model takes: where it runs. What was chosen is said once on stderr.
import { type BackendName, backendNames, type Device, openDevice } from 'hippo';
import type { CommandIo } from '../terminal/io.ts';

export const deviceOptions = {
  backend: { type: 'choice', choices: backendNames as readonly BackendName[], default: 'wasm', help: 'what computes' },
  threads: {
    type: 'integer',
    min: 1,
    max: 256,
    short: 't',
    help: 'threads of the wasm backend',
    defaultText: 'one a core',
  },
} as const;

export interface DeviceChoice {
  readonly backend: BackendName;
  readonly threads: number | undefined;
}

/** Opens the device and says what it is. */
export async function openChosenDevice({ backend, threads }: DeviceChoice, io: CommandIo): Promise<Device> {
  const device = await openDevice({ backend, ...(threads !== undefined && { threads }) });
  io.err.line(io.err.colors.dim(`${device.name}: ${device.description}`));
  return device;
}
