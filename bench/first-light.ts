// The main job as a stranger runs it: trains by the command of `npm start`, in a process of its own, and records what it reached.
//   npm run build && npx tsc -b bench && node bench/dist/first-light.js
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const command = fileURLToPath(new URL('../../packages/cli/bin/hippo.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'hippo-first-light-'));
try {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [command, 'first-light', '--out', join(folder, 'run'), '--json'],
    { maxBuffer: 1 << 24 },
  );
  const { out: _, ...summary } = JSON.parse(stdout) as Record<string, unknown>;
  const report = {
    node: process.version,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    ...summary,
  };
  writeFileSync(new URL('../results/first-light.json', import.meta.url), `${JSON.stringify(report, null, 2)}\n`);
  console.log(JSON.stringify(report, null, 2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
