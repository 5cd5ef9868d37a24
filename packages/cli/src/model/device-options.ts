// The options that every command with a model takes: where it runs. What was chosen is said once on stderr.
import { type BackendName, backendNames, type Device, enableWideVectors, openDevice, UsageError } from 'hippo';
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
  precision: {
    type: 'choice',
    choices: ['f32', 'f16'],
    default: 'f32',
    help: 'what the webgpu backend makes matrix products in; sums are f32',
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
  readonly precision: 'f32' | 'f16';
  readonly 'wide-vectors': 'auto' | 'off';
}

/** @throws UsageError `precision-of-backend` for half precision on another backend than webgpu. */
export function checkPrecision({ backend, precision }: Pick<DeviceChoice, 'backend' | 'precision'>): void {
  if (precision === 'f32' || backend === 'webgpu') return;
  throw new UsageError(
    'precision-of-backend',
    `--precision ${precision} is for --backend webgpu; got --backend ${backend}, which computes in f32.`,
    { precision, backend },
  );
}

/**
 * Opens the device and says what it is. A backend that is not there is an error, and no other is taken instead.
 * @throws UsageError where options are for another backend; BackendError where it cannot run here.
 */
export async function openChosenDevice(choice: DeviceChoice, io: CommandIo): Promise<Device> {
  const { backend, threads, precision, 'wide-vectors': wide } = choice;
  checkPrecision(choice);
  // For the whole process, so it is the command that decides, before anything is compiled.
  if (wide === 'auto') enableWideVectors();
  const device = await openDevice({ backend, webgpu: { precision }, ...(threads !== undefined && { threads }) });
  io.err.line(io.err.colors.dim(`${device.name}: ${device.description}`));
  return device;
}
