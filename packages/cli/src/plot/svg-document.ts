// The parts that every SVG figure here shares: paper, ink, text. No scripts, no fonts, nothing to load. Colours for light paper are
// attributes, those for dark paper a style sheet that asks `prefers-color-scheme`, so that viewers without style sheets still show the
// light one.

export const ink = {
  paper: '#ffffff',
  strong: '#16202e',
  soft: '#5c6878',
  grid: '#e6eaf0',
  axis: '#b4bdc9',
} as const;
const darkInk = { paper: '#11161d', strong: '#eef2f7', soft: '#9aa7b6', grid: '#242c37', axis: '#4a5666' } as const;
const font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/** A number of pixels with at most one decimal. */
export const px = (value: number): string => String(Math.round(value * 10) / 10);

/** Text as the content of an element or attribute. */
export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

export interface TextOptions {
  readonly size?: number;
  readonly weight?: number;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly tone?: 'strong' | 'soft';
}

export function text(x: number, y: number, content: string, options: TextOptions = {}): string {
  const { size = 12, weight = 400, anchor = 'start', tone = 'soft' } = options;
  return `<text class="${tone}" x="${px(x)}" y="${px(y)}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${ink[tone]}">${escapeText(content)}</text>`;
}

/** Pixels that text takes, near enough to place things: digits and letters average a bit over half the font size. */
export function textWidth(content: string, size: number): number {
  return [...content].length * size * 0.56;
}

export interface DocumentOptions {
  readonly width: number;
  readonly height: number;
  /** For screen readers and tooltips. */
  readonly name: string;
  /** Further rules for dark paper. */
  readonly darkRules?: readonly string[];
}

/** A whole document; empty parts are left out. */
export function svgDocument(
  parts: readonly string[],
  { width, height, name, darkRules = [] }: DocumentOptions,
): string {
  const rules = [
    `.paper{fill:${darkInk.paper}}.halo{stroke:${darkInk.paper}}`,
    `.strong{fill:${darkInk.strong}}.soft{fill:${darkInk.soft}}`,
    `.grid{stroke:${darkInk.grid}}.axis{stroke:${darkInk.axis}}`,
    ...darkRules,
  ];
  const all = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="${font}">`,
    `<title>${escapeText(name)}</title>`,
    `<style>@media (prefers-color-scheme:dark){${rules.join('')}}</style>`,
    `<rect class="paper" width="${width}" height="${height}" rx="8" fill="${ink.paper}"/>`,
    ...parts,
    '</svg>',
  ];
  return `${all.filter((part) => part !== '').join('\n')}\n`;
}
