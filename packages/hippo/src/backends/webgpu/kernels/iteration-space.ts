// The index arithmetic of kernels that walk a space of elements and read operands through strides: neighbouring axes merged, the
// place of an element as WGSL text.
import { contiguousStrides } from '../../../tensor/shape.ts';

/** How an operand is read: strides for each axis of a space and the place of the space's first element. */
export interface StridedView {
  readonly strides: readonly number[];
  readonly offset: number;
}

/** The same space and views with as few axes as possible: those of size 1 are gone, those that every view walks as one are one. */
export function mergeAxes<V extends StridedView>(
  shape: readonly number[],
  views: readonly V[],
): { readonly shape: readonly number[]; readonly views: readonly V[] } {
  const sizes: number[] = [];
  const strides: number[][] = views.map(() => []);
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const last = sizes.length - 1;
    const own = views.map((view) => view.strides[axis] ?? 0);
    const merges = last >= 0 && strides.every((list, v) => list[last] === (own[v] ?? 0) * size);
    if (merges) sizes[last] = (sizes[last] ?? 1) * size;
    else sizes.push(size);
    strides.forEach((list, v) => {
      list[merges ? last : last + 1] = own[v] ?? 0;
    });
  });
  return { shape: sizes, views: views.map((view, v) => ({ ...view, strides: strides[v] ?? [] })) };
}

/** WGSL: the place of element `i` of the space. */
export function placeText(shape: readonly number[], { strides, offset }: StridedView, i = 'i'): string {
  const own = contiguousStrides(shape);
  if (offset === 0 && strides.every((stride, axis) => shape[axis] === 1 || stride === own[axis])) return i;
  const terms = strides.flatMap((stride, axis) => {
    const [size = 1, step = 1] = [shape[axis], own[axis]];
    if (size === 1 || stride === 0) return [];
    const position = step === 1 ? i : `${i} / ${step}u`;
    const outermost = shape.slice(0, axis).every((outer) => outer === 1);
    const wrapped = outermost ? (step === 1 ? i : `(${position})`) : `(${step === 1 ? i : `(${position})`} % ${size}u)`;
    // A view may run backwards; unsigned arithmetic wraps and comes out right.
    return [stride === 1 ? wrapped : `${wrapped} * ${stride >>> 0}u`];
  });
  return [...(offset === 0 && terms.length > 0 ? [] : [`${offset >>> 0}u`]), ...terms].join(' + ');
}
