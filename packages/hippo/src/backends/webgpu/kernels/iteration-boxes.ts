// Where a space of elements is too large for one dispatch: boxes of it, each of which reads and writes no more of every memory than a
// binding may cover. A transposed operand is why ranges of the element number do not do: each of them reads from its beginning to its
// end. A box of a transposition has a range of rows of the result and a range of rows of the operand.
import { bytesPerElement, type DType } from '../../../tensor/dtype.ts';
import type { ByteRange } from './dispatch.ts';
import type { StridedView } from './iteration-space.ts';

/** Positions from … to along each axis of a space. */
export type Box = readonly (readonly [from: number, to: number])[];

/** Views with the same number are of one memory; one without a number has a memory of its own. */
export interface ViewOfMemory extends StridedView {
  readonly dtype: DType;
  readonly storage?: number;
}

/** A box, and for each view the bytes to bind. */
export interface BoundBox {
  readonly box: Box;
  readonly windows: readonly ByteRange[];
}

/** Boxes begin at multiples of so many elements of the innermost axis where it is long. */
const grain = 64;
/** A binding starts at a multiple of so many bytes. */
const alignment = 256;

/** First and last place that a box reads. */
export function reachOf({ strides, offset }: StridedView, box: Box): readonly [number, number] {
  let [low, high] = [offset, offset];
  box.forEach(([from, to], axis) => {
    const stride = strides[axis] ?? 0;
    low += Math.min(from * stride, (to - 1) * stride);
    high += Math.max(from * stride, (to - 1) * stride);
  });
  return [low, high];
}

/**
 * The space as boxes, in order: usually one. Halves of halves, so that most of them have the same size and share a shader. Memory that
 * fits a binding is bound from its beginning, so that its views are one binding; of other memory each view has a window for each box.
 * A view that exceeds a binding even with a single element keeps its window, and is refused by name when it is bound.
 */
export function boxesWithin(
  shape: readonly number[],
  views: readonly ViewOfMemory[],
  maxBindingBytes: number,
): readonly BoundBox[] {
  const space: Box = shape.map((size) => [0, size]);
  const fits = views.map((view) => windowOf(view, space, true).to <= maxBindingBytes);
  const whole = views.map((_, at) => fits.every((fit, other) => fit || !isSameMemory(views, at, other)));
  const cut = (box: Box): readonly BoundBox[] => {
    const own = views.map((view, at) => windowOf(view, box, whole[at] ?? false));
    const windows = own.map((window, at) =>
      joined(
        window,
        own.filter((_, other) => isSameMemory(views, at, other)),
      ),
    );
    const wide = views.filter((_, at) => sizeOf(windows[at]) > maxBindingBytes);
    const axis = farthestAxis(wide, box);
    return axis === undefined ? [{ box, windows }] : halves(box, axis).flatMap(cut);
  };
  return cut(space);
}

function windowOf(view: ViewOfMemory, box: Box, whole: boolean): ByteRange {
  const bytes = bytesPerElement(view.dtype);
  const [low, high] = reachOf(view, box);
  return { from: whole ? 0 : Math.floor((low * bytes) / alignment) * alignment, to: (high + 1) * bytes };
}

const sizeOf = (window: ByteRange | undefined): number => (window ? window.to - window.from : 0);

function isSameMemory(views: readonly ViewOfMemory[], at: number, other: number): boolean {
  const storage = views[at]?.storage;
  return at === other || (storage !== undefined && views[other]?.storage === storage);
}

/** A window with all that overlap it: no dispatch may bind pieces that overlap of a buffer that it writes. */
function joined(window: ByteRange, windows: readonly ByteRange[]): ByteRange {
  const overlapping = windows.filter(({ from, to }) => from < window.to && window.from < to);
  const from = Math.min(window.from, ...overlapping.map((other) => other.from));
  const to = Math.max(window.to, ...overlapping.map((other) => other.to));
  return from === window.from && to === window.to ? window : joined({ from, to }, windows);
}

/** The axis along which the views reach farthest, of those that can be cut. */
function farthestAxis(views: readonly ViewOfMemory[], box: Box): number | undefined {
  let [farthest, found] = [0, undefined as number | undefined];
  box.forEach(([from, to], axis) => {
    if (to - from <= grainOf(box, axis)) return;
    const reach = Math.max(0, ...views.map(({ strides }) => (to - from) * Math.abs(strides[axis] ?? 0)));
    if (reach > farthest) [farthest, found] = [reach, axis];
  });
  return found;
}

/** Positions that stay together: of the innermost axis four, which a thread takes. */
function grainOf(box: Box, axis: number): number {
  const [from, to] = box[axis] ?? [0, 0];
  if (axis < box.length - 1) return 1;
  return to - from > grain ? grain : 4;
}

function halves(box: Box, axis: number): readonly Box[] {
  const [from, to] = box[axis] ?? [0, 0];
  const step = grainOf(box, axis);
  const middle = from + Math.ceil((to - from) / 2 / step) * step;
  const part = (start: number, end: number): Box => box.map((range, at) => (at === axis ? [start, end] : range));
  return [part(from, middle), part(middle, to)];
}
