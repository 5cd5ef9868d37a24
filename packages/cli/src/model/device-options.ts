// The options that every command with a model takes: where it runs. What was chosen is said once on stderr.
import { type BackendName, backendNames, type Device, enableWideVectors, openDevice } from 'hippo';
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
  'wide-vectors': {
    type: 'choice',
    choices: ['auto', 'off'],
    default: 'auto',
    help: 'auto: 256-bit vectors where Node has them',
  },
} as const;

export interface DeviceChoice {
  readonly backend: BackendName;
  readonly threads: number | undefined;
  readonly 'wide-vectors': 'auto' | 'off';
}

/** Opens the device and says what it is. */
export async function openChosenDevice(choice: DeviceChoice, io: CommandIo): Promise<Device> {
  const { backend, threads, 'wide-vectors': wide } = choice;
  // For the whole process, so it is the command that decides, before anything is compiled.
  if (wide === 'auto') enableWideVectors();
  const device = await openDevice({ backend, ...(threads !== undefined && { threads }) });
  io.err.line(io.err.colors.dim(`${device.name}: ${device.description}`));
  return device;
}
