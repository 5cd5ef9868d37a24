// How the elementwise interpreter reads an operand: axes that lie regularly in memory are joined, and what is left decides
// between reading in place, spreading a scalar, gathering block by block, and turning the whole operand first.

/** An operand's collapsed axes: no size is 1, and no two neighbours could be one. */
export interface Axes {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
}

export type OperandKind = 'contiguous' | 'scalar' | 'gathered' | 'turned';

export function collapse(shape: readonly number[], strides: readonly number[]): Axes {
  const sizes: number[] = [];
  const steps: number[] = [];
  shape.forEach((size, axis) => {
    const stride = strides[axis] ?? 0;
    if (size === 1) return;
    const last = sizes.length - 1;
    if (last >= 0 && steps[last] === stride * size) {
      sizes[last] = (sizes[last] ?? 1) * size;
      steps[last] = stride;
    } else {
      sizes.push(size);
      steps.push(stride);
    }
  });
  return { sizes, strides: steps };
}

/** Below this many elements turning first costs more than it saves. */
const TURN_FROM = 512;

export function kindOf({ sizes, strides }: Axes): OperandKind {
  const [stride] = strides;
  if (stride === undefined) return 'contiguous';
  if (sizes.length === 1 && stride === 1) return 'contiguous';
  if (strides.every((step) => step === 0)) return 'scalar';
  const last = strides.length - 1;
  const inner = sizes[last] ?? 1;
  const count = sizes.reduce((product, size) => product * size, 1);
  const axis = runAxis({ sizes, strides });
  const regular = strides.every((step, k) => step > 0 || (k !== last && k !== axis));
  const turns = axis >= 0 && axis !== last && (sizes[axis] ?? 1) >= 4 && inner >= 4 && (strides[last] ?? 0) > 1;
  return turns && regular && count >= TURN_FROM ? 'turned' : 'gathered';
}

/** The axis along which the operand lies contiguously, or −1. */
function runAxis({ strides }: Axes): number {
  return strides.indexOf(1);
}

/** Words of elementwiseTranspose after the two addresses, for an operand of kind `turned`. */
export function turnWords({ sizes, strides }: Axes): readonly number[] {
  const p = runAxis({ sizes, strides });
  const q = sizes.length - 1;
  const targetStrides = sizes.map((_, axis) => sizes.slice(axis + 1).reduce((product, size) => product * size, 1));
  const outer = sizes.flatMap((size, axis) =>
    axis === p || axis === q ? [] : [size, strides[axis] ?? 0, targetStrides[axis] ?? 0],
  );
  return [sizes[p] ?? 1, targetStrides[p] ?? 1, sizes[q] ?? 1, strides[q] ?? 1, outer.length / 3, ...outer];
}
