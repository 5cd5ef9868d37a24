// What a plot is given, and the three ways to make a long series readable: means by bucket (the trend), extremes by bucket (the
// noise, spikes kept), and smoothing by local lines (Cleveland 1979, "Robust locally weighted regression", without the robust part).

export interface Series {
  /** The word in the legend. */
  readonly name: string;
  /** Where each value stands, ascending. */
  readonly x: ArrayLike<number>;
  /** As long as `x`. NaN leaves a gap in the line. */
  readonly y: ArrayLike<number>;
  /** `line` for many values (the training loss), `marked` for a few that count one by one (validation). Default: `line`. */
  readonly style?: 'line' | 'marked';
  /** Single measurements that the line is the mean of: small dots of its colour. Only in SVG. */
  readonly samples?: readonly Point[];
  /** Which colour; default: the place among the series. Only in SVG. */
  readonly hue?: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The finite points of a series, cut into runs where a value is missing. Throws RangeError when x and y differ in length. */
export function runsOf({ name, x, y }: Series): readonly (readonly Point[])[] {
  if (x.length !== y.length)
    throw new RangeError(`plot: series "${name}" needs as many x as y; got ${x.length} and ${y.length}.`);
  const runs: Point[][] = [];
  let open = false;
  for (let i = 0; i < x.length; i++) {
    const point = { x: x[i] ?? Number.NaN, y: y[i] ?? Number.NaN };
    const finite = Number.isFinite(point.x) && Number.isFinite(point.y);
    if (finite && open) runs.at(-1)?.push(point);
    else if (finite) runs.push([point]);
    open = finite;
  }
  return runs;
}

function buckets(points: readonly Point[], count: number): readonly (readonly Point[])[] {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last || last.x === first.x) return points.length > 0 ? [points] : [];
  const grouped: Point[][] = Array.from({ length: count }, () => []);
  for (const point of points) {
    const index = Math.min(count - 1, Math.floor(((point.x - first.x) / (last.x - first.x)) * count));
    grouped[index]?.push(point);
  }
  return grouped.filter((group) => group.length > 0);
}

/** At most `count` points, each the mean of its bucket; a series that is short enough stays as it is. */
export function bucketMeans(points: readonly Point[], count: number): readonly Point[] {
  if (points.length <= count) return points;
  return buckets(points, count).map((group) => ({
    x: group.reduce((sum, point) => sum + point.x, 0) / group.length,
    y: group.reduce((sum, point) => sum + point.y, 0) / group.length,
  }));
}

/** At most `2 × count` points: the lowest and the highest of each bucket, in their order; the ends of the series stay. */
export function bucketExtremes(points: readonly Point[], count: number): readonly Point[] {
  if (points.length <= 2 * count) return points;
  const first = points[0];
  const last = points.at(-1);
  const kept = buckets(points, Math.max(1, count - 1)).flatMap((group) => {
    const low = group.reduce((a, b) => (b.y < a.y ? b : a));
    const high = group.reduce((a, b) => (b.y > a.y ? b : a));
    if (low === high) return [low];
    return low.x < high.x ? [low, high] : [high, low];
  });
  const ends = [first && kept[0] !== first ? [first] : [], kept, last && kept.at(-1) !== last ? [last] : []];
  return ends.flat();
}

/** The value at `points[centre]` of the line fitted to its neighbours within `reach`, near ones weighing most (tricube). */
function localLine(points: readonly Point[], centre: number, reach: number): number {
  const middle = points[centre];
  if (!middle) return Number.NaN;
  let sumW = 0;
  let sumX = 0;
  let sumY = 0;
  let sumXx = 0;
  let sumXy = 0;
  const end = Math.min(points.length - 1, centre + reach);
  for (let i = Math.max(0, centre - reach); i <= end; i++) {
    const { x, y } = points[i] ?? middle;
    const weight = (1 - (Math.abs(i - centre) / (reach + 1)) ** 3) ** 3;
    const dx = x - middle.x;
    sumW += weight;
    sumX += weight * dx;
    sumY += weight * y;
    sumXx += weight * dx * dx;
    sumXy += weight * dx * y;
  }
  const spread = sumW * sumXx - sumX * sumX;
  return spread > 0 ? (sumXx * sumY - sumX * sumXy) / spread : sumY / sumW;
}

/**
 * Smooths by fitting a line around each point: no lag, and no bend towards the middle at the ends, as means have.
 * @param fraction of the points that each fit looks at, in (0, 1]; 0 leaves the points alone.
 */
export function smooth(points: readonly Point[], fraction: number): readonly Point[] {
  const reach = Math.round((points.length * fraction) / 2);
  if (reach < 1) return points;
  return points.map(({ x }, i) => ({ x, y: localLine(points, i, reach) }));
}
