// Learning rate as a pure function of the step: warm-up, then constant, linear or cosine decay to a floor.
import { UsageError } from '../errors.ts';

export type ScheduleKind = 'constant' | 'linear' | 'cosine';

export interface ScheduleOptions {
  readonly kind: ScheduleKind;
  /** The highest rate, reached at the end of the warm-up. */
  readonly peak: number;
  /** Steps of linear warm-up from (almost) zero. */
  readonly warmupSteps: number;
  /** The step at which the floor is reached; the rate stays there afterwards. */
  readonly decaySteps: number;
  /** The lowest rate as a share of the peak. */
  readonly floor: number;
}

/**
 * The rate of step `step`, counted from 0. Warm-up: peak·(step + 1)/warmupSteps. Afterwards, with p the share of the decay that
 * is over: linear 1 − p(1 − floor), cosine floor + (1 − floor)(1 + cos πp)/2, times the peak.
 */
export function learningRate({ kind, peak, warmupSteps, decaySteps, floor }: ScheduleOptions, step: number): number {
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  if (kind === 'constant') return peak;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, decaySteps - warmupSteps));
  const share =
    kind === 'linear' ? 1 - progress * (1 - floor) : floor + ((1 - floor) * (1 + Math.cos(Math.PI * progress))) / 2;
  return peak * share;
}

/** @throws UsageError `schedule` when a setting is out of range. */
export function checkSchedule(options: ScheduleOptions): void {
  const { peak, warmupSteps, decaySteps, floor } = options;
  const wrong = !(peak > 0)
    ? 'the learning rate must be above 0'
    : !(warmupSteps >= 0)
      ? 'warm-up steps must be 0 or more'
      : decaySteps < warmupSteps
        ? 'the decay must end after the warm-up'
        : floor < 0 || floor > 1
          ? 'the floor must lie between 0 and 1'
          : undefined;
  if (wrong)
    throw new UsageError('schedule', `learning rate schedule: ${wrong}; got ${JSON.stringify(options)}.`, {
      ...options,
    });
}
