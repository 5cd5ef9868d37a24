// What the planner asks of a backend: which operations it has kernels for, and how a fused elementwise group becomes one kernel.
import type { Node, Value, ValueType } from '../graph/value.ts';
import type { ElementwiseProgram } from './program.ts';

/** A kernel chosen for one step. Backends add what they need to run it. */
export interface LoweredKernel {
  readonly name: string;
  /** Why this kernel, where there was a choice; shown by `explain()`. */
  readonly reason?: string;
  /** Scratch memory while the kernel runs. */
  readonly workspaceBytes: number;
  /** Numbers that the backend writes once for all kernels of the same key; they lie behind the constants. */
  readonly table?: { readonly key: string; readonly bytes: number };
  /** Results that the kernel skips when nobody reads them. */
  readonly optionalOutputs?: readonly number[];
}

/**
 * The value of an elementwise node made by the operation whose result is its operand `at`, or undefined where that operation
 * cannot. `inputs` are the node's operands; nobody else reads the producer's result.
 */
export type EpilogueRule = (producer: Node, node: Node, inputs: readonly Value[], at: number) => Value | undefined;

/** Which operands and results of a node may be f16. See plan/halve-factors.ts. */
export interface Halves {
  /** Operands, f32 ones, that its kernel would rather read as f16; one of several products is named for each. */
  readonly wanted?: readonly number[];
  /** Operands that it reads as f16 where somebody wants them so. */
  readonly accepted?: readonly number[];
  /** Attributes with which it writes its first result as f16. */
  readonly makes?: Node['attributes'];
}

/** The second operand in panels of so many columns (ops/pack-columns.ts), or the operands of these numbers rounded to f16. */
export type Packing = { readonly columns: number } | { readonly halves: readonly number[] };

export interface KernelTable<K extends LoweredKernel = LoweredKernel> {
  readonly backend: string;
  /** Bytes at whose multiples every storage starts; default 64. */
  readonly alignment?: number;
  /** Bytes of the arena's pages, where its memory is not one piece: no storage crosses from one to the next. */
  readonly pageBytes?: number;
  /** The kernel for a structural operation, or undefined: then its decomposition is tried, then planning fails by name. */
  operation(node: Node): K | undefined;
  /** Present when the backend fuses elementwise groups; absent: every operation, elementwise ones too, is asked for alone. */
  readonly fusion?: {
    readonly maxInputs: number;
    readonly maxInstructions: number;
    /** Storages that a kernel may read and write together; default: any number. */
    readonly maxBindings?: number;
    has(operationName: string): boolean;
    kernel(program: ElementwiseProgram): K;
  };
  /** By operation name: elementwise nodes that its kernel can perform on its own result. See `EpilogueRule`. */
  readonly epilogues?: ReadonlyMap<string, EpilogueRule>;
  /** Which operands of a node are better read as f16, on backends whose products round their factors: plan/halve-factors.ts. */
  halves?(node: Node): Halves;
  /** How a product would rather read an operand that is a frozen weight; undefined: as it lies. See session/packed-weights.ts. */
  packing?(node: Node): Packing | undefined;
  /**
   * The results of a node by way of values that depend on its parameters alone, where computing these once pays while the
   * parameters are frozen; else undefined. `inputs` are the node's operands.
   */
  frozenForm?(node: Node, inputs: readonly Value[]): readonly Value[] | undefined;
  /** Copies one value; needed only without fusion. */
  copy?(value: ValueType): K;
}
