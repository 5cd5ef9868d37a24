// The whole interface of a backend: memory, and plans to prepare and run. Nothing here is about any one operation.

import type { ValueType } from '../graph/value.ts';
import type { Variable } from '../graph/variable.ts';
import type { KernelTable, LoweredKernel } from '../plan/kernel.ts';
import type { Plan } from '../plan/plan.ts';
import type { TypedArray } from '../tensor/dtype.ts';

/** A piece of the device's memory. What it is inside is the backend's business. */
export interface DeviceBuffer {
  readonly type: ValueType;
}

/** A plan whose memory is laid out and whose kernels are ready; running it again allocates nothing. */
export interface PreparedPlan {
  /** Bytes held on the device for this plan, variables aside. */
  readonly bytes: number;
  writeInput(name: string, data: TypedArray): void;
  /** Runs the plan and reads its outputs. */
  run(): Promise<ReadonlyMap<string, TypedArray>>;
  /** Runs the steps [from, to) alone. */
  runSteps(from: number, to: number): Promise<void>;
  /** Seconds that each step takes in one run, by the device's own clock; absent where it has none. */
  timeSteps?(): Promise<readonly number[]>;
  /** The numbers a step has just written, for the search of a bad number. */
  readStep(step: number): Promise<readonly TypedArray[]>;
  dispose(): void;
}

/** A device taken apart: what a GPU is called, offers and allows. */
export interface DeviceDetails {
  readonly adapter: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

export interface Backend<K extends LoweredKernel = LoweredKernel> {
  readonly name: string;
  /** What it runs on, in words: `doctor` prints it. */
  readonly description: string;
  /** The same taken apart, where there is more than one kind of device. */
  readonly details?: DeviceDetails;
  readonly kernels: KernelTable<K>;
  /** Results come over a bus from memory that the host does not see, so what the host does not need should stay there. */
  readonly separateMemory?: boolean;
  /**
   * Products of matrices round their factors to f16, whose least numbers are 6e-8: training makes its gradients larger by a power of
   * two, and divides again.
   */
  readonly roundsFactors?: boolean;
  /** Bytes of device memory in use: variables, plans' arenas and tables. */
  readonly allocatedBytes: number;
  /** @param name what for, as an error should call it. */
  allocate(type: ValueType, name: string): DeviceBuffer;
  write(buffer: DeviceBuffer, data: TypedArray): void;
  /** Fills it with zeros. */
  clear(buffer: DeviceBuffer): void;
  read(buffer: DeviceBuffer): Promise<TypedArray>;
  free(buffer: DeviceBuffer): void;
  prepare(plan: Plan<K>, bind: (variable: Variable) => DeviceBuffer): Promise<PreparedPlan>;
  dispose(): Promise<void>;
}
