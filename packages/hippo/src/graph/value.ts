// The graph's vocabulary: values, nodes and operations. A value has a static shape and dtype and the node that makes it; it
// holds no numbers. An operation is a definition object applied to values; everything a pass needs to know of it is a
// property here, so that no shared code ever asks for an operation by name.
import type { DType } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';

export interface ValueType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** One result of a node. */
export interface Value extends ValueType {
  readonly id: number;
  readonly node: Node;
  /** Which of the node's results this is. */
  readonly output: number;
}

/** Where a value was made: the module path in the model and the caller's source line. */
export interface Origin {
  readonly path: string;
  readonly source: string;
}

export interface Node {
  readonly operation: Operation;
  readonly inputs: readonly Value[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
  readonly origin: Origin;
  /** The innermost recomputed region it was traced in, see recompute.ts. */
  readonly region: Region | undefined;
}

/** A part of a trace whose intermediates the backward pass makes again instead of keeping them. */
export interface Region {
  readonly parent: Region | undefined;
}

export type Attribute = number | string | boolean | undefined | readonly number[] | Float64Array | Int32Array | object;
export type Attributes = Readonly<Record<string, Attribute>>;

/** Numbers as the reference implementations see them: f32 values as float64, so that they double as the oracle. */
export type Numbers = Float64Array | Int32Array | Uint32Array;

export interface NumbersWithShape {
  readonly shape: Shape;
  readonly data: Numbers;
}

export interface GradientContext<A extends Attributes> {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** ∂loss/∂output for each output; undefined where the loss does not depend on it. */
  readonly outputGradients: readonly (Value | undefined)[];
  readonly attributes: A;
  /** Which inputs the caller needs a gradient for; a rule may skip the others. */
  readonly needs: readonly boolean[];
}

/** How a movement operation reads its input: element (i₀, i₁, …) of the result is input[offset + Σ iₐ·stridesₐ]. */
export interface View {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** A result that may take over an operand's memory. */
export interface InPlace {
  readonly result: number;
  readonly operand: number;
}

/** One declaration per operation: shape rule, gradient, reference, optional decomposition, in one file. */
export interface Operation<A extends Attributes = Attributes> {
  readonly name: string;
  /** Result types; throws `RuleViolation` (see rule.ts) where the operands break the operation's rule. */
  infer(inputs: readonly ValueType[], attributes: A): readonly ValueType[];
  /** Gradients for each input, built from ordinary operations; undefined means zero. Absent: not differentiable. */
  gradient?(context: GradientContext<A>): readonly (Value | undefined)[];
  /** The definition in plain numbers. */
  reference?(inputs: readonly NumbersWithShape[], attributes: A, outputs: readonly ValueType[]): readonly Numbers[];
  /** The same results from smaller operations, for backends without a kernel. */
  decompose?(inputs: readonly Value[], attributes: A): readonly Value[];
  /**
   * A simpler value equal to the only result, or undefined. Called again on what it returns.
   * @param onlyReader for each input, whether nothing else is known to read it (never for what a rule has just made).
   */
  simplify?(inputs: readonly Value[], attributes: A, onlyReader: readonly boolean[]): Value | undefined;
  /** base + the only result, without a pass of its own over `base`. The sum takes this form where nothing else reads the result. */
  addTo?(base: Value, inputs: readonly Value[], attributes: A): Value | undefined;
  /** Result (i) depends only on element (i) of the broadcast inputs. */
  readonly elementwise?: boolean;
  /** The result is the input's elements in another arrangement. */
  view?(input: Shape, attributes: A): View;
  /** The result is the first input's bytes under another shape; it waits for the other inputs, whose bytes it does not read. */
  readonly alias?: boolean;
  /**
   * Input whose memory the first result may take over when nobody else reads it; with several such results, how many there
   * are and where their inputs are depends on the operands.
   */
  readonly inPlace?: number | ((inputs: readonly ValueType[]) => readonly InPlace[]);
  /**
   * For a gradient whose first operands are those of `operation`, with the same attributes: it computes that operation's
   * results on the way. Result i of the operation is this one's result `outputs[i]`.
   */
  readonly subsumes?: { readonly operation: Operation; readonly outputs: readonly number[] };
  /** A leaf: an input, a variable's content or a constant. */
  readonly leaf?: 'input' | 'variable' | 'constant';
  /** Arithmetic operations of one application, for `explain()`. Default: one an element of the results. */
  operations?(inputs: readonly ValueType[], attributes: A, outputs: readonly ValueType[]): number;
}

/** `f32[2, 3]` */
export function formatType(type: ValueType): string {
  return `${type.dtype}[${type.shape.join(', ')}]`;
}
