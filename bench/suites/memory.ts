// Memory: what a plan says it needs against what the device hands out and the operating system sees; what recomputing layers
// saves and costs; a hundred thousand tokens at constant memory; placement against its lower bound. Linux only.
//   npm run build && npx tsc -b bench && node bench/dist/suites/memory.js
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { MemoryCase } from './memory-case.ts';

const program = fileURLToPath(new URL('./memory-case.js', import.meta.url));

const vocabularies = [96, 50264];
export const memoryCases: readonly MemoryCase[] = [
  ...vocabularies.flatMap((vocabulary): MemoryCase[] => [
    { kind: 'training', vocabulary, recompute: false },
    { kind: 'training', vocabulary, recompute: true },
    { kind: 'trade', vocabulary, rounds: vocabulary > 1000 ? 3 : 7 },
    { kind: 'generation', vocabulary, tokens: 500 },
  ]),
  { kind: 'long generation', tokens: 100_000, every: 10_000 },
];

/** Runs every case one after the other, each in its own process. */
export async function run(cases: readonly MemoryCase[] = memoryCases): Promise<object> {
  const results: object[] = [];
  for (const chosen of cases) {
    const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(chosen)]);
    const result = { ...chosen, ...(JSON.parse(stdout) as object) };
    console.error(JSON.stringify(result));
    results.push(result);
  }
  return {
    node: process.version,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    threads: 1,
    model:
      'width 256, 6 layers, attention in 1 and 4 (generation: none), batch 4 × 1024; long generation: width 64, 4 layers',
    results,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const report = await run();
  writeFileSync(new URL('../../results/memory.json', import.meta.url), `${JSON.stringify(report, null, 2)}\n`);
}
