// The colours of a plot's series, and what a series is drawn with: strokes and marks.
import type { Point, Series } from './series.ts';
import { ink, px } from './svg-document.ts';

interface Hue {
  readonly light: string;
  readonly dark: string;
}

const hues: readonly Hue[] = [
  { light: '#2563eb', dark: '#6ea8fe' },
  { light: '#d9480f', dark: '#ff9a5c' },
  { light: '#0f8a5f', dark: '#4cd6a0' },
  { light: '#8b3fd1', dark: '#c79bff' },
  { light: '#a3174f', dark: '#ff8fb8' },
  { light: '#7a8594', dark: '#8a97a6' },
];
/** The colour of what is drawn for comparison. */
export const neutralHue = 5;

export const hueOf = (index: number): Hue => hues[index % hues.length] ?? { light: ink.strong, dark: ink.soft };

/** Rules for dark paper of the colours that are used. */
export function darkRules(series: readonly Series[]): readonly string[] {
  const used = new Set(series.map((one, i) => hueIndex(one, i)));
  return [...used].map((i) => `.line${i}{stroke:${hueOf(i).dark}}.fill${i}{fill:${hueOf(i).dark}}`);
}

/** Colours come again after the last one. */
export function hueIndex({ hue }: Series, index: number): number {
  return (hue ?? index) % hues.length;
}

export function stroke(hue: number, d: string, width: number, opacity: number): string {
  const faint = opacity < 1 ? ` stroke-opacity="${opacity}"` : '';
  return `<path class="line${hue}" d="${d}" fill="none" stroke="${hueOf(hue).light}" stroke-width="${width}"${faint} stroke-linejoin="round" stroke-linecap="round"/>`;
}

export function mark(hue: number, { x, y }: Point): string {
  return `<circle class="fill${hue} halo" cx="${px(x)}" cy="${px(y)}" r="4.5" fill="${hueOf(hue).light}" stroke="${ink.paper}" stroke-width="1.5"/>`;
}
