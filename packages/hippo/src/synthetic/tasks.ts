// The paper's two tasks with their settings (paper.md 2.2) and its results (table 2; paper.md 2.3).
import type { ScheduleOptions } from '../train/schedule.ts';
import type { SyntheticLanguage } from './language.ts';
import type { SyntheticModelName } from './models.ts';

export const syntheticTaskNames = ['induction-head', 'associative-recall'] as const;
export type SyntheticTaskName = (typeof syntheticTaskNames)[number];

export interface SyntheticTask {
  readonly language: SyntheticLanguage;
  readonly trainingExamples: number;
  readonly testExamples: number;
  readonly epochs: number;
  /** How the learning rate falls after a warm-up over a tenth of the steps, and the share of the peak where it ends. */
  readonly schedule: Pick<ScheduleOptions, 'kind' | 'floor'>;
  /** Test accuracy that the paper reports. */
  readonly paper: Readonly<Partial<Record<SyntheticModelName, number>>>;
}

export const syntheticTasks: Readonly<Record<SyntheticTaskName, SyntheticTask>> = {
  'induction-head': {
    language: { kind: 'induction-head', length: 30, vocabulary: 20, triggers: 1 },
    trainingExamples: 5000,
    testExamples: 500,
    epochs: 400,
    schedule: { kind: 'cosine', floor: 0.1 },
    paper: { s4d: 0.356, gss: 0.068, h3: 1, attention: 1 },
  },
  'associative-recall': {
    language: { kind: 'associative-recall', length: 20, vocabulary: 10, keyWords: 1 },
    trainingExamples: 5000,
    testExamples: 500,
    epochs: 200,
    schedule: { kind: 'linear', floor: 0 },
    paper: { s4d: 0.86, gss: 0.78, h3: 0.998, attention: 1 },
  },
};

/** Learning rate, weight decay and batch of both tasks. */
export const syntheticOptimizer = { learningRate: 5e-4, weightDecay: 0.1, batch: 32 } as const;

/** Steps that the paper's number of epochs takes. */
export function paperSteps({ epochs, trainingExamples }: SyntheticTask): number {
  return Math.ceil((epochs * trainingExamples) / syntheticOptimizer.batch);
}
