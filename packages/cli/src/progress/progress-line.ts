// One line that tells how far the work is. On a terminal it is rewritten in place, at most ten times a second; elsewhere (a file,
// a pipe, TERM=dumb) it is a plain line now and then, so that logs stay short.
import type { Output } from '../terminal/io.ts';
import { cutVisible } from '../terminal/visible-text.ts';

export interface ProgressOptions {
  /** Seconds between two rewrites on a terminal. Default 0.1. */
  readonly rewriteSeconds?: number;
  /** Seconds between two lines where nothing can be rewritten. Default 10. */
  readonly lineSeconds?: number;
  /** The clock, in seconds. Default: the process's own. */
  readonly now?: () => number;
}

export interface ProgressLine {
  /** Shows `render()` when it is time for it; `render` is not called otherwise. */
  readonly update: (render: () => string) => void;
  /** Prints a lasting line above the progress line. */
  readonly log: (text: string) => void;
  /** Shows the newest state, even one that was held back, and leaves the line standing. May be called again without effect. */
  readonly finish: () => void;
}

const clearLine = '\r\x1b[K';

/** A progress line on `output`, usually `io.err`. */
export function openProgress(output: Output, options: ProgressOptions = {}): ProgressLine {
  const { rewriteSeconds = 0.1, lineSeconds = 10, now = () => performance.now() / 1000 } = options;
  const pause = output.interactive ? rewriteSeconds : lineSeconds;
  let newest: (() => string) | undefined;
  let shown = '';
  let shownAt = -Infinity;

  const show = (render: () => string): void => {
    newest = undefined;
    shownAt = now();
    // The last column stays free: some terminals wrap as soon as it is filled.
    shown = output.interactive ? cutVisible(render(), output.columns - 1) : render();
    if (output.interactive) output.write(clearLine + shown);
    else output.line(shown);
  };
  return {
    update(render) {
      newest = render;
      if (now() - shownAt >= pause) show(render);
    },
    log(text) {
      if (!output.interactive || shown === '') output.line(text);
      else output.write(`${clearLine}${text}\n${shown}`);
    },
    finish() {
      if (newest) show(newest);
      if (output.interactive && shown !== '') output.write('\n');
      shown = '';
    },
  };
}
