// The states of a model over the words of an example as a figure: for each layer what its shift state holds above, how full its diagonal
// states are below. Heads differ a hundredfold in size, and what tells is when each fills: every head has a scale of its own.
import { basename } from 'node:path';
import { svgHeatMaps } from '../plot/svg-heat-map.ts';
import type { StateView } from './state-views.ts';

export interface StateFigureOptions {
  /** The model's folder. */
  readonly model: string;
  /** What it read. */
  readonly words: readonly string[];
  /** What it says after the last one. */
  readonly says: string;
}

export function stateFigure(views: readonly StateView[], { model, words, says }: StateFigureOptions): string {
  const maps = views.map(({ kind, layer, title, units, magnitudes }) => ({
    title: `layer ${layer}: ${title.slice(title.indexOf(', ') + 2)}`,
    rows: units,
    rowLabel: kind === 'shift' ? 'age' : 'head',
    values: magnitudes,
    scale: kind === 'shift' ? ('all' as const) : ('row' as const),
  }));
  return svgHeatMaps(maps, {
    title: `What the state of ${basename(model)} holds`,
    subtitle: `after each word from left to right; after the last one the model says "${says}"`,
    columns: words,
  });
}
