// What every sequence mixer looks like to a block: [batch, length, width] in and out, with a state that a call takes and gives,
// so that whole sequences, prefill, single steps and any split into chunks are the same layer.
import { UsageError } from '../errors.ts';
import type { Value, ValueType } from '../graph/value.ts';
import type { RandomSource, SsmForm } from '../ops/index.ts';
import { elementCount, formatShape } from '../tensor/shape.ts';

/** One array of a recurrent state. */
export interface StateShape extends ValueType {
  readonly name: string;
}

export type State = Readonly<Record<string, Value>>;

/** What a call depends on besides its input. */
export interface MixerContext {
  /** State before the first token of this call, by name; absent: the sequence starts here. */
  readonly state?: State | undefined;
  /**
   * The number of tokens before this call: an i32 scalar, or i32 [batch] with one for each sequence. Needed with a state by layers
   * that use positions.
   */
  readonly position?: Value | undefined;
  /** How SSM layers compute; default: the backend chooses. */
  readonly form?: SsmForm | undefined;
  /** Present while training: dropout is on and draws from here. */
  readonly random?: RandomSource | undefined;
}

export interface MixerResult {
  /** [batch, length, width] */
  readonly y: Value;
  /** The state after the last token. Costs nothing where nobody reads it. */
  readonly state: State;
}

export interface Mixer {
  /**
   * The arrays of the state for `batch` sequences; `capacity` is the most tokens an attention cache can hold. One axis grows with
   * the batch and counts its sequences last; one axis after it may grow with the capacity and counts tokens.
   */
  stateShapes(batch: number, capacity: number): readonly StateShape[];
  /** @param x [batch, length, width] */
  apply(x: Value, context?: MixerContext): MixerResult;
}

/** The sizes of a mixer's input. */
export function sequenceSizes(x: Value): { readonly batch: number; readonly length: number; readonly width: number } {
  const [batch = 1, length = 1, width = 1] = x.shape;
  return { batch, length, width };
}

/**
 * One array of the state given to a call: undefined at the start of a sequence.
 * @throws UsageError `missing-state` when a state is given without this array.
 */
export function stateEntry(context: MixerContext, name: string, layer: string): Value | undefined {
  if (!context.state) return undefined;
  const value = context.state[name];
  if (value) return value;
  throw new UsageError(
    'missing-state',
    `${layer}: a state must hold every array of stateShapes; "${name}" is missing (got ${Object.keys(context.state).join(', ') || 'none'}). Pass what the call before returned.`,
    { layer, state: name },
  );
}

/** @throws UsageError `position-shape` where a position is neither one i32 nor one for each sequence. */
export function checkPosition(position: Value, batch: number, where: string): void {
  const count = elementCount(position.shape);
  if (position.dtype === 'i32' && (count === 1 || (count === batch && position.shape.length === 1))) return;
  throw new UsageError(
    'position-shape',
    `${where}: \`position\` must be an i32 scalar or i32 [${batch}], one for each sequence; got ${position.dtype}${formatShape(position.shape)}.`,
    { shape: position.shape, dtype: position.dtype, batch },
  );
}
