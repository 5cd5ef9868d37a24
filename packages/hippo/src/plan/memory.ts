// Memory: every storage lives from the step that writes it to the last step that reads it; storages whose lives do not overlap
// may share bytes of one arena. Placed largest first at the lowest offset that is free for their whole life.

export interface Interval {
  readonly bytes: number;
  /** First and last step at which the storage is alive, inclusive. */
  readonly from: number;
  to: number;
}

/** What a device asks of places in its memory. */
export interface MemoryRules {
  /** Bytes at whose multiples every storage starts. */
  readonly alignment: number;
  /** No storage crosses a multiple of this. */
  readonly pageBytes: number;
}

/** Places in a memory that is one piece. */
export const usualRules: MemoryRules = { alignment: 64, pageBytes: Number.POSITIVE_INFINITY };

function align(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/** Most bytes alive at one step: no placement can do with less. */
export function mostAliveBytes(intervals: readonly Interval[], { alignment }: MemoryRules = usualRules): number {
  const changes = new Map<number, number>();
  const change = (at: number, bytes: number): void => void changes.set(at, (changes.get(at) ?? 0) + bytes);
  for (const { bytes, from, to } of intervals) {
    change(from, align(bytes, alignment));
    change(to + 1, -align(bytes, alignment));
  }
  let [alive, most] = [0, 0];
  for (const at of [...changes.keys()].sort((a, b) => a - b)) {
    alive += changes.get(at) ?? 0;
    most = Math.max(most, alive);
  }
  return most;
}

/** Offsets for each interval and the arena's size; no two intervals alive at once overlap. */
export function placeIntervals(
  intervals: readonly Interval[],
  { alignment, pageBytes }: MemoryRules = usualRules,
): {
  readonly offsets: readonly number[];
  readonly bytes: number;
} {
  const offsets = new Array<number>(intervals.length).fill(0);
  const order = intervals
    .map((_, index) => index)
    .sort((a, b) => (intervals[b]?.bytes ?? 0) - (intervals[a]?.bytes ?? 0) || a - b);
  const placed: { readonly offset: number; readonly end: number; readonly interval: Interval }[] = [];
  let total = 0;
  for (const index of order) {
    const interval = intervals[index] as Interval;
    const size = align(interval.bytes, alignment);
    let offset = 0;
    for (const other of placed) {
      const alive = other.interval.from <= interval.to && interval.from <= other.interval.to;
      if (!alive || other.end <= offset) continue;
      if (other.offset >= offset + size) break;
      offset = insidePage(other.end, size, pageBytes);
    }
    offsets[index] = offset;
    total = Math.max(total, offset + size);
    const at = placed.findIndex((other) => other.offset > offset);
    placed.splice(at < 0 ? placed.length : at, 0, { offset, end: offset + size, interval });
  }
  return { offsets, bytes: total };
}

/** The first place from `offset` on where `size` bytes cross no page. */
function insidePage(offset: number, size: number, pageBytes: number): number {
  const end = (Math.floor(offset / pageBytes) + 1) * pageBytes;
  return offset + size > end ? end : offset;
}
