// What a worker is told, and what it tells: plain data, so that it can cross between threads.
import type {
  SyntheticLanguage,
  SyntheticMeasurement,
  SyntheticModelName,
  SyntheticTask,
  SyntheticTaskName,
} from 'hippo';

/** One run: a model on a task from one seed. */
export interface RunTask {
  readonly taskName: SyntheticTaskName;
  readonly modelName: SyntheticModelName;
  readonly seed: number;
  readonly language: SyntheticLanguage;
  readonly schedule: SyntheticTask['schedule'];
  readonly trainingExamples: number;
  readonly testExamples: number;
  readonly dataSeed: number;
  readonly steps: number;
  readonly learningRate: number;
  /** Standard deviation of the initial weights. */
  readonly initializerRange: number;
  readonly evaluateEvery: number;
  readonly solvedAt: number;
  /** Lengths of longer test examples that the trained model is tried on; positions that were not learned make this impossible. */
  readonly longerLengths: readonly number[];
  /** Where the trained model is saved. */
  readonly modelFolder: string;
}

/** Accuracy on test examples of another length than the training examples'. */
export interface LengthAccuracy {
  readonly length: number;
  readonly accuracy: number;
}

export interface RunEnd {
  readonly parameters: number;
  /** Stopped by Ctrl-C. */
  readonly interrupted: boolean;
  readonly longer: readonly LengthAccuracy[];
}

export type RunEvent =
  | { readonly kind: 'step'; readonly step: number; readonly loss: number }
  | ({ readonly kind: 'measurement' } & SyntheticMeasurement)
  | ({ readonly kind: 'end' } & RunEnd)
  | { readonly kind: 'failure'; readonly code: string; readonly message: string };
