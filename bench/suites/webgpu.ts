// The GPU: runs the programs of bench/gpu, each in a process of its own, and makes tables of what they leave. On a machine that has
// nothing but Node and the built files the programs are run by hand; `collect.ts` makes the same tables of their files.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SuiteContext, SuiteOutcome, Table } from '../harness/suite.ts';

/** What runs: the file it leaves, its program and its options. */
const programs = [
  ['dispatch', 'dispatch', []],
  ['matmul', 'matmul', []],
  ['h3-mixer', 'h3-mixer', []],
  ['train-f32', 'train-step', []],
  ['train-f16', 'train-step', ['--precision', 'f16']],
  ['train-f32-8', 'train-step', ['--batch', '8']],
  ['train-f16-8', 'train-step', ['--precision', 'f16', '--batch', '8']],
  ['generation-f32', 'generation', []],
  ['generation-f16', 'generation', ['--precision', 'f16']],
  ['attention', 'attention', []],
] as const;

export async function run({ log }: SuiteContext): Promise<SuiteOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'hippo-bench-'));
  try {
    for (const [name, program, options] of programs) {
      log(`  ${name}`);
      const path = fileURLToPath(new URL(`../gpu/${program}.js`, import.meta.url));
      spawnSync(process.execPath, [path, ...options, '--output', join(folder, `${name}.json`)], { stdio: 'inherit' });
    }
    return gpuOutcome(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface ModelRun {
  readonly precision: string;
  readonly batch: number;
  readonly length: number;
  readonly millisecondsPerStep: number;
  readonly kernelMilliseconds: number;
  readonly tokensPerSecond: number;
  readonly kernels: readonly { readonly kernel: string; readonly steps: number; readonly milliseconds: number }[];
}

interface Files {
  readonly dispatch: {
    readonly results: readonly {
      readonly dispatches: number;
      readonly encodeMicroseconds: number;
      readonly wholeMicroseconds: number;
    }[];
  };
  readonly matmul: {
    readonly rows: readonly {
      readonly shape: string;
      readonly variant: string;
      readonly chosen: boolean;
      readonly precision: string;
      readonly error: number;
      readonly medianMicroseconds: number;
      readonly teraflops: number;
    }[];
  };
  readonly mixer: {
    readonly rows: readonly {
      readonly direction: string;
      readonly length: number;
      readonly batch: number;
      readonly milliseconds: number;
      readonly best: number;
    }[];
  };
  readonly attention: {
    readonly rows: readonly {
      readonly batch: number;
      readonly pass: string;
      readonly variant: string;
      readonly chosen: boolean;
      readonly error: number;
      readonly medianMicroseconds: number;
      readonly teraflops?: number;
    }[];
  };
  readonly generation: {
    readonly precision: string;
    readonly prefillMilliseconds: number;
    readonly millisecondsPerToken: number;
    readonly tokensPerSecond: number;
  };
}

const short = (value: number): number => Number(value.toPrecision(3));

/** The tables of the files in a folder; a program that left none has no table. */
export function gpuOutcome(folder: string): SuiteOutcome {
  const read = <T>(name: string): T | undefined => {
    const path = join(folder, `${name}.json`);
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined; // written by the program of that name
  };
  const tables = [
    dispatchTable(read('dispatch')),
    matmulTable(read('matmul')),
    mixerTable(read('h3-mixer')),
    trainingTable(
      programs.flatMap(([name, program]) => (program === 'train-step' ? (read<ModelRun>(name) ?? []) : [])),
    ),
    generationTable(
      programs.flatMap(([name, program]) => (program === 'generation' ? (read<Files['generation']>(name) ?? []) : [])),
    ),
    attentionTable(read('attention')),
  ];
  const slowest = kernelTable(read<ModelRun>('train-f16'));
  return { tables: [...tables, slowest].filter((table) => table !== undefined) };
}

function dispatchTable(file: Files['dispatch'] | undefined): Table | undefined {
  return (
    file && {
      caption: 'Plans of so many dispatches that do nothing much, µs a run and a dispatch.',
      head: ['dispatches', 'JavaScript', 'until the result is here', 'each'],
      rows: file.results.map(({ dispatches, encodeMicroseconds, wholeMicroseconds }) => [
        dispatches,
        short(encodeMicroseconds),
        short(wholeMicroseconds),
        short(wholeMicroseconds / dispatches),
      ]),
    }
  );
}

function matmulTable(file: Files['matmul'] | undefined): Table | undefined {
  return (
    file && {
      caption:
        'Matrix products m×k×n (ᵀ: stored transposed), the form that the backend chooses; `stored`: factors that are f16 in memory.',
      head: ['shape', 'precision', 'TFLOP/s', 'ms', 'error', 'form'],
      rows: file.rows
        .filter(({ chosen }) => chosen)
        .map(({ shape, variant, precision, teraflops, medianMicroseconds, error }) => [
          shape,
          precision,
          short(teraflops),
          short(medianMicroseconds / 1e3),
          error.toExponential(0),
          variant,
        ]),
    }
  );
}

function mixerTable(file: Files['mixer'] | undefined): Table | undefined {
  return (
    file && {
      caption: 'The fused H3 mixer and its gradient, 768 channels, 65,536 tokens, f32, ms.',
      head: ['length', 'batch', 'direction', 'ms, median', 'ms, best'],
      rows: file.rows.map(({ length, batch, direction, milliseconds, best }) => [
        length,
        batch,
        direction,
        short(milliseconds),
        short(best),
      ]),
    }
  );
}

function trainingTable(runs: readonly ModelRun[]): Table | undefined {
  if (runs.length === 0) return undefined;
  return {
    caption: 'Training the preset h3-125m (no dropout): forward, backward, clipping, AdamW.',
    head: ['precision of products', 'batch × length', 'tokens/s', 'ms a step', 'ms in kernels'],
    rows: runs.map(({ precision, batch, length, tokensPerSecond, millisecondsPerStep, kernelMilliseconds }) => [
      precision,
      `${batch} × ${length}`,
      tokensPerSecond,
      short(millisecondsPerStep),
      short(kernelMilliseconds),
    ]),
  };
}

function generationTable(files: readonly Files['generation'][]): Table | undefined {
  if (files.length === 0) return undefined;
  return {
    caption: 'Generation with h3-125m at batch 1, tokens chosen on the device; prompt of 1,024 tokens.',
    head: ['precision', 'tokens/s', 'ms a token', 'ms for the prompt'],
    rows: files.map(({ precision, tokensPerSecond, millisecondsPerToken, prefillMilliseconds }) => [
      precision,
      short(tokensPerSecond),
      short(millisecondsPerToken),
      short(prefillMilliseconds),
    ]),
  };
}

function attentionTable(file: Files['attention'] | undefined): Table | undefined {
  return (
    file && {
      caption: 'Causal attention, 12 heads of 64 on 2,048 tokens; errors are differences from the f32 kernel.',
      head: ['batch', 'pass', 'precision', 'TFLOP/s', 'ms', 'error'],
      rows: file.rows.flatMap(({ batch, pass, variant, chosen, teraflops, medianMicroseconds, error }) =>
        chosen && teraflops !== undefined
          ? [[batch, pass, variant, short(teraflops), short(medianMicroseconds / 1e3), error.toExponential(0)]]
          : [],
      ),
    }
  );
}

function kernelTable(run: ModelRun | undefined): Table | undefined {
  return (
    run && {
      caption: 'Where the time of the step in f16 at 1 × 2,048 goes.',
      head: ['kernel', 'calls', 'ms'],
      rows: run.kernels.slice(0, 14).map(({ kernel, steps, milliseconds }) => [kernel, steps, short(milliseconds)]),
    }
  );
}
