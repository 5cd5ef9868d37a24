// Ranges and ticks that read well: steps of 1, 2, 2.5 or 5 times a power of ten, labels with as many decimals as the step needs.
import { formatCount } from '../report/format.ts';

export interface Tick {
  readonly at: number;
  readonly label: string;
}

export interface Axis {
  readonly min: number;
  readonly max: number;
  readonly ticks: readonly Tick[];
}

function niceStep(range: number, count: number): number {
  const rough = range / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const misfit = (factor: number): number => Math.abs(Math.log((factor * power) / rough));
  const factor = [1, 2, 2.5, 5, 10].reduce((best, next) => (misfit(next) < misfit(best) ? next : best));
  return factor * power;
}

/** Decimals that show a multiple of `step` in full. */
function decimalsOf(step: number): number {
  for (let decimals = 0; decimals < 12; decimals++)
    if (Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) < 1e-6 * step * 10 ** decimals)
      return decimals;
  return 12;
}

function labelOf(value: number, step: number): string {
  if (step >= 1 && Math.abs(value) >= 10_000) return formatCount(value).replace(/\.0+(?=\D|$)/, '');
  return value.toFixed(decimalsOf(step));
}

export interface AxisOptions {
  /** How many ticks to aim at; there may be some more or fewer. */
  readonly count: number;
  /** Only whole numbers, as for steps. Default false. */
  readonly whole?: boolean;
  /** Room below and above the data, as a share of its range. Default 0. */
  readonly room?: number;
  /** Start at 0 when the smallest value is within a twentieth of the largest, as step 1 of 1500 is. Default false. */
  readonly fromZero?: boolean;
}

/** The axis over `values`. One value, or none that is finite, still gives a range with room around it. */
export function makeAxis(
  values: Iterable<number>,
  { count, whole = false, room = 0, fromZero = false }: AxisOptions,
): Axis {
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (min > max) [min, max] = [0, 1];
  if (fromZero && min > 0 && min <= max / 20) min = 0;
  if (min === max) {
    const half = whole ? 1 : Math.abs(min) * 0.1 || 1;
    [min, max] = [min - half, max + half];
  }
  [min, max] = [min - (max - min) * room, max + (max - min) * room];
  const step = Math.max(niceStep(max - min, count), whole ? 1 : 0);
  const ticks: { at: number; label: string }[] = [];
  for (let multiple = Math.ceil(min / step - 1e-9); multiple <= max / step + 1e-9; multiple++) {
    const at = Number((multiple * step).toPrecision(12));
    ticks.push({ at, label: labelOf(at, step) });
  }
  return { min, max, ticks };
}
