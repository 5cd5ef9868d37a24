// The sum of two values that zeros were put around is their concatenation where they are neighbours: what the gradients of the slices of
// one value add up to (the parts of complex pairs; queries, keys and values of one projection).
import type { Value } from '../graph/value.ts';
import { concat, concatOperation } from './concat.ts';
import { pad, padOperation } from './slice.ts';

interface Piece {
  readonly value: Value;
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** a + b without the zeros between; undefined where it is no such sum, or where somebody else reads a or b. */
export function joinPads(inputs: readonly Value[], onlyReader: readonly boolean[]): Value | undefined {
  const [a, b] = inputs.map((value, at) => (onlyReader[at] ? pieceOf(value) : undefined));
  return a && b && (joined(a, b) ?? joined(b, a));
}

function pieceOf({ node }: Value): Piece | undefined {
  const [value] = node.inputs;
  if (node.operation !== padOperation || !value) return undefined;
  // The operation's own attributes.
  return { value, ...(node.attributes as Omit<Piece, 'value'>) };
}

/** The pieces one behind the other, if they are along one axis and agree in the others. */
function joined(first: Piece, second: Piece): Value | undefined {
  const axes = second.before.flatMap((_, axis) => (first.before[axis] === second.before[axis] ? [] : [axis]));
  const [axis] = axes;
  if (axis === undefined || axes.length > 1) return undefined;
  const sizes = first.value.shape;
  const fits = sizes.every((size, at) =>
    at === axis
      ? (first.before[at] ?? 0) + size === second.before[at]
      : size === second.value.shape[at] && first.after[at] === second.after[at],
  );
  if (!fits) return undefined;
  return pad(concat([...partsOf(first.value, axis), ...partsOf(second.value, axis)], axis), first.before, second.after);
}

function partsOf(value: Value, axis: number): readonly Value[] {
  const { operation, attributes, inputs } = value.node;
  return operation === concatOperation && attributes.axis === axis ? inputs : [value];
}
