// A run folder: what was asked for (run.json), metrics as JSON lines, and checkpoints that hold everything a resume needs.
//   run.json  metrics.jsonl  checkpoints/step-00000100/{config.json, model.safetensors, …, optimizer.safetensors, trainer_state.json}
//   checkpoints/best  (a model folder without optimiser)
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkAgainst } from '../checkpoint/check-against.ts';
import { safetensorsPieces } from '../checkpoint/safetensors-writer.ts';
import { CheckpointError } from '../errors.ts';
import type { LanguageModel } from '../models/language-model.ts';
import type { Store } from '../session/store.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { TrainStep } from '../train/train-step.ts';
import type { TrainerState } from '../train/trainer.ts';
import { exists, foldersIn, replaceFile, writeDurably } from './files.ts';
import { saveModel, tensorsOf } from './model-folder.ts';
import { readJson } from './read-json.ts';
import { openTensorFile, openWeights } from './weight-files.ts';

/** Everything that decides a run's numbers, as plain JSON: model config, training options, data, tokenizer. */
export type RunRecord = Readonly<Record<string, unknown>>;

export interface RunFolderOptions {
  readonly record: RunRecord;
  readonly model: LanguageModel;
  readonly store: Store;
  readonly tokenizer: Tokenizer;
  /** Go on from the newest checkpoint; it is an error when there is none. */
  readonly resume: boolean;
  /** Checkpoints to keep besides the best. Default 2. */
  readonly keepLast?: number;
}

export interface RunFolder {
  readonly folder: string;
  /** Appends one line to metrics.jsonl. */
  log(line: Readonly<Record<string, unknown>>): Promise<void>;
  save(state: TrainerState, step: TrainStep): Promise<void>;
  /** Loads the newest checkpoint into the store. */
  resume(step: TrainStep): Promise<TrainerState | undefined>;
  /** The lines of metrics.jsonl. */
  metrics(): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/**
 * Opens or makes a run folder.
 * @throws CheckpointError `run-exists` when a new run would mix with an old one, `no-checkpoint` when there is nothing to resume,
 * `run-differs` naming every setting that is not what the run began with.
 */
export async function openRunFolder(folder: string, options: RunFolderOptions): Promise<RunFolder> {
  const { record, model, store, tokenizer, keepLast = 2 } = options;
  const [recordPath, metricsPath, checkpoints] = [
    join(folder, 'run.json'),
    join(folder, 'metrics.jsonl'),
    join(folder, 'checkpoints'),
  ];
  const existing = await foldersIn(checkpoints, /^step-\d+$/);
  if (options.resume) {
    if (existing.length === 0)
      throw new CheckpointError(
        'no-checkpoint',
        `${folder}: there is no checkpoint to resume from. Leave out --resume to begin a run there.`,
        { folder },
      );
    compareRecords(folder, await readJson(recordPath), record);
  } else {
    if (existing.length > 0)
      throw new CheckpointError(
        'run-exists',
        `${folder}: already holds a run with ${existing.length} checkpoint${existing.length === 1 ? '' : 's'}. Add --resume to go on with it, or choose another --out.`,
        { folder },
      );
    await mkdir(checkpoints, { recursive: true });
    await replaceFile(recordPath, [`${JSON.stringify(record, undefined, 2)}\n`]);
    await replaceFile(metricsPath, ['']);
  }

  const readMetrics = async () => {
    const text = (await exists(metricsPath)) ? await readFile(metricsPath, 'utf8') : '';
    return text.split('\n').flatMap((line) => parseLine(line));
  };
  return {
    folder,
    metrics: readMetrics,
    log: (line) => appendFile(metricsPath, `${JSON.stringify(line)}\n`),
    async save(state, step) {
      const name = `step-${String(state.step).padStart(8, '0')}`;
      const tensors = tensorsOf(model.variables, store);
      await saveModel(join(checkpoints, name), {
        config: model.config,
        tensors,
        tokenizer,
        extra: async (temporary) => {
          await writeDurably(
            join(temporary, 'optimizer.safetensors'),
            safetensorsPieces(tensorsOf(step.optimizerVariables, store)),
          );
          await writeDurably(join(temporary, 'trainer_state.json'), [`${JSON.stringify(state)}\n`]);
        },
      });
      if (state.bestStep === state.step)
        await saveModel(join(checkpoints, 'best'), { config: model.config, tensors, tokenizer });
      const kept = await foldersIn(checkpoints, /^step-\d+$/);
      for (const old of kept.slice(0, Math.max(0, kept.length - keepLast)))
        await rm(join(checkpoints, old), { recursive: true });
    },
    async resume(step) {
      const [newest] = existing.slice(-1);
      if (!options.resume || !newest) return undefined;
      const from = join(checkpoints, newest);
      await using weights = await openWeights(from);
      checkAgainst(weights, new Map(model.variables.map(({ name, shape }) => [name, shape])), from);
      const optimizerPath = join(from, 'optimizer.safetensors');
      await using moments = await openTensorFile(optimizerPath);
      checkAgainst(moments, new Map(step.optimizerVariables.map(({ name, shape }) => [name, shape])), optimizerPath);
      const state = await readTrainerState(join(from, 'trainer_state.json'));
      for (const variable of model.variables) store.write(variable, await weights.read(variable.name));
      for (const variable of step.optimizerVariables) store.write(variable, await moments.read(variable.name));
      // Steps after the checkpoint are run again: their lines would stand twice.
      const lines = (await readMetrics()).filter((line) => typeof line.step !== 'number' || line.step <= state.step);
      await replaceFile(metricsPath, [lines.map((line) => `${JSON.stringify(line)}\n`).join('')]);
      return state;
    },
  };
}

async function readTrainerState(path: string): Promise<TrainerState> {
  const state = await readJson(path);
  const { step, bestValidationLoss, bestStep } = (typeof state === 'object' && state !== null ? state : {}) as Record<
    string,
    unknown
  >;
  const optionalNumber = (value: unknown): value is number | undefined =>
    value === undefined || typeof value === 'number';
  if (
    Number.isSafeInteger(step) &&
    typeof step === 'number' &&
    optionalNumber(bestValidationLoss) &&
    optionalNumber(bestStep)
  )
    return { step, bestValidationLoss, bestStep };
  throw new CheckpointError(
    'trainer-state',
    `${path}: must say how many steps are finished, and the best validation loss if there is one; got ${JSON.stringify(state)}. Remove the checkpoint's folder to resume from the one before.`,
    { file: path },
  );
}

/** A kill may leave half a line at the end: it is dropped, its step is not in any checkpoint. */
function parseLine(line: string): Record<string, unknown>[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as Record<string, unknown>];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

function compareRecords(folder: string, before: unknown, now: RunRecord): void {
  const differences = differingKeys(before, now, '');
  if (differences.length === 0) return;
  throw new CheckpointError(
    'run-differs',
    `${folder}: a run resumes with the settings it began with; different now: ${differences.join('; ')}. Give the same settings, or begin a new run with another --out.`,
    { folder, differences },
  );
}

function differingKeys(before: unknown, now: unknown, path: string): string[] {
  const isRecord = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isRecord(before) && isRecord(now)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    return keys.flatMap((key) => differingKeys(before[key], now[key], path === '' ? key : `${path}.${key}`));
  }
  const [a, b] = [JSON.stringify(before), JSON.stringify(now)];
  return a === b ? [] : [`${path} was ${a ?? 'absent'}, is ${b ?? 'absent'}`];
}
