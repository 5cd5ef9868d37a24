// What is known of a run while it goes and at its end: its task, its curve, how it ended. Plain data: it is the JSON of the results.
import type { SyntheticModelName, SyntheticTaskName } from 'hippo';
import type { LengthAccuracy, RunEvent, RunTask } from './run-task.ts';

export interface CurvePoint {
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number;
}

export interface RunRecord {
  readonly task: SyntheticTaskName;
  readonly model: SyntheticModelName;
  readonly seed: number;
  /** `ended`: all steps were made and the task is not solved. */
  readonly state: 'waiting' | 'running' | 'solved' | 'ended' | 'interrupted';
  /** Steps made, and the steps of the whole schedule. */
  readonly step: number;
  readonly steps: number;
  /** The last two measurements were good enough to stop. */
  readonly solved: boolean;
  /** Of the newest step or measurement. */
  readonly loss: number | undefined;
  /** Of the last measurement: the result of the run. */
  readonly accuracy: number | undefined;
  readonly seconds: number;
  readonly parameters: number | undefined;
  readonly curve: readonly CurvePoint[];
  readonly longer: readonly LengthAccuracy[];
}

export function newRecord({ taskName, modelName, seed, steps }: RunTask): RunRecord {
  return {
    task: taskName,
    model: modelName,
    seed,
    state: 'waiting',
    step: 0,
    steps,
    solved: false,
    loss: undefined,
    accuracy: undefined,
    seconds: 0,
    parameters: undefined,
    curve: [],
    longer: [],
  };
}

/** The record after an event. */
export function afterEvent(record: RunRecord, event: RunEvent): RunRecord {
  switch (event.kind) {
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
      const early = interrupted && record.step < record.steps;
      return { ...record, state: record.solved ? 'solved' : early ? 'interrupted' : 'ended', parameters, longer };
    }
    case 'failure':
      return record;
  }
}
