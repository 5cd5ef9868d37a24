// One training step of a whole model, forward, backward, clipping and AdamW, against the same model in jax-js and in PyTorch. Here with
// a small vocabulary, where the layers are the work; train-step-large.ts has GPT-2’s.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Contest, rate } from '../harness/contest.ts';
import { type Facts, measureAll, type SuiteContext, type SuiteOutcome } from '../harness/suite.ts';
import { batch, length, writeExercise } from '../models/exercise.ts';
import { hippoSteps, jaxSteps, type StepRecord, stepContestant, torchSteps } from '../models/step-contestants.ts';

/** The suite for a small vocabulary; train-step-large.ts is the one for GPT-2's. */
export const run = (context: SuiteContext): Promise<SuiteOutcome> => measureSteps(context, 96);

/** Relative, of the losses and gradient norms of the first three steps. */
const TOLERANCE = 1e-3;

const contestName = (vocabulary: number, threads: number): string =>
  `vocabulary ${vocabulary}, ${threads === 1 ? '1 thread' : `${threads} threads`}`;

/** Steps of the model with one vocabulary, for each number of threads. */
export async function measureSteps(context: SuiteContext, vocabulary: number): Promise<SuiteOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'hippo-bench-'));
  const records = new Map<string, StepRecord>();
  try {
    const contests: Contest[] = [];
    const exercise = join(folder, 'exercise.safetensors');
    await writeExercise(exercise, vocabulary);
    for (const threads of context.threads) {
      // One contest for each number of threads: the programs of one take more than half of a small machine's memory.
      const record: StepRecord = { residentBytes: new Map(), plannedBytes: new Map() };
      const name = contestName(vocabulary, threads);
      records.set(name, record);
      const contestants = [hippoSteps, jaxSteps, torchSteps].map((program) =>
        stepContestant(program, { exercise, threads, record }),
      );
      contests.push({ name, unit: rate('tokens/s', batch * length, 1), tolerance: TOLERANCE, contestants });
    }
    const outcome = await measureAll(contests, context);
    return { ...outcome, facts: { ...speedRatios(outcome), ...memoryFacts(records) } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** How many times as fast ours is. */
function speedRatios({ figures = [] }: SuiteOutcome): Facts {
  const ours = figures.filter(({ contestant }) => contestant === hippoSteps.name);
  const entries = ours.flatMap(({ contest, contestant, median }) =>
    figures
      .filter((other) => other.contest === contest && other.contestant !== contestant)
      .map((other) => [`${contestant} / ${other.contestant}, ${contest}`, Number((median / other.median).toFixed(2))]),
  );
  return Object.fromEntries(entries);
}

function memoryFacts(records: ReadonlyMap<string, StepRecord>): Facts {
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  const entries = [...records].flatMap(([contest, { residentBytes, plannedBytes }]) => [
    ...[...residentBytes].map(([name, bytes]) => [`resident, ${name}, ${contest}`, megabytes(bytes)]),
    ...[...plannedBytes].map(([name, bytes]) => [`weights, moments and plan, ${name}, ${contest}`, megabytes(bytes)]),
  ]);
  return Object.fromEntries(entries);
}
