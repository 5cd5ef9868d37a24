// `hippo doctor`: what this machine offers, what each backend is, and why one is not available; with a model, whether it does here
// what it should, and what it costs.
import { arch, availableParallelism, cpus, freemem, platform, totalmem } from 'node:os';
import { backendNames, enableWideVectors, openDevice } from 'hippo';
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
    json: { type: 'boolean', help: 'print one JSON document' },
  },
  examples: [
    { line: 'hippo doctor', help: 'exit code 1 when a backend does not work' },
    { line: 'hippo doctor --model runs/first-light', help: 'exit code 1 when something disagrees' },
  ],
});

interface BackendReport {
  readonly name: string;
  readonly works: boolean;
  readonly description: string;
}

async function examine(name: (typeof backendNames)[number]): Promise<BackendReport> {
  try {
    await using device = await openDevice({ backend: name });
    return { name, works: true, description: device.description };
  } catch (error) {
    return { name, works: false, description: error instanceof Error ? error.message : String(error) };
  }
}

export async function run(options: ValuesOf<typeof command>, io: CommandIo): Promise<number> {
  const { json, model, threads } = options;
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
  const works = backends.every((backend) => backend.works);
  if (!json) {
    io.out.line(
      alignTable([
        ['Node', machine.node],
        ['system', machine.system],
        ['processor', `${machine.processor}, ${machine.cores} core${machine.cores === 1 ? '' : 's'}`],
        ['memory', `${formatBytes(machine.memoryBytes)}, ${formatBytes(machine.freeMemoryBytes)} free`],
        ['256-bit vectors', `${machine.wideVectors.on ? 'on' : 'off'}: ${machine.wideVectors.reason}`],
        ...backends.map(({ name, works: ok, description }) => [
          name,
          `${ok ? 'works' : 'not available'}: ${description}`,
        ]),
      ]),
    );
  }
  const findings: Finding[] = [];
  if (model !== undefined) {
    if (!json) io.out.line();
    for await (const finding of examineModel({ choice: { ...options, model }, threads, freeBytes: freemem() })) {
      findings.push(finding);
      if (!json) io.out.line(`${finding.check.padEnd(18)}  ${finding.text}`);
    }
  }
  if (json) io.out.line(JSON.stringify({ ...machine, backends, ...(model !== undefined && { model: findings }) }));
  return works && findings.every(({ agrees }) => agrees !== false) ? 0 : 1;
}
