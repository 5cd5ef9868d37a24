// What is known of a run while it goes and at its end: its task, its curve, how it ended. Plain data: it is the JSON of the results.
import type { SyntheticModelName, SyntheticTaskName } from 'hippo';
import type { LengthAccuracy, RunEvent, RunSettings, RunTask } from './run-task.ts';
import type { Varied } from './vary.ts';

export interface CurvePoint {
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number;
}

export interface RunRecord {
  readonly task: SyntheticTaskName;
  readonly model: SyntheticModelName;
  readonly seed: number;
  /** The option and value by which this run differs from its neighbours, where one was varied. */
  readonly varied?: Varied | undefined;
  readonly settings: RunSettings;
  /** Where the trained model is. */
  readonly modelFolder: string;
  /** `ended`: all steps were made and the task is not solved. */
  readonly state: 'waiting' | 'running' | 'solved' | 'ended' | 'interrupted';
  /** Steps made; those of the whole schedule are among the settings. */
  readonly step: number;
  /** The last two measurements were good enough to stop. */
  readonly solved: boolean;
  /** Of the newest step or measurement. */
  readonly loss: number | undefined;
  /** Of the last measurement: the result of the run. */
  readonly accuracy: number | undefined;
  readonly seconds: number;
  /** What the run computes on, in words. */
  readonly device?: string | undefined;
  readonly parameters: number | undefined;
  readonly curve: readonly CurvePoint[];
  readonly longer: readonly LengthAccuracy[];
}

export function newRecord({ taskName, modelName, seed, varied, settings, modelFolder }: RunTask): RunRecord {
  return {
    task: taskName,
    model: modelName,
    seed,
    ...(varied && { varied }),
    settings,
    modelFolder,
    state: 'waiting',
    step: 0,
    solved: false,
    loss: undefined,
    accuracy: undefined,
    seconds: 0,
    parameters: undefined,
    curve: [],
    longer: [],
  };
}

/** All that was to do for a run has been done. */
export function isComplete({ state }: Pick<RunRecord, 'state'>): boolean {
  return state === 'solved' || state === 'ended';
}

/** The record after an event. */
export function afterEvent(record: RunRecord, event: RunEvent): RunRecord {
  switch (event.kind) {
    case 'device':
      return { ...record, device: event.description };
    case 'step':
      return { ...record, state: 'running', step: event.step, loss: event.loss };
    case 'measurement': {
      const { step, loss, accuracy, seconds, solved } = event;
      const curve = [...record.curve, { step, loss, accuracy }];
      return { ...record, state: 'running', solved, step, loss, accuracy, seconds, curve };
    }
    case 'end': {
      const { parameters, interrupted, longer } = event;
      // A run that Ctrl-C meets after its last measurement is complete all the same.
      const early = interrupted && record.step < record.settings.steps;
      return { ...record, state: record.solved ? 'solved' : early ? 'interrupted' : 'ended', parameters, longer };
    }
    case 'failure':
      return record;
  }
}
