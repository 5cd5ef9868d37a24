// The main job as a stranger runs it: trains by the command of `npm start`, in a process of its own, and records what it reached.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Facts, SuiteOutcome } from '../harness/suite.ts';

const command = fileURLToPath(new URL('../../../packages/cli/bin/hippo.js', import.meta.url));

export async function run(): Promise<SuiteOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'hippo-first-light-'));
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...process.execArgv, command, 'first-light', '--out', join(folder, 'run'), '--json'],
      { maxBuffer: 1 << 24 },
    );
    const { out: _, text, ...facts } = JSON.parse(stdout) as Facts; // what --json prints
    return { facts: { ...withoutNoise(facts), text: String(text).replaceAll('\n', ' / ') } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Numbers to six digits. */
const withoutNoise = (facts: Facts): Facts =>
  Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [
      name,
      typeof value === 'number' ? Number(value.toPrecision(6)) : value,
    ]),
  );
