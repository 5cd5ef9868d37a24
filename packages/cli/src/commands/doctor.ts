// `hippo doctor`: what this machine offers, what each backend is, and why one is not available; with a model, whether it does here
// what it should, and what it costs.
import { arch, availableParallelism, cpus, freemem, platform, totalmem } from 'node:os';
import { type BackendName, backendNames, type DeviceDetails, enableWideVectors, openDevice } from 'hippo';
import { defineCommand, type ValuesOf } from '../arguments/command.ts';
import { deviceOptions } from '../model/device-options.ts';
import { examineModel, type Finding } from '../model/examination.ts';
import { modelOptions } from '../model/model-options.ts';
import { formatBytes } from '../report/format.ts';
import { alignTable } from '../report/table.ts';
import type { CommandIo } from '../terminal/io.ts';

export const command = defineCommand({
  name: 'doctor',
  summary: 'What this machine offers, which backends work, and whether a model does',
  positionals: {},
  options: {
    ...modelOptions,
    model: {
      ...modelOptions.model,
      required: false,
      help: 'compare convolution with recurrence and every backend with the reference on this model; time it',
    },
    threads: deviceOptions.threads,
    require: {
      type: 'choice',
      choices: backendNames,
      help: 'fail when this backend is not available; without a GPU, webgpu may be missing',
      defaultText: 'wasm and reference',
    },
    json: { type: 'boolean', help: 'print one JSON document' },
  },
  examples: [
    { line: 'hippo doctor', help: 'exit code 1 when a backend that runs everywhere does not work' },
    { line: 'hippo doctor --require webgpu', help: 'exit code 1 without a GPU' },
    { line: 'hippo doctor --model runs/first-light', help: 'exit code 1 when something disagrees' },
  ],
});

interface BackendReport {
  readonly name: BackendName;
  readonly works: boolean;
  readonly description: string;
  readonly details?: DeviceDetails;
}

async function examine(name: BackendName): Promise<BackendReport> {
  try {
    await using device = await openDevice({ backend: name });
    const { description, details } = device;
    return { name, works: true, description, ...(details && { details }) };
  } catch (error) {
    return { name, works: false, description: error instanceof Error ? error.message : String(error) };
  }
}

/** A backend's rows of the table. */
function rowsOf({ name, works, description, details }: BackendReport): readonly (readonly string[])[] {
  const first = [name, `${works ? 'works' : 'not available'}: ${details ? details.adapter : description}`];
  if (!details) return [first];
  const limits = Object.entries(details.limits).map(([limit, value]) => [`  ${limit}`, formatLimit(limit, value)]);
  return [first, ['  features', details.features.join(', ') || 'none beyond the base'], ...limits];
}

const formatLimit = (limit: string, value: number): string =>
  limit.endsWith('Size') ? formatBytes(value) : value.toLocaleString('en');

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<number> {
  const { json, model, threads, require } = options;
  const machine = {
    node: process.version,
    system: `${platform()} ${arch()}`,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    freeMemoryBytes: freemem(),
    sharedMemory: typeof SharedArrayBuffer !== 'undefined',
    wideVectors: enableWideVectors(),
  };
  const backends: BackendReport[] = [];
  for (const name of backendNames) backends.push(await examine(name));
  // A GPU is not on every machine; what needs none is.
  const works = backends.every((backend) => backend.works || (backend.name === 'webgpu' && require !== 'webgpu'));
  if (!json) {
    io.out.line(
      alignTable([
        ['Node', machine.node],
        ['system', machine.system],
        ['processor', `${machine.processor}, ${machine.cores} core${machine.cores === 1 ? '' : 's'}`],
        ['memory', `${formatBytes(machine.memoryBytes)}, ${formatBytes(machine.freeMemoryBytes)} free`],
        ['256-bit vectors', `${machine.wideVectors.on ? 'on' : 'off'}: ${machine.wideVectors.reason}`],
        ...backends.flatMap(rowsOf),
      ]),
    );
  }
  const findings: Finding[] = [];
  if (model !== undefined) {
    if (!json) io.out.line();
    const tested = backends.filter((backend) => backend.works).map(({ name }) => name);
    const choice = { ...options, model };
    for await (const finding of examineModel({ choice, backends: tested, threads, freeBytes: freemem() })) {
      findings.push(finding);
      if (!json) io.out.line(`${finding.check.padEnd(18)}  ${finding.text}`);
    }
  }
  if (json) io.out.line(JSON.stringify({ ...machine, backends, ...(model !== undefined && { model: findings }) }));
  return works && findings.every(({ agrees }) => agrees !== false) ? 0 : 1;
}
