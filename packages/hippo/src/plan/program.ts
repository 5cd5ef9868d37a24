// A fused elementwise group as a small straight-line program over one iteration space: what backends compile or interpret.
import type { DType } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';

export interface ElementwiseInstruction {
  /** The elementwise operation's name, or `copy`. */
  readonly op: string;
  /** Registers: inputs first, then constants, then one for each instruction. */
  readonly operands: readonly number[];
}

export interface ElementwiseProgram {
  /** The iteration space. */
  readonly shape: Shape;
  /** How each input is read: element strides for each axis of the space (0 = broadcast) and an element offset. */
  readonly inputs: readonly {
    readonly strides: readonly number[];
    readonly offset: number;
    readonly dtype: DType;
    /** Inputs with the same number are views of one storage; one without a number has a storage of its own. */
    readonly storage?: number;
  }[];
  /** f32 immediates. */
  readonly constants: readonly number[];
  readonly instructions: readonly ElementwiseInstruction[];
  /** Results, each contiguous in the order of the space. */
  readonly outputs: readonly { readonly register: number }[];
}
