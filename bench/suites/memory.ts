// Memory: what a plan says it needs against what the device hands out and the operating system sees; what recomputing layers
// saves and costs; a hundred thousand tokens at constant memory; placement against its lower bound. Linux only.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { SuiteContext, SuiteOutcome, Table } from '../harness/suite.ts';
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

type Reading = Readonly<Record<string, unknown>>;

/** Runs every case one after the other, each in its own process on one thread. */
export async function run({ log }: Pick<SuiteContext, 'log'>): Promise<SuiteOutcome> {
  if (process.platform !== 'linux')
    return {
      skipped: [{ contestant: 'memory', reason: 'resident memory by mapping is read from /proc, which Linux has' }],
    };
  const readings: Reading[] = [];
  for (const chosen of memoryCases) {
    const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(chosen)]);
    const reading = { ...chosen, ...(JSON.parse(stdout) as Reading) };
    log(`  ${JSON.stringify(chosen)}`);
    readings.push(reading);
  }
  return { tables: [planTable(readings), tradeTable(readings), ...longTables(readings)] };
}

const megabytes = (bytes: unknown): string => (Number(bytes) / 1e6).toFixed(1);
const ofKind = (readings: readonly Reading[], ...kinds: readonly string[]): readonly Reading[] =>
  readings.filter(({ kind }) => kinds.includes(String(kind)));

function planTable(readings: readonly Reading[]): Table {
  return {
    caption:
      'What the plans say they hold, what the device handed out and what of the kernels’ memory is resident, in MB, with the ratios to the plan; growth of the whole process, and what of it is JavaScript.',
    head: ['', 'vocabulary', 'plan', 'device', 'resident', 'device / plan', 'resident / plan', 'process', 'JavaScript'],
    rows: ofKind(readings, 'training', 'generation').map((reading) => [
      `${reading.kind}${reading.recompute ? ', layers recomputed' : ''}`,
      Number(reading.vocabulary),
      megabytes(reading.planBytes),
      megabytes(reading.allocatedBytes),
      megabytes(reading.residentEngineBytes),
      Number(reading.allocatedOverPlan),
      Number(reading.residentEngineOverPlan),
      megabytes(reading.residentPeakGrowthBytes),
      megabytes(reading.javascriptGrowthBytes),
    ]),
  };
}

function tradeTable(readings: readonly Reading[]): Table {
  return {
    caption: 'A training step with its layers kept and recomputed, seconds of processor time, median and ratio.',
    head: ['vocabulary', 'kept', 'recomputed', 'ratio'],
    rows: ofKind(readings, 'trade').map(({ vocabulary, secondsKeeping, secondsRecomputing, medianRatio }) => [
      Number(vocabulary),
      Number(secondsKeeping).toFixed(2),
      Number(secondsRecomputing).toFixed(2),
      Number(medianRatio).toFixed(2),
    ]),
  };
}

interface Sample {
  readonly tokens: number;
  readonly residentBytes: number;
  readonly javascriptBytes: number;
  readonly allocatedBytes: number;
}

function longTables(readings: readonly Reading[]): readonly Table[] {
  return ofKind(readings, 'long generation').map((reading) => ({
    caption:
      'A model without attention (width 64, 4 layers) generates: resident process, device and JavaScript heap in MB by tokens generated.',
    head: ['tokens', 'resident', 'device', 'JavaScript'],
    // The program's own JSON.
    rows: (reading.samples as readonly Sample[]).map((sample) => [
      sample.tokens,
      megabytes(sample.residentBytes),
      megabytes(sample.allocatedBytes),
      megabytes(sample.javascriptBytes),
    ]),
  }));
}
