// Numbers for people: durations, counts, bytes, rates. Three significant digits, a unit, and an en dash for what is not a number.

const nothing = '–';

/** Three significant digits with a fixed number of decimals: 1.23, 12.3, 123. */
function threeDigits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let scaledValue = value;
  let unit = 0;
  // 999.5 of a unit would print as 1000 of it: go on to the next one instead.
  while (Math.abs(scaledValue) >= base * 0.9995 && unit < units.length - 1) {
    scaledValue /= base;
    unit++;
  }
  const digits = unit === 0 && Number.isInteger(value) ? String(value) : threeDigits(scaledValue);
  return digits + (units[unit] ?? '');
}

/** 950, 12.3k, 126M, 1.30B. */
export function formatCount(value: number): string {
  return Number.isFinite(value) ? scaled(value, 1000, ['', 'k', 'M', 'B', 'T']) : nothing;
}

/** 512 B, 1.50 KiB, 12.3 MiB, in powers of 1024. */
export function formatBytes(bytes: number): string {
  return Number.isFinite(bytes) ? scaled(bytes, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB']) : nothing;
}

/** 12.3k tokens/s. */
export function formatRate(perSecond: number, unit: string): string {
  return `${formatCount(perSecond)} ${unit}/s`;
}

/** From seconds: 44 µs, 0.4 ms, 12 ms, 1.23 s, 45.6 s, 2m 05s, 1h 02m, 3d 04h. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return nothing;
  if (seconds < 0) return `-${formatDuration(-seconds)}`;
  if (seconds === 0) return '0 s';
  if (seconds < 0.000095) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (seconds < 0.0095) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${(seconds * 1000).toFixed(0)} ms`;
  if (seconds < 59.95) return `${seconds < 9.995 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h ${two((whole % 3600) / 60)}m`;
  return `${Math.floor(whole / 86_400)}d ${two((whole % 86_400) / 3600)}h`;
}

/** 45.2% from 0.452. */
export function formatPercent(fraction: number): string {
  return Number.isFinite(fraction) ? `${(fraction * 100).toFixed(1)}%` : nothing;
}
