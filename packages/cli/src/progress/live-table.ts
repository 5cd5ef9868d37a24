// Several lines that tell how far several pieces of work are. On a terminal they are rewritten in place, at most four times a second;
// elsewhere (a file, a pipe, TERM=dumb) they are printed now and then. Must be fewer lines than the terminal has.
import type { Output } from '../terminal/io.ts';
import { cutVisible } from '../terminal/visible-text.ts';

export interface LiveTableOptions {
  /** Seconds between two rewrites on a terminal. Default 0.25. */
  readonly rewriteSeconds?: number;
  /** Seconds between two printings where nothing can be rewritten. Default 30. */
  readonly lineSeconds?: number;
  /** The clock, in seconds. Default: the process's own. */
  readonly now?: () => number;
}

export interface LiveTable {
  /** Shows the lines of `render()` when it is time for it; `render` is not called otherwise. */
  readonly update: (render: () => readonly string[]) => void;
  /** Prints a lasting line above the table. */
  readonly log: (text: string) => void;
  /** Shows the newest state, even one that was held back, and leaves the table standing. */
  readonly finish: () => void;
}

const asText = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

/** A table on `output`, usually `io.err`. */
export function openLiveTable(output: Output, options: LiveTableOptions = {}): LiveTable {
  const { rewriteSeconds = 0.25, lineSeconds = 30, now = () => performance.now() / 1000 } = options;
  const pause = output.interactive ? rewriteSeconds : lineSeconds;
  let newest: (() => readonly string[]) | undefined;
  let shown: readonly string[] = [];
  let shownAt = Number.NEGATIVE_INFINITY;

  // Up over what is shown, and clear from there to the end of the screen.
  const erase = (): string => (shown.length === 0 ? '' : `\x1b[${shown.length}A\r\x1b[J`);
  const show = (render: () => readonly string[]): void => {
    newest = undefined;
    shownAt = now();
    const lines = render();
    if (!output.interactive) {
      for (const line of lines) output.line(line);
      return;
    }
    // The last column stays free: some terminals wrap as soon as it is filled.
    const cut = lines.map((line) => cutVisible(line, output.columns - 1));
    output.write(`${erase()}${asText(cut)}`);
    shown = cut;
  };
  return {
    update(render) {
      newest = render;
      if (now() - shownAt >= pause) show(render);
    },
    log(text) {
      output.write(`${erase()}${text}\n${asText(shown)}`);
    },
    finish() {
      if (newest) show(newest);
      shown = [];
    },
  };
}
