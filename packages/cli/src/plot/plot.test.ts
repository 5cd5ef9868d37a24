// Snapshots of both plots on one small training run, and what must hold for any input.
import picocolors from 'picocolors';
import { describe, expect, it } from 'vitest';
import { visibleWidth } from '../terminal/visible-text.ts';
import type { Series } from './series.ts';
import { svgPlot } from './svg-plot.ts';
import { terminalPlot } from './terminal-plot.ts';

const steps = Array.from({ length: 300 }, (_, i) => i + 1);
const run: readonly Series[] = [
  {
    name: 'train',
    x: steps,
    y: steps.map((step) => 1.6 + 2.6 * Math.exp(-step / 60) + 0.1 * Math.sin(step * 12.9898)),
  },
  { name: 'validation', x: [100, 200, 300], y: [2.2, 1.8, 1.7], style: 'marked' },
];
const odd: readonly (readonly Series[])[] = [
  [],
  [{ name: 'none', x: [], y: [] }],
  [{ name: 'one', x: [7], y: [1.5] }],
  [{ name: 'flat', x: [0, 1, 2], y: [3, 3, 3], style: 'marked' }],
  [{ name: 'gone', x: [0, 1, 2], y: [Number.NaN, Number.NaN, Infinity] }],
  [{ name: 'gap', x: [0, 1, 2, 3], y: [1, Number.NaN, 3, 4] }],
];

describe('terminalPlot', () => {
  it('draws a run', () => {
    expect(`\n${terminalPlot(run, { width: 64, height: 8, title: 'loss', xLabel: 'step' })}\n`).toMatchInlineSnapshot(`
      "
       loss   ⠤⠒⠤ train   ● validation
         │⠐⢄
       4 ┤ ⠈⢆⣀
         │    ⠱⡀
       3 ┤     ⠈⠉⠱⡀⢀
         │        ⠈⠁⠑⣄⡠⡀
         │             ⠈⠒⠊⠢⣀⣄ ●⡀
       2 ┤                   ⠑⠊⠈⠢⠔⠑⢄⡠⠢⡀⡠⠤⡀⢀⢄ ⢀⣀  ●  ⡀  ⡀
         │                            ⠈  ⠈⠁ ⠑⠁ ⠑⠊⠈⠒⠊⠈⠒⠊⠈⠢⠊⠉⠢⠊⠉⠢⠊⠑⠤⠊⠑⠤●
         └┬─────────┬─────────┬─────────┬────────┬─────────┬──────────
          0        50        100       150      200       250     step
      "
    `);
  });

  it('stays within its width, and takes as many lines as asked', () => {
    for (const width of [30, 41, 80, 133])
      for (const height of [3, 12]) {
        const lines = terminalPlot(run, { width, height, title: 'loss', xLabel: 'step' }).split('\n');
        expect(lines).toHaveLength(height + 3);
        for (const text of lines) expect(visibleWidth(text)).toBeLessThanOrEqual(width);
      }
  });

  it('has colours only when given some', () => {
    const plain = terminalPlot(run, { width: 60 });
    expect(plain).not.toContain('\x1b');
    const colored = terminalPlot(run, { width: 60, colors: picocolors.createColors(true) });
    expect(colored).toContain('\x1b[33m●');
    expect(visibleWidth(colored)).toBe(visibleWidth(plain));
  });

  it('takes odd series', () => {
    for (const series of odd) expect(terminalPlot(series, { height: 4 })).not.toMatch(/NaN|Infinity|undefined/);
    expect(terminalPlot(odd[2] ?? [], { height: 4 })).toMatch(/[⠁-⣿]/);
  });
});

