// One measured figure: the median of all samples, and how they spread.
import type { Unit } from './contest.ts';

export interface Figure {
  readonly contest: string;
  readonly contestant: string;
  readonly threads: number;
  readonly unit: string;
  readonly median: number;
  /** A quarter of the samples lie below, a quarter above. */
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  readonly best: number;
  readonly samples: number;
  /** Runs a sample. */
  readonly repeats: number;
  /** Largest error against float64, found before timing. */
  readonly error: number;
  /** The machine's limit in the same unit, and how much of it the median reaches: 1 is all. */
  readonly limit?: { readonly name: string; readonly value: number; readonly share: number };
}

/** The value below which the fraction q of the numbers lies, interpolated between neighbours. */
export function quantile(numbers: readonly number[], q: number): number {
  const sorted = [...numbers].sort((x, y) => x - y);
  const at = (sorted.length - 1) * q;
  const [low = Number.NaN, high = low] = sorted.slice(Math.floor(at));
  return low + (high - low) * (at - Math.floor(at));
}

/** Seconds a run, one number a sample, as the figures of `unit`. */
export function summarize(
  seconds: readonly number[],
  unit: Unit,
): Pick<Figure, 'unit' | 'median' | 'lowerQuartile' | 'upperQuartile' | 'best' | 'samples'> {
  const values = seconds.map((time) => unit.of(time));
  return {
    unit: unit.name,
    median: rounded(quantile(values, 0.5)),
    lowerQuartile: rounded(quantile(values, 0.25)),
    upperQuartile: rounded(quantile(values, 0.75)),
    best: rounded(unit.better === 'more' ? Math.max(...values) : Math.min(...values)),
    samples: values.length,
  };
}

/** Four significant digits: more would be noise, and would change with every run in the committed results. */
export const rounded = (value: number): number => Number(value.toPrecision(4));
