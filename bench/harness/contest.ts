// What a benchmark is made of: a suite has contests, one for each size; a contest has contestants, which all do the same work.

/** Something ready to run the contest's work again and again on inputs it holds. */
export interface Prepared {
  /** Runs once and gives the largest error of the result against float64, relative to the size of what was summed. */
  check(): number | Promise<number>;
  /** The work, once, complete when it returns or resolves. */
  run(): void | Promise<void>;
  /** For work in another process, which must be timed there: runs `repeats` times and gives the seconds for all of them. */
  sample?(repeats: number): Promise<number>;
  dispose?(): void | Promise<void>;
  /** Of the software that does the work, where it is not ours. */
  readonly version?: string;
}

export interface Contestant {
  readonly name: string;
  readonly threads: number;
  /** Where its work is of another amount than the contest's. */
  readonly unit?: Unit;
  /** @throws Unavailable where it cannot take part here; it is then skipped, and the reason reported. */
  prepare(): Prepared | Promise<Prepared>;
}

/** How the seconds of one run become the figure that is quoted. */
export interface Unit {
  /** "GFLOP/s", "µs a row" */
  readonly name: string;
  readonly better: 'more' | 'less';
  of(seconds: number): number;
}

/** A bound that the machine sets, in the contest's unit. */
export interface Limit {
  readonly name: string;
  of(threads: number): number;
}

export interface Contest {
  readonly name: string;
  readonly unit: Unit;
  /** Largest error allowed. */
  readonly tolerance: number;
  readonly contestants: readonly Contestant[];
  readonly limit?: Limit;
}

/** Amount of work a run, counted in units of `scale` a second: rate('GFLOP/s', operations, 1e9). */
export function rate(name: string, amount: number, scale: number): Unit {
  return { name, better: 'more', of: (seconds) => amount / seconds / scale };
}

/** Time of a part of the run: duration('µs a row', 1e6 / rows). */
export function duration(name: string, scale: number): Unit {
  return { name, better: 'less', of: (seconds) => seconds * scale };
}
