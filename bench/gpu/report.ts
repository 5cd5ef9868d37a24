// What the programs of this folder share: their arguments, the device they measure, and times by kernel.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { type Device, openDevice, type TrainStep } from 'hippo';

type ProfiledStep = Awaited<ReturnType<TrainStep['profile']>>[number];
type PlanStep = TrainStep['plans'][number]['steps'][number];

export interface GpuArguments {
  /** Sizes that a software adapter can do. */
  readonly small: boolean;
  /** Where the results go as JSON; undefined: nowhere. */
  readonly output: string | undefined;
  readonly precision: 'f32' | 'f16';
  /** Sequences of a training step. */
  readonly batch: number;
  readonly backend: 'webgpu' | 'wasm';
}

/** `--small`, `--output FILE`, `--precision f32|f16`, `--backend webgpu|wasm`, `--batch N`, `--steps`. */
export function gpuArguments(): GpuArguments {
  const { values } = parseArgs({
    options: {
      small: { type: 'boolean', default: false },
      output: { type: 'string' },
      precision: { type: 'string', default: 'f32' },
      backend: { type: 'string', default: 'webgpu' },
      batch: { type: 'string', default: '1' },
      steps: { type: 'boolean', default: false },
    },
  });
  const precision = values.precision === 'f16' ? 'f16' : 'f32';
  return {
    batch: Number(values.batch),
    small: values.small,
    output: values.output,
    precision,
    backend: values.backend === 'wasm' ? 'wasm' : 'webgpu',
  };
}

export function openGpu({ precision, backend }: GpuArguments): Promise<Device> {
  return openDevice(backend === 'wasm' ? { backend } : { backend, webgpu: { precision } });
}

/** Seconds by kernel, the slowest first. */
export interface KernelTime {
  readonly kernel: string;
  readonly steps: number;
  readonly milliseconds: number;
  readonly gigabytesPerSecond: number;
  readonly gigaoperationsPerSecond: number;
}

export function byKernel(steps: readonly PlanStep[], seconds: readonly number[]): readonly KernelTime[] {
  const sums = new Map<string, { steps: number; seconds: number; bytes: number; operations: number }>();
  steps.forEach((step, index) => {
    const sum = sums.get(step.kernel.name) ?? { steps: 0, seconds: 0, bytes: 0, operations: 0 };
    sum.steps += 1;
    sum.seconds += seconds[index] ?? 0;
    sum.bytes += step.bytesRead + step.bytesWritten;
    sum.operations += step.arithmetic;
    sums.set(step.kernel.name, sum);
  });
  return [...sums]
    .map(([kernel, sum]) => ({
      kernel,
      steps: sum.steps,
      milliseconds: 1e3 * sum.seconds,
      gigabytesPerSecond: sum.bytes / sum.seconds / 1e9,
      gigaoperationsPerSecond: sum.operations / sum.seconds / 1e9,
    }))
    .sort((a, b) => b.milliseconds - a.milliseconds);
}

export function printKernels(times: readonly KernelTime[], most = 16): void {
  for (const { kernel, steps, milliseconds, gigabytesPerSecond, gigaoperationsPerSecond } of times.slice(0, most)) {
    const words = [
      `${kernel} ×${steps}`.padEnd(36),
      `${milliseconds.toFixed(3)} ms`.padStart(12),
      `${gigabytesPerSecond.toFixed(0)} GB/s`.padStart(11),
      `${gigaoperationsPerSecond.toFixed(0)} Gop/s`.padStart(13),
    ];
    console.log(`  ${words.join(' ')}`);
  }
}

/** With `--steps`: the steps that take longest, those that are alike as one line. */
export function printSteps(profile: readonly ProfiledStep[], most = 40): void {
  if (!process.argv.includes('--steps')) return;
  const alike = new Map<string, { count: number; seconds: number }>();
  for (const { step, seconds } of profile) {
    const shapes = step.outputTypes.map((type) => `[${type?.shape ?? ''}]`);
    const reason = step.kernel.reason ? ` [${step.kernel.reason}]` : '';
    const read = ((step.bytesRead + step.bytesWritten) / 1e6).toFixed(1);
    const key = `${step.operations.join('+')}${reason} ${shapes.slice(0, 3).join(' ')} ${read} MB ${(step.arithmetic / 1e9).toFixed(2)} Gop`;
    const known = alike.get(key) ?? { count: 0, seconds: 0 };
    alike.set(key, { count: known.count + 1, seconds: known.seconds + seconds });
  }
  const slowest = [...alike].sort(([, a], [, b]) => b.seconds - a.seconds).slice(0, most);
  for (const [key, { count, seconds }] of slowest)
    console.log(`  ${(1e3 * seconds).toFixed(3)} ms  ${count} × ${((1e6 * seconds) / count).toFixed(1)} µs  ${key}`);
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function writeJson(path: string | undefined, value: unknown): void {
  if (path === undefined) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(value, undefined, 1)}\n`);
}
