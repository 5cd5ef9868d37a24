// What a worker is told, and what it tells: plain data, so that it can cross between threads.
import type {
  BackendName,
  H3Without,
  SyntheticLanguage,
  SyntheticMeasurement,
  SyntheticModelName,
  SyntheticTask,
  SyntheticTaskName,
} from 'hippo';
import type { Varied } from './vary.ts';

/** What decides the numbers of a run, besides its task, model and seed. Kept in the results. */
export interface RunSettings {
  readonly language: SyntheticLanguage;
  readonly schedule: SyntheticTask['schedule'];
  readonly trainingExamples: number;
  readonly testExamples: number;
  readonly dataSeed: number;
  readonly steps: number;
  readonly learningRate: number;
  /** Standard deviation of the initial weights. */
  readonly initializerRange: number;
  /** Of H3 layers. */
  readonly headDim: number;
  /** The SSM that H3 layers lack. */
  readonly without: H3Without;
  readonly evaluateEvery: number;
  readonly solvedAt: number;
  /** Lengths of longer test examples that the trained model is tried on; positions that were not learned make this impossible. */
  readonly longerLengths: readonly number[];
  readonly backend: BackendName;
  /** What the webgpu backend makes matrix products in. */
  readonly precision: 'f32' | 'f16';
}

/** One run: a model on a task from one seed. */
export interface RunTask {
  readonly taskName: SyntheticTaskName;
  readonly modelName: SyntheticModelName;
  readonly seed: number;
  /** Where it is one of several runs that differ in an option. */
  readonly varied: Varied | undefined;
  readonly settings: RunSettings;
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
  /** The device that was opened, in words. */
  | { readonly kind: 'device'; readonly description: string }
  | { readonly kind: 'step'; readonly step: number; readonly loss: number }
  | ({ readonly kind: 'measurement' } & SyntheticMeasurement)
  | ({ readonly kind: 'end' } & RunEnd)
  | { readonly kind: 'failure'; readonly code: string; readonly message: string };
