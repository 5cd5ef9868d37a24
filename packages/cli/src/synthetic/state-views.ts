// What to show of the state of a model over the words it read: how much the shift state holds of the last words, and how full the
// diagonal state of each head is. A cache of attention has no short view.
import { diagonalMagnitudes, type StateSeries, shiftMagnitudes, UsageError } from 'hippo';

export interface StateView {
  readonly kind: 'shift' | 'diagonal';
  readonly layer: number;
  /** `layers.0, diagonal state by head` */
  readonly title: string;
  /** What each row is: words back, or a head. */
  readonly units: readonly string[];
  /** [words read][units] */
  readonly magnitudes: readonly (readonly number[])[];
}

export interface ViewOptions {
  /** Words back that are shown of the shift state. */
  readonly places: number;
  /** Layers of the model. */
  readonly layers: number;
  /** Channels between the projections of a layer, H3's being its width. */
  readonly width: number;
  /** Only this layer; default: all. */
  readonly layer?: number | undefined;
  /** Only these channels, and the heads they are in; default: all. */
  readonly channels?: readonly number[] | undefined;
}

/** @throws UsageError `unknown-layer`, `no-state`, `unknown-channel`. */
export function stateViews(states: readonly StateSeries[], options: ViewOptions): readonly StateView[] {
  const { layer, layers } = options;
  if (layer !== undefined && layer >= layers) {
    throw new UsageError(
      'unknown-layer',
      `remember, --layer: the model's layers are 0 to ${layers - 1}; got ${layer}. Choose one of these.`,
      { layer, layers },
    );
  }
  const views = states.flatMap((series) => viewOf(series, options));
  if (views.length > 0) return views;
  throw new UsageError(
    'no-state',
    `remember: shows shift and diagonal states, which attention has none of; got ${layer === undefined ? 'a model of attention layers' : `layer ${layer}`}. Choose another ${layer === undefined ? '--model' : '--layer'}.`,
    { layer },
  );
}

function viewOf(series: StateSeries, options: ViewOptions): readonly StateView[] {
  const [, number = '', kind = ''] = /^layers\.(\d+)\.(\w+)$/.exec(series.name) ?? [];
  const layer = Number(number);
  if ((options.layer !== undefined && layer !== options.layer) || (kind !== 'shift' && kind !== 'diagonal')) return [];
  const { rows, part } = chosenRows(series, options);
  if (kind === 'diagonal') {
    const magnitudes = diagonalMagnitudes(part);
    return [{ kind, layer, title: `layers.${layer}, diagonal state by head`, units: rows.map(String), magnitudes }];
  }
  // What the state holds after a word is for the words to come: its newest place is that word.
  const magnitudes = shiftMagnitudes(part).map((row) => row.slice(0, options.places));
  const units = (magnitudes[0] ?? []).map((_, back) => String(back));
  const which = options.channels === undefined ? '' : ` of channels ${options.channels.join(', ')}`;
  return [{ kind, layer, title: `layers.${layer}, shift state${which} by age in words`, units, magnitudes }];
}

/** The rows of a state, channels or heads, that the chosen channels are in. */
function chosenRows(
  series: StateSeries,
  { channels, width }: ViewOptions,
): { readonly rows: readonly number[]; readonly part: StateSeries } {
  const count = series.shape[0] ?? 0;
  if (channels === undefined) return { rows: [...new Array(count).keys()], part: series };
  // GSS has fewer channels than the width, each a row; a head of H3 is a row of several channels.
  const perRow = count < width && series.name.endsWith('diagonal') && width % count === 0 ? width / count : 1;
  const rows = [...new Set(channels.map((channel) => Math.floor(channel / perRow)))].sort((a, b) => a - b);
  const wrong = channels.find((channel) => channel >= count * perRow);
  if (wrong !== undefined) {
    throw new UsageError(
      'unknown-channel',
      `remember, --channels: the channels of ${series.name} are 0 to ${count * perRow - 1}; got ${wrong}. Choose among these.`,
      { channel: wrong, channels: count * perRow },
    );
  }
  const after = series.after.map((content) => {
    const size = content.length / count;
    return Float32Array.from(rows.flatMap((row) => [...content.subarray(row * size, (row + 1) * size)]));
  });
  return { rows, part: { ...series, shape: [rows.length, ...series.shape.slice(1)], after } };
}