describe('svgPlot', () => {
  it('draws a run', () => {
    const svg = svgPlot(run, { title: 'Loss & more', xLabel: 'step', yLabel: 'nats', width: 400, height: 240 });
    // The paths themselves are long; their number and their starts say enough.
    expect(svg.replace(/ d="([^"]{24})[^"]*"/g, ' d="$1…"')).toMatchInlineSnapshot(`
      "<svg xmlns="http://www.w3.org/2000/svg" width="400" height="240" viewBox="0 0 400 240" role="img" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif">
      <title>Loss &amp; more</title>
      <style>@media (prefers-color-scheme:dark){.paper{fill:#11161d}.halo{stroke:#11161d}.strong{fill:#eef2f7}.soft{fill:#9aa7b6}.grid{stroke:#242c37}.axis{stroke:#4a5666}.line0{stroke:#6ea8fe}.fill0{fill:#6ea8fe}.line1{stroke:#ff9a5c}.fill1{fill:#ff9a5c}}</style>
      <rect class="paper" width="400" height="240" rx="8" fill="#ffffff"/>
      <text class="strong" x="16" y="31" font-size="16" font-weight="600" text-anchor="start" fill="#16202e">Loss &amp; more</text>
      <path class="line0" d="M205.2 26h18" fill="none" stroke="#2563eb" stroke-width="2.25" stroke-linejoin="round" stroke-linecap="round"/>
      <text class="soft" x="231.2" y="30" font-size="12" font-weight="400" text-anchor="start" fill="#5c6878">train</text>
      <path class="line1" d="M282.8 26h18" fill="none" stroke="#d9480f" stroke-width="2.25" stroke-linejoin="round" stroke-linecap="round"/>
      <circle class="fill1 halo" cx="291.8" cy="26" r="4.5" fill="#d9480f" stroke="#ffffff" stroke-width="1.5"/>
      <text class="soft" x="308.8" y="30" font-size="12" font-weight="400" text-anchor="start" fill="#5c6878">validation</text>
      <path class="grid" d="M32.7 160.3H344" stroke="#e6eaf0"/>
      <text class="soft" x="22.7" y="164.3" font-size="12" font-weight="400" text-anchor="end" fill="#5c6878">2</text>
      <path class="grid" d="M32.7 121.5H344" stroke="#e6eaf0"/>
      <text class="soft" x="22.7" y="125.5" font-size="12" font-weight="400" text-anchor="end" fill="#5c6878">3</text>
      <path class="grid" d="M32.7 82.8H344" stroke="#e6eaf0"/>
      <text class="soft" x="22.7" y="86.8" font-size="12" font-weight="400" text-anchor="end" fill="#5c6878">4</text>
      <path class="axis" d="M32.7 182H344" stroke="#b4bdc9"/>
      <path class="axis" d="M32.7 182v5" stroke="#b4bdc9"/>
      <text class="soft" x="32.7" y="202" font-size="12" font-weight="400" text-anchor="middle" fill="#5c6878">0</text>
      <path class="axis" d="M136.5 182v5" stroke="#b4bdc9"/>
      <text class="soft" x="136.5" y="202" font-size="12" font-weight="400" text-anchor="middle" fill="#5c6878">100</text>
      <path class="axis" d="M240.2 182v5" stroke="#b4bdc9"/>
      <text class="soft" x="240.2" y="202" font-size="12" font-weight="400" text-anchor="middle" fill="#5c6878">200</text>
      <path class="axis" d="M344 182v5" stroke="#b4bdc9"/>
      <text class="soft" x="344" y="202" font-size="12" font-weight="400" text-anchor="middle" fill="#5c6878">300</text>
      <text class="soft" x="188.4" y="224" font-size="12" font-weight="400" text-anchor="middle" fill="#5c6878">step</text>
      <text class="soft" x="16" y="58" font-size="12" font-weight="400" text-anchor="start" fill="#5c6878">nats</text>
      <path class="line0" d="M33.8 75.1L34.8 75.4L35.…" fill="none" stroke="#2563eb" stroke-width="1" stroke-opacity="0.3" stroke-linejoin="round" stroke-linecap="round"/>
      <path class="line0" d="M33.8 73.7L34.8 75.2L35.…" fill="none" stroke="#2563eb" stroke-width="2.25" stroke-linejoin="round" stroke-linecap="round"/>
      <path class="line1" d="M136.5 152.5L240.2 168L3…" fill="none" stroke="#d9480f" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"/>
      <circle class="fill1 halo" cx="136.5" cy="152.5" r="4.5" fill="#d9480f" stroke="#ffffff" stroke-width="1.5"/>
      <circle class="fill1 halo" cx="240.2" cy="168" r="4.5" fill="#d9480f" stroke="#ffffff" stroke-width="1.5"/>
      <circle class="fill1 halo" cx="344" cy="171.9" r="4.5" fill="#d9480f" stroke="#ffffff" stroke-width="1.5"/>
      <text class="strong" x="354" y="175.9" font-size="12" font-weight="600" text-anchor="start" fill="#16202e">1.700</text>
      </svg>
      "
    `);
  });

  it('is well formed and escapes names', () => {
    const svg = svgPlot([{ name: '<a> & "b"', x: [1, 2], y: [1, 2] }], { title: '</svg>' });
    expect(svg).toContain('&lt;a&gt; &amp; &quot;b&quot;');
    expect(svg.match(/<\/svg>/g)).toHaveLength(1);
    for (const tag of ['svg', 'text', 'title', 'style'])
      expect(svg.match(new RegExp(`<${tag}[ >]`, 'g'))?.length).toBe(svg.match(new RegExp(`</${tag}>`, 'g'))?.length);
  });

  it('smooths beside the raw line, or not', () => {
    const lines = (smoothing: number) => svgPlot(run, { smoothing }).match(/class="line0"/g)?.length;
    expect(lines(0.1)).toBe(3);
    expect(lines(0)).toBe(2);
  });

  it('stays small however long the series', () => {
    const x = Array.from({ length: 50_000 }, (_, i) => i);
    expect(svgPlot([{ name: 'a', x, y: x.map(Math.sin) }]).length).toBeLessThan(60_000);
  });

  it('takes odd series', () => {
    for (const series of odd) expect(svgPlot(series)).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('svgPlot of means', () => {
  const means: readonly Series[] = [
    {
      name: 'a',
      hue: 3,
      style: 'marked',
      x: [0, 1],
      y: [50, 60],
      samples: [
        { x: 0, y: 40 },
        { x: 0, y: Number.NaN },
        { x: 1, y: 120 },
      ],
    },
  ];
  const svg = svgPlot(means, {
    xTicks: [
      { at: 0, label: '1×' },
      { at: 1, label: 'none' },
      { at: 2, label: '<4' },
    ],
    yReach: [0, 100],
    lastValues: false,
  });

  it('has the ticks it is given, over all of them', () => {
    const places = [...svg.matchAll(/x="([\d.]+)"[^>]*text-anchor="middle"[^>]*>([^<]*)</g)];
    expect(places.map(([, , label]) => label)).toEqual(['1×', 'none', '&lt;4']);
    const [first = 0, second = 0, third = 0] = places.map(([, x]) => Number(x));
    expect(third - second).toBeCloseTo(second - first, 0);
    expect(third).toBeLessThan(750);
  });

  it('reaches the values it must, and all samples', () => {
    for (const label of ['>0<', '>120<']) expect(svg).toContain(label);
    expect(svg.match(/fill-opacity="0.45"/g)).toHaveLength(2);
  });

  it('has the colour it is told, on dark paper too, and no last value where none is wanted', () => {
    expect(svg).toContain('.line3{stroke:');
    expect(svg).toMatch(/class="fill3" [^>]*fill-opacity/);
    expect(svg).not.toContain('60.00');
    expect(svgPlot(means)).toContain('60.00');
  });

  it('breaks a legend that does not fit beside the title, into rows inside the picture', () => {
    const many = Array.from({ length: 9 }, (_, i) => ({ name: `a long name, number ${i}`, x: [0, 1], y: [i, i] }));
    const legend = [...svgPlot(many, { title: 'A title' }).matchAll(/x="([\d.]+)" y="([\d.]+)"[^>]*>a long name/g)];
    expect(legend).toHaveLength(9);
    expect(new Set(legend.map(([, , y]) => y)).size).toBeGreaterThan(1);
    for (const [, x, y] of legend) {
      expect(Number(x)).toBeLessThan(760 - 21 * 6);
      expect(Number(y)).toBeGreaterThan(40);
    }
  });
});
